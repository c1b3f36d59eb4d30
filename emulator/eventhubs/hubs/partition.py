"""One partition: events committed in groups, and readers woken when they are durable."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from itertools import chain

from emulator.eventhubs.errors import HubError
from emulator.eventhubs.hubs.log import Log
from emulator.eventhubs.hubs.messages import Event, Message, read_event
from emulator.eventhubs.hubs.segment import Record
from emulator.eventhubs.hubs.throttle import SERVER_BUSY

_LOGGER = logging.getLogger(__name__)
_MAX_GROUP = 8 << 20
_MAX_WAITING = 64 << 20


class Partition:
    """A partition of a hub; belongs to the event loop that it is used in. `now` tells milliseconds since 1970, UTC.

    Commits are made in the threads of `commits`, or in the loop's own.
    """

    def __init__(self, number: int, log: Log, now: Callable[[], int], commits: Executor | None = None) -> None:
        self.id = str(number)
        self.log = log
        self._now = now
        self._commits = commits
        self._waiting: list[tuple[Sequence[Message], int, asyncio.Future[None]]] = []
        self._waiting_size = 0
        self._committing: asyncio.Task[None] | None = None
        self._is_refusing = False
        self._readers: set[asyncio.Future[None]] = set()

    @property
    def begin(self) -> int:
        """The sequence number of the first event that is kept."""
        return self.log.begin

    @property
    def end(self) -> int:
        """The sequence number that the next event will have."""
        return self.log.end

    def append(self, messages: Sequence[Message]) -> asyncio.Future[None]:
        """Add events, all or none of them; the future is done when they are durable.

        Events that arrive while others are made durable wait, and share one commit. Raises HubError where too many
        wait.
        """
        done = asyncio.get_running_loop().create_future()
        if not messages:
            done.set_result(None)
            return done
        size = sum(message.size for message in messages)
        if self._waiting_size + size > _MAX_WAITING:
            raise HubError(SERVER_BUSY, f"More than {_MAX_WAITING} bytes wait to be stored")
        self._waiting.append((messages, size, done))
        self._waiting_size += size
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit())
        return done

    def records(self, sequence: int, max_events: int, max_bytes: int) -> list[Record]:
        """Return the next events as they are stored; see `Log.read`."""
        return self.log.read(sequence, max_events, max_bytes)

    def read(self, from_sequence: int, max_events: int, max_bytes: int = 4 << 20) -> list[Event]:
        """Return the next events from a sequence number on, none at the end.

        Raises PositionRejected past the end and PositionExpired for events that retention has removed.
        """
        return [read_event(record) for record in self.log.read(from_sequence, max_events, max_bytes)]

    async def wait_for(self, sequence: int) -> None:
        """Wait until the event of a sequence number is there."""
        while self.end <= sequence:
            woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._readers.add(woken)
            try:
                await woken
            finally:
                self._readers.discard(woken)

    def expire(self) -> None:
        """Apply retention, unless a commit is about to do so."""
        if self._committing is None:
            self._expire()

    async def flush(self) -> None:
        """Wait until all that waits is stored."""
        if self._committing is not None:
            await self._committing

    async def close(self) -> None:
        """Store what waits and close the log."""
        await self.flush()
        self.log.close()

    async def _commit(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group = self._take()
            events = list(chain.from_iterable(messages for messages, _, _ in group))
            try:
                await loop.run_in_executor(self._commits, self.log.append, events, self._now())
            except OSError as error:
                self._refuse(group, error)
                continue
            if self._is_refusing:
                self._is_refusing = False
                _LOGGER.warning("partition %s: events are stored again", self.id)
            self.log.publish()
            self._wake(group)
            self._expire()
        self._committing = None

    def _refuse(self, group: Sequence[tuple[Sequence[Message], int, asyncio.Future[None]]], error: OSError) -> None:
        """Answer as a busy service does: clients keep their events and come again; told once until it is over."""
        reason = f"The events cannot be stored now: {error.strerror or error}"
        if not self._is_refusing:
            _LOGGER.warning("partition %s: %s; clients are told to come again", self.id, reason)
        self._is_refusing = True
        for _, _, done in group:
            if not done.done():
                done.set_exception(HubError(SERVER_BUSY, reason))

    def _expire(self) -> None:
        try:
            self.log.expire(self._now())
        except OSError as error:
            # Events that stay longer do no harm, and there is a next time.
            if not self._is_refusing:
                _LOGGER.warning("partition %s: retention cannot be applied: %s", self.id, error)

    def _take(self) -> list[tuple[Sequence[Message], int, asyncio.Future[None]]]:
        size = 0
        count = 0
        for _, each, _ in self._waiting:
            size += each
            count += 1
            if size >= _MAX_GROUP:
                break
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        self._waiting_size -= size
        return group

    def _wake(self, group: Sequence[tuple[Sequence[Message], int, asyncio.Future[None]]]) -> None:
        for _, _, done in group:
            if not done.done():
                done.set_result(None)
        for reader in self._readers:
            if not reader.done():
                reader.set_result(None)
