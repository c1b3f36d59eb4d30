"""Batches of trades by count, bytes and age."""

from collections.abc import Sequence
from dataclasses import dataclass

from producer.model import Trade


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """A batch is sealed by whichever limit it reaches first.

    With an age of zero no trade waits for others: a batch is what came while the one before it was sent. A sink that is
    paid by the request may want more in a batch. One megabyte stays well below the four that a streaming ingestion
    request may carry.
    """

    count: int = 500
    size_bytes: int = 1_000_000
    age_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Trades and their JSON objects, in order of arrival."""

    trades: Sequence[Trade]
    payloads: Sequence[bytes]


class Batcher:
    """Collects trades until a limit is reached; monotonic seconds are given, never read."""

    def __init__(self, limits: BatchLimits) -> None:
        self._limits = limits
        self._trades: list[Trade] = []
        self._payloads: list[bytes] = []
        self._size = 0
        self._deadline = 0.0

    @property
    def deadline(self) -> float | None:
        """When the open batch must go, in monotonic seconds; None while it is empty."""
        return self._deadline if self._trades else None

    def add(self, trade: Trade, payload: bytes, now: float) -> Batch | None:
        """Take a trade; return the batch before it, where the trade would have made that one too big."""
        full = None
        if self._trades and self._size + len(payload) + 1 > self._limits.size_bytes:
            full = self.seal()
        if not self._trades:
            self._deadline = now + self._limits.age_seconds
        self._trades.append(trade)
        self._payloads.append(payload)
        self._size += len(payload) + 1
        return full

    @property
    def oldest(self) -> Trade | None:
        """The first trade of the open batch."""
        return self._trades[0] if self._trades else None

    @property
    def room(self) -> int:
        """How many more trades the open batch takes by count."""
        return self._limits.count - len(self._trades)

    def is_due(self, now: float) -> bool:
        """Whether the open batch has reached its age."""
        return bool(self._trades) and now >= self._deadline

    def seal(self) -> Batch:
        """Return the open batch and start the next."""
        batch = Batch(self._trades, self._payloads)
        self._trades, self._payloads, self._size = [], [], 0
        return batch
