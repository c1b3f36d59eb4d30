"""What a pipeline has done so far; may be read at any time."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class Counters:
    """Trades by what became of them, and how it went.

    `recovered` were in the spool when the pipeline started; `spooled` are in it now.
    """

    received: int = 0
    recovered: int = 0
    sent: int = 0
    batches: int = 0
    spooled: int = 0
    dead_letters: int = 0
    sink_retries: int = 0
    source_failures: int = 0
    unsent: int = 0
    delay_seconds: float | None = None
    last_event: datetime | None = None
    last_error: str = ""

    @property
    def in_flight(self) -> int:
        """Trades that are neither delivered nor on disk."""
        return self.received + self.recovered - self.sent - self.spooled - self.dead_letters
