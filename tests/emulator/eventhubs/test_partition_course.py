"""One partition of a data connection, step by step: what it reads and stores, and what it says of itself meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from emulator.backoff import Backoff
from emulator.engine.writing.marks import StaleMark
from emulator.errors import EngineFault
from emulator.eventhubs.data_connection.feed import HubRefused, HubReplaced, Reach, ReaderDisplaced
from emulator.eventhubs.data_connection.partition_course import Limits, PartitionCourse
from emulator.eventhubs.data_connection.progress import Progress
from emulator.eventhubs.errors import PositionExpired
from emulator.eventhubs.hubs.messages import Event

START = datetime(2026, 3, 2, 15, tzinfo=UTC)
QUICK = Limits(backoff=Backoff(0.001, 0.002), standby=0.2)


def came(sequence: int) -> datetime:
    return START + timedelta(seconds=sequence)


def events(first: int, last: int) -> list[Event]:
    return [Event(number, f"{number}", came(number), None, b"") for number in range(first, last + 1)]


class Feed:
    """A hub of one partition, whose reads and openings do what a test says."""

    name = "trades"

    def __init__(self, begin: int = 0) -> None:
        self.reach = Reach(begin, begin)
        self.reads: asyncio.Queue[list[Event] | Exception] = asyncio.Queue()
        self.refusals: list[Exception] = []
        self.opened: list[int] = []
        self.closed = 0

    def seen(self, _partition: str) -> Reach:
        return self.reach

    async def open(self, _partition: str, position: int, identity: str) -> "Reader":
        assert identity == "made on Monday"
        self.opened.append(position)
        if self.refusals:
            raise self.refusals.pop(0)
        return Reader(self, position)

    def bring(self, first: int, last: int) -> None:
        self.reach = Reach(self.reach.begin, last + 1, came(last))
        self.reads.put_nowait(events(first, last))


class Reader:
    def __init__(self, feed: Feed, position: int) -> None:
        self.position = position
        self._feed = feed

    async def read(self, max_events: int, max_bytes: int) -> list[Event]:
        assert (max_events, max_bytes) == (QUICK.events, QUICK.size)
        found = await self._feed.reads.get()
        if isinstance(found, Exception):
            raise found
        self.position = found[-1].sequence + 1
        return found

    def close(self) -> None:
        self._feed.closed += 1


class Store:
    """A table with a mark; faults come once each, before a batch is stored, or after it where `is_doubtful`."""

    def __init__(self, mark: int | None = None) -> None:
        self.mark = mark
        self.stored = 0
        self.dead_letters = 0
        self.batches: list[list[int]] = []
        self.faults: list[Exception] = []
        self.is_doubtful = False

    async def ask(self) -> int | None:
        return self.mark

    async def store(self, batch: Sequence[Event]) -> None:
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None and not self.is_doubtful:
            raise fault
        self.batches.append([event.sequence for event in batch])
        self.stored += len(batch)
        self.mark = batch[-1].sequence + 1
        if fault is not None:
            raise fault


def course_of(
    feed: Feed, store: Store, progress: Progress, limits: Limits = QUICK, stopping: asyncio.Event | None = None
) -> PartitionCourse:
    ends = (stopping or asyncio.Event(), asyncio.Event())
    return PartitionCourse(feed, "made on Monday", store, progress, limits, *ends)  # type: ignore[arg-type]  # fakes


@asynccontextmanager
async def running(feed: Feed, store: Store, limits: Limits = QUICK) -> AsyncIterator[PartitionCourse]:
    stopping = asyncio.Event()
    course = course_of(feed, store, Progress("0"), limits, stopping)
    task = asyncio.create_task(course.run())
    try:
        yield course
    finally:
        stopping.set()
        await task


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)


async def test_what_was_never_read_is_read_from_its_first_event() -> None:
    feed, store = Feed(begin=3), Store()
    async with running(feed, store) as course:
        await until(lambda: feed.opened)
        assert course.progress == Progress("0", position=3, end=3)
        feed.bring(3, 5)
        await until(lambda: store.batches)
        assert course.progress == Progress("0", position=6, end=6, stored=3)
        feed.bring(6, 6)
        await until(lambda: store.stored == 4)
    assert (feed.opened, store.batches, feed.closed) == ([3], [[3, 4, 5], [6]], 1)


async def test_what_was_read_before_is_gone_on_with_at_the_mark() -> None:
    feed, store = Feed(), Store(mark=7)
    feed.reach = Reach(0, 9, came(8))
    async with running(feed, store) as course:
        await until(lambda: feed.opened)
        # Nothing has been read yet: of what waits only the last is known.
        assert course.progress == Progress("0", position=7, end=9, waiting_since=came(8))
    assert feed.opened == [7]


async def test_a_table_that_fails_is_told_until_the_same_events_are_stored() -> None:
    feed, store = Feed(), Store()
    store.faults = [EngineFault("the disk is full"), EngineFault("the disk is still full")]
    async with running(feed, store) as course:
        feed.bring(0, 1)
        await until(lambda: course.progress.failure == "the disk is still full")
        failing = course.progress
        assert failing.failing_since is not None
        assert failing == Progress(
            "0",
            end=2,
            failure="the disk is still full",
            failing_since=failing.failing_since,
            waiting_since=came(0),
        )
        await until(lambda: store.batches)
        await until(lambda: not course.progress.failure)
        assert course.progress == Progress("0", position=2, end=2, stored=2)
    assert (feed.opened, store.batches) == ([0], [[0, 1]])


class Pauses(Backoff):
    """Keeps for how many failures in a row a pause was asked for."""

    asked: list[int] = []  # noqa: RUF012 - of the one test that asks

    def pause(self, failures: int) -> float:
        self.asked.append(failures)
        return 0.0


async def test_pauses_grow_with_failures_in_a_row_and_begin_anew_when_all_is_well() -> None:
    feed, store = Feed(), Store()
    store.faults = [EngineFault("one"), EngineFault("two")]
    async with running(feed, store, Limits(backoff=Pauses(0.0, 0.0))):
        feed.bring(0, 0)
        await until(lambda: store.batches)
        store.faults = [EngineFault("three")]
        feed.bring(1, 1)
        await until(lambda: len(store.batches) == 2)
    assert Pauses.asked == [1, 2, 1]


async def test_a_hub_that_refuses_is_opened_anew() -> None:
    feed, store = Feed(), Store()
    feed.refusals = [HubRefused("no such group")]
    async with running(feed, store) as course:
        await until(lambda: len(feed.opened) == 2)
        await until(lambda: not course.progress.failure)
        feed.reads.put_nowait(HubRefused("the group is gone"))
        await until(lambda: len(feed.opened) == 3)
        assert feed.closed == 1
        feed.bring(0, 0)
        await until(lambda: store.batches)
    assert (feed.opened, feed.closed, store.batches) == ([0, 0, 0], 2, [[0]])


async def test_what_a_doubtful_attempt_has_stored_is_not_stored_again() -> None:
    feed, store = Feed(), Store()
    store.faults, store.is_doubtful = [EngineFault("the connection broke"), StaleMark("behind")], True
    async with running(feed, store) as course:
        feed.bring(0, 2)
        feed.bring(3, 4)
        await until(lambda: course.progress.position == 5)
    assert (store.batches, feed.opened, feed.closed) == ([[0, 1, 2], [3, 4]], [0], 1)


async def test_of_a_batch_the_events_before_the_mark_are_left_out() -> None:
    feed, store = Feed(), Store()
    async with running(feed, store) as course:
        await until(lambda: feed.opened)
        # Another connection of this name stores the first two meanwhile.
        store.mark, store.faults = 2, [StaleMark("the mark is at 2")]
        feed.bring(0, 3)
        await until(lambda: course.progress.position == 4)
        assert course.progress.failure == ""
    assert (store.batches, feed.opened) == ([[2, 3]], [0])


async def test_a_mark_behind_what_was_read_is_read_again_from_there() -> None:
    feed, store = Feed(), Store(mark=2)
    feed.reach = Reach(0, 4, came(3))
    async with running(feed, store) as course:
        await until(lambda: feed.opened)
        store.mark, store.faults = 1, [StaleMark("the mark is at 1")]
        feed.bring(2, 3)
        await until(lambda: len(feed.opened) == 2)
        feed.bring(1, 3)
        await until(lambda: course.progress.position == 4)
    assert (feed.opened, store.batches) == ([2, 1], [[1, 2, 3]])


async def test_events_that_retention_removed_are_counted_once() -> None:
    feed, store = Feed(), Store(mark=2)
    feed.reach = Reach(5, 9, came(8))
    feed.refusals = [PositionExpired(2, 5), PositionExpired(5, 6)]
    async with running(feed, store) as course:
        await until(lambda: len(feed.opened) == 3)
        feed.bring(6, 8)
        await until(lambda: store.batches)
        assert course.progress == Progress("0", position=9, end=9, stored=3, expired=4)
    # Asked from before the gap again, as after a failure, the same events are not gone twice.
    assert feed.opened == [2, 5, 6]


async def test_all_of_a_hubs_first_events_may_be_gone() -> None:
    feed, store = Feed(), Store()
    feed.refusals = [PositionExpired(0, 5)]
    async with running(feed, store) as course:
        await until(lambda: len(feed.opened) == 2)
        assert (course.progress.position, course.progress.expired) == (5, 5)
    assert feed.opened == [0, 5]


async def test_another_hub_of_that_name_ends_the_course() -> None:
    feed, store = Feed(), Store()
    feed.refusals = [HubReplaced("another one")]
    with pytest.raises(HubReplaced):
        async with running(feed, store):
            await until(lambda: feed.opened)


async def test_one_that_is_displaced_stands_by_while_the_other_gets_on() -> None:
    feed, store = Feed(), Store()
    async with running(feed, store) as course:
        feed.bring(0, 0)
        await until(lambda: store.batches)
        feed.reach = Reach(0, 5, came(4))
        feed.reads.put_nowait(ReaderDisplaced("taken over"))
        await until(lambda: course.progress.is_standby)
        assert course.progress == Progress("0", position=1, end=5, stored=1, is_standby=True, waiting_since=came(4))
        store.mark = 3
        await until(lambda: course.progress.position == 3)
        assert feed.opened == [0]
        await until(lambda: len(feed.opened) == 2)
        assert not course.progress.is_standby
    assert (feed.opened, feed.closed) == ([0, 3], 2)


async def test_where_nothing_waits_standing_by_goes_on() -> None:
    feed, store = Feed(), Store(mark=1)
    feed.reach = Reach(0, 1, came(0))
    limits = Limits(backoff=QUICK.backoff, standby=0.01)
    async with running(feed, store, limits) as course:
        await until(lambda: feed.opened)
        feed.reads.put_nowait(ReaderDisplaced("taken over"))
        await until(lambda: course.progress.is_standby)
        await asyncio.sleep(0.05)
        assert (course.progress, feed.opened) == (Progress("0", position=1, end=1, is_standby=True), [1])


async def test_a_reader_that_stays_silent_though_events_wait_is_given_up() -> None:
    feed, store = Feed(), Store()
    async with running(feed, store, Limits(backoff=Backoff(0.2, 0.2))) as course:
        await until(lambda: feed.opened)
        await asyncio.sleep(0.005)
        silent, filled = Reach(0, 0), Reach(0, 3, came(2))
        # A look that finds nothing new begins the count anew.
        for reach in (filled, silent, filled):
            feed.reach = reach
            course.look(reach)
        await asyncio.sleep(0.005)
        assert course.progress == Progress("0", end=3, waiting_since=came(2))
        course.look(filled)
        await until(lambda: course.progress.failure)
        assert (course.progress.failure, feed.closed) == ("nothing arrives, though 3 events wait", 1)
        await until(lambda: len(feed.opened) == 2)


async def test_a_look_tells_since_when_events_wait_and_that_all_is_well() -> None:
    feed, store = Feed(), Store()
    course = course_of(feed, store, Progress("0", position=2))
    feed.reach = Reach(0, 3, came(2))
    course.look(feed.reach)
    # The oldest is not younger because others came.
    feed.reach = Reach(0, 5, came(4))
    course.look(feed.reach)
    assert course.progress == Progress("0", position=2, end=5, waiting_since=came(2))
    course._note(EngineFault("down"))
    first = course.progress.failing_since
    course._note(EngineFault("still down"))
    assert (course.progress.failure, course.progress.failing_since) == ("still down", first)
    feed.reach = Reach(0, 2, came(1))
    course.look(feed.reach)
    assert course.progress == Progress("0", position=2, end=2)
