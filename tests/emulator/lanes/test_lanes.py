"""Lanes: what is heavy waits for a core, and nothing that is light, urgent or an ingestion waits for it."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from emulator.errors import CancelFault, ClosingFault, CommandThrottledFault, LimitFault, ThrottledFault
from emulator.lanes import lanes as lanes_module
from emulator.lanes import queries
from emulator.lanes.lanes import Lanes
from emulator.work import Work

PATIENCE = 30.0


@pytest.fixture(autouse=True)
def short_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_START_SECONDS", "_LOOK_SECONDS", "_START_CPU_SECONDS", "_SECOND_CPU_SECONDS"):
        monkeypatch.setattr(queries, name, 0.01)
    monkeypatch.setattr(queries, "_LONGEST", 1)


@pytest.fixture
async def lanes() -> AsyncIterator[Lanes]:
    opened = Lanes(heavy=2)
    yield opened
    await opened.close()


class Heavy:
    """Calls that go on until they are told to end, as an engine does, and how many did at the same time."""

    def __init__(self) -> None:
        self.begun = 0
        self.at_once = 0
        self.most = 0
        self.finish = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, work: Work) -> str:
        with self._lock:
            self.begun += 1
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        try:
            while not self.finish.wait(0.001):
                work.check()
            return "heavy"
        finally:
            with self._lock:
                self.at_once -= 1

    async def are(self, number: int) -> None:
        """Wait until so many run."""
        await until(lambda: self.at_once == number)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what threads do."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - no event of this loop
            await asyncio.sleep(0.001)


def light(_: Work) -> str:
    return "light"


async def test_light_queries_are_answered_while_all_heavy_places_are_taken(lanes: Lanes) -> None:
    heavy = Heavy()
    tasks = [asyncio.create_task(lanes.query(Work(), heavy)) for _ in range(8)]
    await until(lambda: heavy.begun == 8 + 6)
    await heavy.are(2)
    # Once the starts are over no more than two go on, and the others begin again when their turn comes.
    heavy.most = 0
    assert [await lanes.query(Work(), light) for _ in range(20)] == ["light"] * 20
    heavy.finish.set()
    assert await asyncio.gather(*tasks) == ["heavy"] * 8
    # Of those six each was begun once more before it waited for its place.
    assert heavy.begun == 8 + 6 + 6
    assert heavy.most <= 2


async def test_a_query_that_turns_out_heavy_goes_on_where_it_is_while_there_is_a_place(lanes: Lanes) -> None:
    heavy = Heavy()
    tasks = [asyncio.create_task(lanes.query(Work(), heavy)) for _ in range(2)]
    await heavy.are(2)
    await asyncio.sleep(0.05)
    heavy.finish.set()
    assert await asyncio.gather(*tasks) == ["heavy"] * 2
    assert heavy.begun == 2


async def test_a_query_in_between_is_answered_beside_heavy_ones(lanes: Lanes, monkeypatch: pytest.MonkeyPatch) -> None:
    heavy = Heavy()
    tasks = [asyncio.create_task(lanes.query(Work(), heavy)) for _ in range(2)]
    await heavy.are(2)
    await asyncio.sleep(0.05)
    monkeypatch.setattr(queries, "_SECOND_CPU_SECONDS", PATIENCE)
    begun: list[int] = []

    def middling(number: int) -> Callable[[Work], str]:
        def run(work: Work) -> str:
            begun.append(number)
            while begun.count(number) == 1:
                work.check()
                time.sleep(0.001)
            return "middling"

        return run

    assert await asyncio.gather(*(lanes.query(Work(), middling(each)) for each in range(3))) == ["middling"] * 3
    assert sorted(begun) == [0, 0, 1, 1, 2, 2]
    heavy.finish.set()
    assert await asyncio.gather(*tasks) == ["heavy"] * 2


async def test_every_kind_of_work_has_threads_of_its_own(lanes: Lanes) -> None:
    heavy = Heavy()
    reading = [asyncio.create_task(lanes.query(Work(), heavy)) for _ in range(20)]
    await heavy.are(2)
    changing = [asyncio.create_task(lanes.command(Work(), heavy)) for _ in range(20)]
    await heavy.are(2 + lanes_module._COMMAND_THREADS)
    assert await asyncio.wait_for(lanes.urgent(Work(), light), PATIENCE) == "light"
    assert await asyncio.wait_for(lanes.ingest(Work(), light), PATIENCE) == "light"
    heavy.finish.set()
    assert await asyncio.gather(*reading, *changing) == ["heavy"] * 40


async def test_what_commands_compute_counts_as_a_query(lanes: Lanes) -> None:
    heavy, stored = Heavy(), list[str]()

    def store(work: Work) -> str:
        found = work.compute(heavy)
        stored.append(found)
        return found

    reading = [asyncio.create_task(lanes.query(Work(), heavy)) for _ in range(2)]
    await heavy.are(2)
    await asyncio.sleep(0.05)
    works = [Work() for _ in range(6)]
    changing = [asyncio.create_task(lanes.command(work, store)) for work in works]
    await until(lambda: heavy.begun == 2 + 6 + 6)
    await heavy.are(2)
    heavy.most = 0
    assert await asyncio.wait_for(lanes.control(Work(), light), PATIENCE) == "light"
    assert await asyncio.wait_for(lanes.command(Work(), lambda work: work.compute(light)), PATIENCE) == "light"
    works[3].cancel("enough")
    with pytest.raises(CancelFault, match="enough"):
        await changing.pop(3)
    heavy.finish.set()
    assert await asyncio.gather(*reading, *changing) == ["heavy"] * 7
    # Nothing is stored twice, however often it was computed.
    assert stored == ["heavy"] * 5
    assert heavy.most <= 2


async def test_what_goes_on_in_a_thread_of_its_own_has_the_places_of_its_lanes() -> None:
    lanes, heavy, later = Lanes(heavy=1), Heavy(), Work()

    def begin(work: Work) -> None:
        later.gate = work.gate

    await lanes.command(Work(), begin)
    reading = asyncio.create_task(lanes.query(Work(), heavy))
    await heavy.are(1)
    await asyncio.sleep(0.05)
    computing = asyncio.ensure_future(asyncio.to_thread(later.compute, heavy))
    await until(lambda: heavy.begun == 1 + 2)
    await heavy.are(1)
    later.cancel("enough")
    with pytest.raises(CancelFault, match="enough"):
        await computing
    heavy.finish.set()
    assert await reading == "heavy"
    await lanes.close()
    with pytest.raises(ClosingFault):
        await asyncio.to_thread(later.compute, light)


def test_a_gate_whose_loop_is_gone_is_closed() -> None:
    later = Work()

    async def begin() -> None:
        lanes = Lanes(heavy=1)
        await lanes.command(later, light)

    asyncio.run(begin())
    with pytest.raises(ClosingFault):
        later.compute(light)


async def test_more_than_may_wait_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "_HEAVY_PER_CORE", 2)
    monkeypatch.setattr(lanes_module, "_WAITING", 1)
    lanes, heavy = Lanes(heavy=1), Heavy()
    tasks = [asyncio.create_task(lanes.query(Work(), heavy)) for _ in range(4)]
    refused = [asyncio.create_task(lanes.command(Work(), heavy)) for _ in range(lanes_module._COMMAND_THREADS + 3)]
    await until(lambda: sum(task.done() for task in (*tasks, *refused)) == 4)
    heavy.finish.set()
    ended = await asyncio.gather(*tasks, *refused, return_exceptions=True)
    await lanes.close()
    throttled = [each for each in ended if isinstance(each, ThrottledFault)]
    assert [(type(each), each.message.rpartition(" ")[2]) for each in throttled] == [
        (ThrottledFault, "2"),
        (ThrottledFault, "2"),
        (CommandThrottledFault, "9"),
        (CommandThrottledFault, "9"),
    ]
    assert [each for each in ended if each not in throttled] == ["heavy"] * 11


@pytest.mark.parametrize("kind", ["query", "command", "control", "urgent", "ingest"])
async def test_work_ends_with_the_task_that_waits_for_it(lanes: Lanes, kind: str) -> None:
    heavy, work = Heavy(), Work()
    run: Callable[[Work, Heavy], Awaitable[str]] = getattr(lanes, kind)
    task = asyncio.ensure_future(run(work, heavy))
    await heavy.are(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await heavy.are(0)


async def test_a_query_that_waits_for_a_place_leaves_with_its_task(lanes: Lanes) -> None:
    heavy = Heavy()
    tasks = [asyncio.create_task(lanes.query(Work(), heavy)) for _ in range(6)]
    await until(lambda: heavy.begun == 6 + 4)
    await heavy.are(2)
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in ended] == [asyncio.CancelledError] * 6
    await heavy.are(0)
    assert heavy.begun == 6 + 4


async def test_a_query_that_is_canceled_while_it_is_set_aside_hears_why(lanes: Lanes) -> None:
    heavy, work = Heavy(), Work()
    tasks = [asyncio.create_task(lanes.query(Work(), heavy)) for _ in range(2)]
    await heavy.are(2)
    await asyncio.sleep(0.05)

    def leave(part: Work) -> None:
        while not part.is_canceled:
            time.sleep(0.001)
        work.cancel("enough")
        part.check()

    with pytest.raises(CancelFault, match="Request is canceled: enough"):
        await lanes.query(work, leave)
    heavy.finish.set()
    await asyncio.gather(*tasks)


async def test_a_place_is_taken_until_its_thread_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "_URGENT_THREADS", 1)
    lanes, finish, begun = Lanes(heavy=1), threading.Event(), threading.Event()

    def deaf(_: Work) -> str:
        begun.set()
        finish.wait(PATIENCE)
        return "at last"

    gone = asyncio.create_task(lanes.urgent(Work(), deaf))
    await asyncio.to_thread(begun.wait, PATIENCE)
    gone.cancel()
    waiting = asyncio.create_task(lanes.urgent(Work(), light))
    await asyncio.sleep(0.02)
    assert (gone.cancelled(), waiting.done()) == (True, False)
    finish.set()
    assert await waiting == "light"
    await lanes.close()


async def test_what_is_deaf_to_its_deadline_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, lanes: Lanes) -> None:
    monkeypatch.setattr("emulator.lanes.threads._GRACE_SECONDS", 0.01)
    finish = threading.Event()
    for run in (lanes.query, lanes.ingest):
        with pytest.raises(LimitFault) as overdue:
            await run(Work(0.02), lambda _: finish.wait(PATIENCE))
        assert overdue.value.code == "E_QUERY_TIMEOUT"
    finish.set()


async def test_to_close_ends_all_work_and_begins_nothing_more() -> None:
    lanes, heavy = Lanes(heavy=1), Heavy()
    tasks = [asyncio.create_task(lanes.query(Work(), heavy)) for _ in range(3)]
    tasks += [asyncio.create_task(lanes.ingest(Work(), heavy))]
    await until(lambda: heavy.begun == 4)
    await lanes.close()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in ended] == [CancelFault] * 4
    assert {str(each).rpartition(": ")[2] for each in ended} == {"the Eventhouse closes"}
    assert heavy.at_once == 0
    with pytest.raises(ClosingFault):
        await lanes.query(Work(), light)
