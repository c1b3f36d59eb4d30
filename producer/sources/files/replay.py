"""A recorded file of trades, played again at a chosen speed."""

from asyncio import to_thread
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from pathlib import Path

from producer.clock import Clock
from producer.errors import BadData
from producer.model import Trade
from producer.sources.files.reading import FileOptions, read_trades
from producer.sources.files.tabular import within_memory

_SLICE = 1_000


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """How to play: `speed` 1 is as it happened, 60 a minute per second.

    With `as_live` the first trade happens now and the others after it; such a run has event ids of its own, while
    otherwise playing a file and loading it make the same events.
    """

    speed: float = 1.0
    as_live: bool = False
    options: FileOptions = field(default_factory=FileOptions)


class ReplaySource:
    """The trades of one file, in order, each when its turn comes; the file is read at the start, whole."""

    name = "replay"

    def __init__(self, path: Path, clock: Clock, settings: ReplaySettings) -> None:
        if settings.speed <= 0:
            raise BadData(f"speed {settings.speed} is not above zero", source=self.name)
        self._path = path
        self._clock = clock
        self._settings = settings

    async def trades(self) -> AsyncGenerator[Trade, None]:
        """Iterate over the trades of the file, waiting between them."""
        received_at = self._clock.now()
        with within_memory(self._path):
            table = await to_thread(read_trades, self._path, self._settings.options, received_at)
        started = self._clock.monotonic()
        first = None
        run = f"{received_at:%Y%m%dT%H%M%S}" if self._settings.as_live else ""
        for start in range(0, table.num_rows, _SLICE):
            for row in table.slice(start, _SLICE).to_pylist():
                happened = row["Timestamp"].replace(tzinfo=UTC)
                first = first or happened
                elapsed = (happened - first).total_seconds() / self._settings.speed
                wait = started + elapsed - self._clock.monotonic()
                if wait > 0:
                    await self._clock.sleep(wait)
                yield Trade(
                    event_id=f"{run}:{row['EventId']}" if run else row["EventId"],
                    symbol=row["Symbol"],
                    timestamp=received_at + timedelta(seconds=elapsed) if run else happened,
                    price=row["Price"],
                    size=row["Size"],
                    venue=row["Venue"],
                    source=row["Source"],
                    received_at=self._clock.now(),
                )

    async def close(self) -> None:
        """Hold nothing open."""
