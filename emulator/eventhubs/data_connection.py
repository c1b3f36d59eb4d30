"""A data connection: the events of a hub into a table, each exactly once.

How far each partition is read commits together with the rows, and is asked for again after every failure. So neither a
death nor a doubtful commit loses or repeats an event.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from emulator.engine.marks import Stretch
from emulator.errors import KustoError
from emulator.eventhubs.dead_letters import DeadLetters, dead_letter
from emulator.eventhubs.errors import LogDamaged, PositionExpired, PositionRejected
from emulator.eventhubs.hub import Hub
from emulator.eventhubs.messages import Event
from emulator.eventhubs.partition import Partition
from emulator.eventhubs.records import Records, read_records

_LOGGER = logging.getLogger(__name__)
_UNREADABLE = frozenset({"BadRequest_InvalidJson", "BadRequest_InvalidEncoding"})
_PATIENCE_SECONDS = 10.0


class Table(Protocol):
    """An Eventhouse as a data connection needs it."""

    def ingest(
        self,
        table: str,
        data: bytes,
        *,
        format: str,
        mapping: str | None = None,
        database: str | None = None,
        marks: Mapping[str, Stretch] | None = None,
    ) -> int:
        """Store rows and marks in one transaction."""

    def mark(self, name: str) -> int | None:
        """Return a mark."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the rows go."""

    table: str
    mapping: str | None = None
    database: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """When a batch is full, by events or bytes; one that is not full is stored at once all the same.

    What arrives while a batch is being stored makes the next one, so that batches grow with what there is to do.
    After a failure the wait doubles from `first_pause` to `last_pause`, in seconds.
    """

    events: int = 10_000
    size: int = 4 << 20
    first_pause: float = 0.1
    last_pause: float = 30.0


@dataclass(slots=True)
class Progress:
    """How far a partition is stored: `position` is the next sequence number to store.

    `expired` counts events that retention removed before they were stored, `failure` says what stands in the way now.
    """

    partition: str
    position: int = 0
    end: int = 0
    stored: int = 0
    dead_letters: int = 0
    expired: int = 0
    failure: str = ""
    failing_since: datetime | None = None

    @property
    def lag(self) -> int:
        """How many events wait to be stored."""
        return max(0, self.end - self.position)


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a connection does its work, and why not."""

    is_healthy: bool
    lag: int
    lag_seconds: float
    problems: tuple[str, ...] = field(default=())


class DataConnection:
    """Stores what arrives in a hub into a table, from `start` to `close`.

    `name` tells connections apart that read the same hub: each stores every event once.
    """

    def __init__(
        self,
        hub: Hub,
        eventhouse: Table,
        destination: Destination,
        *,
        name: str = "data-connection",
        dead_letters: DeadLetters | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.dead_letters = dead_letters or DeadLetters(None)
        self._hub = hub
        self._eventhouse = eventhouse
        self._destination = destination
        self._name = name
        self._limits = limits or Limits()
        self._progress = {partition.id: Progress(partition.id) for partition in hub.partitions}
        self._kept: dict[str, int | None] = {}
        self._stopping = asyncio.Event()
        self._moved = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to store."""
        self._tasks = [asyncio.create_task(self._run(partition)) for partition in self._hub.partitions]

    async def close(self) -> None:
        """Finish the batches in progress and stop."""
        self._stopping.set()
        await asyncio.gather(*self._tasks)

    def progress(self) -> tuple[Progress, ...]:
        """Return how far each partition is stored."""
        for partition in self._hub.partitions:
            self._progress[partition.id].end = partition.end
        return tuple(self._progress.values())

    def health(self, now: datetime | None = None) -> Health:
        """Probe: a partition that fails for long, events that went by, or a task that is gone are problems."""
        now = now or datetime.now(UTC)
        progress = self.progress()
        problems = [
            f"partition {each.partition}: {each.failure}"
            for each in progress
            if each.failing_since is not None and (now - each.failing_since).total_seconds() > _PATIENCE_SECONDS
        ]
        problems += [
            f"partition {each.partition}: retention removed {each.expired} events before they were stored"
            for each in progress
            if each.expired
        ]
        if any(task.done() for task in self._tasks) or not self._tasks:
            problems.append("the connection does not run")
        oldest = min(filter(None, map(self._oldest_waiting, progress)), default=now)
        lag = sum(each.lag for each in progress)
        return Health(not problems, lag, (now - oldest).total_seconds(), tuple(problems))

    def _oldest_waiting(self, progress: Progress) -> datetime | None:
        if not progress.lag:
            return None
        partition = self._hub.partition(progress.partition)
        try:
            return partition.read(max(progress.position, partition.begin), 1)[0].enqueued_at
        except LogDamaged:
            return None

    async def drained(self) -> None:
        """Wait until everything that is in the hub now is stored."""
        ends = {partition.id: partition.end for partition in self._hub.partitions}
        while any(self._progress[partition].position < end for partition, end in ends.items()):
            self._moved.clear()
            await self._moved.wait()

    async def _run(self, partition: Partition) -> None:
        progress = self._progress[partition.id]
        pause = 0.0
        position: int | None = None
        while not self._stopping.is_set():
            try:
                if position is None:
                    position = await self._stored_position(partition)
                progress.position = position
                self._moved.set()
                events = await self._next_batch(partition, position)
                if events:
                    await self._store(partition, progress, events)
                    position = progress.position
            except PositionExpired as gap:
                _LOGGER.error("%s partition %s: %s", self._hub.name, partition.id, gap)
                progress.expired += gap.begin - (position or 0)
                position = gap.begin
            except (KustoError, PositionRejected, OSError) as error:
                # The rows may be stored all the same: the mark knows.
                position = None
                pause = min(max(2 * pause, self._limits.first_pause), self._limits.last_pause)
                self._note_failure(partition, progress, error)
                await self._rest(pause)
            else:
                pause = 0.0
                progress.failure, progress.failing_since = "", None

    async def _stored_position(self, partition: Partition) -> int:
        position = await asyncio.to_thread(self._eventhouse.mark, self._mark(partition))
        self._kept[partition.id] = position
        if position is None:
            return partition.begin
        if position > partition.end:
            raise PositionRejected(
                f"the table has the events up to {position - 1}, but the log of partition {partition.id} ends with"
                f" {partition.end - 1}: it is not the one that was read"
            )
        return position

    async def _next_batch(self, partition: Partition, position: int) -> list[Event]:
        if not await self._arrives(partition, position):
            return []
        return partition.read(position, self._limits.events, self._limits.size)

    async def _arrives(self, partition: Partition, sequence: int) -> bool:
        """Wait for an event, never past the stop; say whether it is there."""
        if partition.end > sequence:
            return True
        waiting = {asyncio.ensure_future(partition.wait_for(sequence)), asyncio.ensure_future(self._stopping.wait())}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()
        return partition.end > sequence

    async def _store(self, partition: Partition, progress: Progress, events: Sequence[Event]) -> None:
        records = [read_records(event) for event in events]
        letters = [
            dead_letter(self._hub.name, partition.id, each.event, each.problem) for each in records if each.problem
        ]
        if letters:
            # Before the rows, whose mark ends the chance to do so.
            await asyncio.to_thread(self.dead_letters.keep, letters)
        try:
            stored = await asyncio.to_thread(self._ingest, partition, records)
        except KustoError as error:
            if error.code not in _UNREADABLE:
                raise
            if len(events) > 1:
                await self._store(partition, progress, events[: len(events) // 2])
                await self._store(partition, progress, events[len(events) // 2 :])
                return
            letters.append(dead_letter(self._hub.name, partition.id, events[0], error.message))
            await asyncio.to_thread(self.dead_letters.keep, letters[-1:])
            stored = await asyncio.to_thread(self._ingest, partition, [Records(events[0], ())])
        progress.position = events[-1].sequence + 1
        self._moved.set()
        progress.stored += stored
        progress.dead_letters += len(letters)

    def _ingest(self, partition: Partition, records: Sequence[Records]) -> int:
        destination = self._destination
        stretch = Stretch(self._kept[partition.id], records[-1].event.sequence + 1)
        stored = self._eventhouse.ingest(
            destination.table,
            b"\n".join(line for each in records for line in each.lines),
            format="json",
            mapping=destination.mapping,
            database=destination.database,
            marks={self._mark(partition): stretch},
        )
        self._kept[partition.id] = stretch.until
        return stored

    def _mark(self, partition: Partition) -> str:
        # The identity keeps a hub that was made anew from being taken for the one that was read.
        return f"{self._name}/{self._hub.name}/{self._hub.identity}/{partition.id}"

    def _note_failure(self, partition: Partition, progress: Progress, error: Exception) -> None:
        progress.failure = getattr(error, "message", None) or str(error)
        if progress.failing_since is None:
            progress.failing_since = datetime.now(UTC)
            _LOGGER.warning("%s partition %s is not stored: %s", self._hub.name, partition.id, progress.failure)

    async def _rest(self, seconds: float) -> None:
        stopping = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({stopping}, timeout=seconds)
        stopping.cancel()
