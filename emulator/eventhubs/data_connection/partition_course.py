"""One partition of a data connection: read, store, and after every failure or doubt ask how far it is stored."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from emulator.backoff import Backoff
from emulator.engine.writing.marks import StaleMark
from emulator.errors import KustoError
from emulator.eventhubs.data_connection.feed import (
    Feed,
    FeedError,
    HubReplaced,
    HubUnreachable,
    Reach,
    Reader,
    ReaderDisplaced,
)
from emulator.eventhubs.data_connection.progress import Progress
from emulator.eventhubs.data_connection.storing import PartitionStore
from emulator.eventhubs.errors import LogDamaged, PositionExpired, PositionRejected
from emulator.eventhubs.hubs.messages import Event

_LOGGER = logging.getLogger(__name__)
_T = TypeVar("_T")
# Nothing arrives for so many looks, though the hub has events: the reader's connection is gone without a word.
_SILENT_LOOKS = 2
_BACKOFF = Backoff(0.1, 5.0)


@dataclass(frozen=True, slots=True)
class Limits:
    """When a batch is full, by events or bytes; one that is not full is stored at once all the same.

    What arrives while a batch is being stored makes the next one, so that batches grow with what there is to do.
    After a failure the wait is that of `backoff`. The hub is looked at every `look` seconds; a
    connection that was displaced takes a partition back when its events have not been stored for `standby`.
    """

    events: int = 10_000
    size: int = 4 << 20
    backoff: Backoff = _BACKOFF
    look: float = 5.0
    standby: float = 15.0


class PartitionCourse:
    """Stores what arrives in a partition until `stopping`; `moved` is set with every step forward."""

    def __init__(
        self,
        feed: Feed,
        identity: str,
        store: PartitionStore,
        progress: Progress,
        limits: Limits,
        stopping: asyncio.Event,
        moved: asyncio.Event,
    ) -> None:
        self._progress = progress
        self._partition = progress.partition
        self._feed = feed
        self._identity = identity
        self._store = store
        self._limits = limits
        self._stopping = stopping
        self._moved = moved
        self._is_sure = False
        self._reader: Reader | None = None
        self._events: list[Event] = []
        self._failures = 0
        self._known_gap = 0
        self._is_reading = False
        self._silent_looks = 0
        self._silenced = asyncio.Event()

    @property
    def progress(self) -> Progress:
        """How far the partition is stored, against what is known of its end; a copy."""
        reach = self._feed.seen(self._partition)
        found = replace(self._progress, end=reach.end)
        if found.lag and found.waiting_since is None:
            found.waiting_since = reach.latest
        return found

    @property
    def _lag(self) -> int:
        return max(0, self._feed.seen(self._partition).end - self._progress.position)

    async def run(self) -> None:
        """Run until the stop; raises HubReplaced."""
        try:
            while not self._stopping.is_set():
                await self._attempt()
        finally:
            self._drop_reader()

    def look(self, reach: Reach) -> None:
        """Compare with what the hub has, as it says itself."""
        position = self._progress.position
        if reach.end <= position:
            self._progress.waiting_since = None
            self._all_is_well()
        elif self._progress.waiting_since is None:
            self._progress.waiting_since = reach.latest
        self._silent_looks = self._silent_looks + 1 if self._is_reading and reach.end > position else 0
        if self._silent_looks >= _SILENT_LOOKS:
            self._silenced.set()

    async def _attempt(self) -> None:
        try:
            await self._step()
        except PositionExpired as gap:
            self._skip(gap)
        except HubReplaced:
            raise
        except ReaderDisplaced:
            await self._stand_by()
        except StaleMark as stale:
            # Another attempt has stored some of it, be it one of this connection that seemed to have failed.
            _LOGGER.info("%s partition %s: %s", self._feed.name, self._partition, stale.message)
            self._is_sure = False
            await self._rest(self._limits.backoff.first)
        except (KustoError, FeedError, PositionRejected, LogDamaged, OSError) as error:
            # The rows may be stored all the same: the mark knows.
            self._is_sure = False
            if not isinstance(error, KustoError):
                self._drop_reader()
            self._note(error)
            self._failures += 1
            await self._rest(self._limits.backoff.pause(self._failures))

    async def _step(self) -> None:
        if not self._is_sure:
            await self._ask()
        if self._reader is None and not self._events:
            position = self._progress.position
            self._reader = await self._feed.open(self._partition, position, self._identity)
            if self._feed.seen(self._partition).end <= position:
                self._all_is_well()
        if self._reader is not None and not self._events:
            self._events = await self._read(self._reader)
        if self._events:
            self._progress.waiting_since = self._events[0].enqueued_at
            await self._store.store(self._events)
            self._move_to(self._events[-1].sequence + 1)
            self._events = []
            self._progress.stored, self._progress.dead_letters = self._store.stored, self._store.dead_letters
            self._progress.waiting_since = None
            self._all_is_well()

    async def _ask(self) -> None:
        kept = await self._store.ask()
        position = self._feed.seen(self._partition).begin if kept is None else kept
        self._events = [event for event in self._events if event.sequence >= position]
        goes_on = self._events[0].sequence if self._events else self._reader.position if self._reader else None
        if goes_on != position:
            self._events = []
            self._drop_reader()
        self._is_sure = True
        self._move_to(position)

    async def _read(self, reader: Reader) -> list[Event]:
        self._is_reading = True
        try:
            events = await self._unless_stopped(reader.read(self._limits.events, self._limits.size), self._silenced)
        finally:
            self._is_reading = False
            self._silent_looks = 0
        if self._silenced.is_set():
            self._silenced.clear()
            raise HubUnreachable(f"nothing arrives, though {self._lag} events wait")
        return events or []

    async def _stand_by(self) -> None:
        """Wait until the one that has displaced this one does not get on."""
        self._drop_reader()
        _LOGGER.warning("%s partition %s is read by another connection; standing by", self._feed.name, self._partition)
        self._events = []
        self._progress.is_standby, self._progress.waiting_since = True, None
        loop = asyncio.get_running_loop()
        since = loop.time()
        while not self._stopping.is_set() and loop.time() - since < self._limits.standby:
            await self._rest(min(1.0, self._limits.standby / 4))
            try:
                position = await self._store.ask()
            except (KustoError, OSError) as error:
                self._note(error)
                continue
            if position is not None and position > self._progress.position:
                self._move_to(position)
                since = loop.time()
            if not self._lag:
                self._all_is_well()
                since = loop.time()
        self._progress.is_standby = False
        self._is_sure = False

    def _skip(self, gap: PositionExpired) -> None:
        _LOGGER.error("%s partition %s: %s", self._feed.name, self._partition, gap)
        self._progress.expired += gap.begin - max(self._progress.position, self._known_gap)
        self._known_gap = gap.begin
        self._move_to(gap.begin)

    def _move_to(self, position: int) -> None:
        self._progress.position = position
        self._moved.set()

    def _drop_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _note(self, error: Exception) -> None:
        progress = self._progress
        progress.failure = getattr(error, "message", None) or str(error)
        if progress.failing_since is None:
            progress.failing_since = datetime.now(UTC)
            _LOGGER.warning("%s partition %s is not stored: %s", self._feed.name, self._partition, progress.failure)

    def _all_is_well(self) -> None:
        self._failures = 0
        self._progress.failure, self._progress.failing_since = "", None

    async def _rest(self, seconds: float) -> None:
        await self._unless_stopped(asyncio.sleep(seconds))

    async def _unless_stopped(self, work: Coroutine[None, None, _T], *others: asyncio.Event) -> _T | None:
        """Return what the work does, or None where the stop or another event comes before it is done."""
        return await unless((self._stopping, *others), work)


async def unless(events: tuple[asyncio.Event, ...], work: Coroutine[None, None, _T]) -> _T | None:
    """Return what the work does; None where one of the events comes first, and the work is then given up."""
    doing = asyncio.ensure_future(work)
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait({doing, *waiting}, return_when=asyncio.FIRST_COMPLETED)
        return doing.result() if doing.done() else None
    finally:
        for each in (doing, *waiting):
            each.cancel()
        await asyncio.gather(doing, *waiting, return_exceptions=True)
