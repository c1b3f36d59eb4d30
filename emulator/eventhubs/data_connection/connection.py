"""A data connection: the events of a hub into a table, each exactly once.

How far each partition is read commits together with the rows, and is asked for again after every failure. So neither a
death nor a doubtful commit loses or repeats an event, wherever hub and table are.
"""

import asyncio
import logging
from datetime import UTC, datetime

from emulator.eventhubs.data_connection.dead_letters import DeadLetters
from emulator.eventhubs.data_connection.feed import Feed, FeedError, HubReplaced, HubState
from emulator.eventhubs.data_connection.partition_course import Limits, PartitionCourse, unless
from emulator.eventhubs.data_connection.progress import Health, Progress, Trouble, judge
from emulator.eventhubs.data_connection.storing import Destination, PartitionStore, Source, Table

__all__ = ["DataConnection", "Destination", "Health", "Limits", "Progress", "Table"]

_LOGGER = logging.getLogger(__name__)


class DataConnection:
    """Stores what arrives in a hub into a table, from `start` to `close`, which closes the feed too.

    `name` tells connections apart that read the same hub: each stores every event once.
    """

    def __init__(
        self,
        feed: Feed,
        eventhouse: Table,
        destination: Destination,
        *,
        name: str = "data-connection",
        dead_letters: DeadLetters | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.name = name
        self.destination = destination
        self.dead_letters = dead_letters or DeadLetters(None)
        self._feed = feed
        self._eventhouse = eventhouse
        self._limits = limits or Limits()
        self._courses: dict[str, PartitionCourse] = {}
        self._hub = Trouble()
        self._stopping = asyncio.Event()
        self._moved = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    @property
    def hub(self) -> str:
        """The name of the hub."""
        return self._feed.name

    def start(self) -> None:
        """Begin to store."""
        self._running = asyncio.create_task(self._run())

    async def failed(self) -> None:
        """Wait for the end, which comes by `close`, or raises what nobody has foreseen."""
        if self._running is not None:
            await asyncio.shield(self._running)

    async def close(self, patience: float | None = None) -> None:
        """Finish the batches in progress and stop; what takes longer than `patience` seconds is left to the mark.

        None waits for as long as the Eventhouse takes.
        """
        self._stopping.set()
        try:
            if self._running is not None:
                await asyncio.wait({self._running}, timeout=patience)
                if not self._running.done():
                    _LOGGER.warning("%s: the Eventhouse does not answer and is not waited for", self.hub)
                    self._running.cancel()
                    await asyncio.wait({self._running})
                if not self._running.cancelled():
                    self._running.result()
        finally:
            await self._feed.close()

    def progress(self) -> tuple[Progress, ...]:
        """Return how far each partition is stored; nothing before the hub has told which it has."""
        return tuple(course.progress for course in self._courses.values())

    def health(self, now: datetime | None = None) -> Health:
        """Probe whether the connection does its work."""
        is_running = self._running is not None and (self._stopping.is_set() or not self._running.done())
        return judge(self.progress(), self._hub, now or datetime.now(UTC), is_running=is_running)

    async def drained(self) -> None:
        """Wait until everything that is in the hub now is stored. Raises FeedError where the hub does not say."""
        ends = (await self._feed.look()).partitions
        while any(not self._has_reached(partition, reach.end) for partition, reach in ends.items()):
            self._moved.clear()
            await self._moved.wait()

    def _has_reached(self, partition: str, end: int) -> bool:
        course = self._courses.get(partition)
        return course is not None and course.progress.position >= end

    async def _run(self) -> None:
        while not self._stopping.is_set():
            state = await self._first_look()
            if state is None:
                return
            try:
                async with asyncio.TaskGroup() as group:
                    for course in self._follow(state):
                        group.create_task(course.run())
                    group.create_task(self._watch(state))
            except* HubReplaced as replaced:
                _LOGGER.error("%s: %s", self._feed.name, replaced.exceptions[0])

    async def _first_look(self) -> HubState | None:
        failures = 0
        while not self._stopping.is_set():
            state = await self._look()
            if state is not None:
                return state
            failures += 1
            await unless((self._stopping,), asyncio.sleep(self._limits.backoff.pause(failures)))
        return None

    def _follow(self, state: HubState) -> list[PartitionCourse]:
        self._courses = {
            partition: PartitionCourse(
                self._feed,
                state.identity,
                PartitionStore(
                    self._eventhouse,
                    self.destination,
                    Source(self.name, self._feed.name, state.identity, partition),
                    self.dead_letters,
                ),
                Progress(partition),
                self._limits,
                self._stopping,
                self._moved,
            )
            for partition in state.partitions
        }
        return list(self._courses.values())

    async def _watch(self, known: HubState) -> None:
        while not self._stopping.is_set():
            await unless((self._stopping,), asyncio.sleep(self._limits.look))
            state = await self._look()
            if state is None:
                continue
            if state.identity != known.identity:
                raise HubReplaced(f"the hub of {known.identity} is gone, another one of {state.identity} answers")
            if state.partitions.keys() != known.partitions.keys():
                raise HubReplaced(f"the hub has {len(state.partitions)} partitions now")
            for partition, reach in state.partitions.items():
                self._courses[partition].look(reach)

    async def _look(self) -> HubState | None:
        try:
            state = await unless((self._stopping,), self._feed.look())
        except FeedError as error:
            if not self._hub.failure:
                _LOGGER.warning("%s: %s", self._feed.name, error)
            self._hub.note(str(error), datetime.now(UTC))
            return None
        if state is not None:
            self._hub.clear()
        return state
