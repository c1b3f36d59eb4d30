"""Which messages are ingested together, and when: batches by table, sealed by age, number or size."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from emulator.engine.queued.message import Pending
from emulator.schema.policies import IngestionBatchingPolicy, read_policy
from emulator.types import TICKS_PER_SECOND


@dataclass(frozen=True, slots=True)
class BatchingLimits:
    """When a batch is sealed: so many seconds after its first message, or when it holds so many messages or bytes.

    `flush_age` is the age where a message asks for an immediate flush. It is not zero, since clients expect of the
    service that queued rows are not there at once: the SDK's own tests look after a second and must find none.
    """

    age: float = 5.0
    flush_age: float = 2.0
    items: int = 500
    size: int = 32 * 1024 * 1024

    def under(self, policy: str) -> "BatchingLimits":
        """Return the limits as an ingestion batching policy narrows them; JSON `null` is none."""
        read = read_policy("ingestionbatching", policy)
        if not isinstance(read, IngestionBatchingPolicy):
            return self
        return BatchingLimits(
            self.age if read.time is None else min(self.age, read.time / TICKS_PER_SECOND),
            self.flush_age,
            self.items if read.items is None else min(self.items, read.items),
            self.size if read.megabytes is None else min(self.size, read.megabytes << 20),
        )


class Batches:
    """The messages that wait, by table; `limits_of` says what holds for a database and table."""

    def __init__(self, limits_of: Callable[[str, str], BatchingLimits]) -> None:
        self._limits_of = limits_of
        self._waiting: dict[tuple[str, str], list[Pending]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, pending: Pending) -> None:
        """Let a message wait."""
        self._waiting.setdefault((pending.message.database, pending.message.table), []).append(pending)

    def put_back(self, pending: Iterable[Pending]) -> None:
        """Let messages wait again, before those that came after them."""
        for each in pending:
            self.add(each)
            self._waiting[each.message.database, each.message.table].sort(key=lambda waiting: waiting.number)

    def take(self, now: float) -> list[Pending]:
        """Return the messages of a sealed batch, in order, or none."""
        for key in self._waiting:
            if self._due(key) <= now:
                return self._pop(key)
        return []

    def next_due(self) -> float | None:
        """Return when the next batch is sealed if no message comes, or None while nothing waits."""
        return min(map(self._due, self._waiting), default=None)

    def _due(self, key: tuple[str, str]) -> float:
        waiting, limits = self._waiting[key], self._limits_of(*key)
        not_before = waiting[0].not_before
        if len(waiting) >= limits.items or sum(each.size for each in waiting) >= limits.size:
            return not_before
        flush_age = min(limits.flush_age, limits.age)
        ages = (flush_age if each.message.flush_immediately else limits.age for each in waiting)
        return max(not_before, min(each.since + age for each, age in zip(waiting, ages, strict=True)))

    def _pop(self, key: tuple[str, str]) -> list[Pending]:
        waiting, limits = self._waiting.pop(key), self._limits_of(*key)
        size = count = 0
        for each in waiting:
            if count == limits.items or (count and size + each.size > limits.size):
                break
            size, count = size + each.size, count + 1
        if count < len(waiting):
            self._waiting[key] = waiting[count:]
        return waiting[:count]
