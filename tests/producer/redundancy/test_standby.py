"""A source that stands by, step by step: whose turn it is, what is kept meanwhile, and what is told at a takeover."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from producer.model import Trade
from producer.redundancy.lease import FileLease
from producer.redundancy.standby import StandbySettings, StandbySource
from tests.producer.clock import ManualClock, settle
from tests.producer.redundancy.test_redundancy import Inline
from tests.producer.scripted import make_trade


@pytest.fixture(autouse=True)
async def without_threads() -> None:
    asyncio.get_running_loop().set_default_executor(Inline())


class Told:
    """A lease that is held as a test says, from the next claim on; it runs out as it is told."""

    seconds = 10.0

    def __init__(self) -> None:
        self.is_free = False
        self.is_held = False
        self.claims = 0

    def claim(self) -> bool:
        self.claims += 1
        self.is_held = self.is_free
        return self.is_held

    def release(self) -> None:
        self.is_held = False


class Fed:
    """A source that tells what a test puts into it; None is its end."""

    name = "fed"

    def __init__(self) -> None:
        self.coming: asyncio.Queue[Trade | None] = asyncio.Queue()
        self.opened = self.closed = 0
        self.is_closed = False

    async def trades(self) -> AsyncGenerator[Trade, None]:
        self.opened += 1
        try:
            while (trade := await self.coming.get()) is not None:
                yield trade
        finally:
            self.closed += 1

    async def close(self) -> None:
        self.is_closed = True


class Stage:
    """A source that stands by, its lease, its clock, and the numbers of the trades that came of it."""

    def __init__(self, settings: StandbySettings | None = None) -> None:
        self.clock, self.lease, self.fed = ManualClock(), Told(), Fed()
        self.takeovers = 0
        self.source = StandbySource(self.fed, self.lease, self.clock, settings, on_takeover=self._take_over)
        self.came: list[str] = []
        self.on_trade: Callable[[], None] = lambda: None
        self.task = asyncio.create_task(self._run())

    async def _take_over(self) -> None:
        self.takeovers += 1

    async def _run(self) -> None:
        async for trade in self.source.trades():
            self.came.append(trade.event_id)
            self.on_trade()

    async def tell(self, *numbers: int) -> None:
        for number in numbers:
            self.fed.coming.put_nowait(make_trade(number))
        await settle()

    async def turn(self, is_free: bool) -> None:
        """Let the lease be free or taken, and the time of the next claim come."""
        self.lease.is_free = is_free
        await self.clock.advance(10.0 / 3 + 0.001)

    async def end(self) -> None:
        self.fed.coming.put_nowait(None)
        async with asyncio.timeout(5):
            await self.task


def names(*numbers: int) -> list[str]:
    return [f"e{number:03}" for number in numbers]


async def test_a_warm_one_tells_what_came_in_three_times_the_lease_and_goes_on() -> None:
    stage = Stage()
    await settle()
    assert (stage.source.name, stage.source.role, stage.lease.claims) == ("fed", "standby", 1)
    await stage.tell(1)
    await stage.clock.advance(10.0)
    await stage.tell(2, 3)
    await stage.clock.advance(30.0)
    await stage.tell(4)
    assert stage.came == []
    assert stage.lease.claims == 13
    await stage.turn(is_free=True)
    # Of 43.3 s ago and of 33.3 s ago nothing is kept.
    assert (stage.came, stage.source.role) == (names(4), "active")
    await stage.tell(5, 6)
    assert stage.came == names(4, 5, 6)
    await stage.turn(is_free=False)
    await stage.tell(7)
    assert stage.came == names(4, 5, 6)
    await stage.turn(is_free=True)
    assert stage.came == names(4, 5, 6, 7)
    await stage.end()
    assert stage.came == names(4, 5, 6, 7)
    assert (stage.fed.opened, stage.fed.closed, stage.takeovers) == (1, 1, 0)


async def test_what_is_kept_reaches_back_three_times_the_lease_and_no_further() -> None:
    stage = Stage()
    await settle()
    await stage.tell(1)
    await stage.clock.advance(0.5)
    await stage.tell(2)
    # The first of them is then 30 s old to the moment.
    await stage.clock.advance(29.5)
    await stage.tell(3)
    stage.lease.is_held = True
    stage.source._taken_over.set()
    await settle()
    assert stage.came == names(1, 2, 3)
    await stage.end()


async def test_what_is_kept_has_a_most() -> None:
    stage = Stage(StandbySettings(kept_trades=2))
    await settle()
    await stage.tell(1, 2, 3)
    await stage.turn(is_free=True)
    assert stage.came == names(2, 3)
    await stage.end()


async def test_a_lease_that_runs_out_amid_what_is_kept_ends_the_telling() -> None:
    stage = Stage()
    await settle()
    await stage.tell(1, 2)
    # It has run out when the first of the kept ones has been told.
    stage.on_trade = lambda: setattr(stage.lease, "is_held", False)
    await stage.turn(is_free=True)
    assert stage.came == names(1)
    stage.on_trade = lambda: None
    await stage.turn(is_free=True)
    assert stage.came == names(1, 2)
    await stage.end()


async def test_a_cold_one_opens_its_source_when_it_takes_over_each_time() -> None:
    stage = Stage(StandbySettings(is_warm=False))
    await stage.tell(1)
    assert (stage.fed.opened, stage.came) == (0, [])
    await stage.turn(is_free=True)
    assert (stage.fed.opened, stage.came, stage.takeovers) == (1, names(1), 1)
    await stage.turn(is_free=False)
    await stage.tell(2)
    # What comes after the lease is lost is not told, and the source is closed with it.
    assert (stage.fed.closed, stage.came, stage.source.role) == (1, names(1), "standby")
    await stage.tell(3)
    await stage.turn(is_free=True)
    assert (stage.fed.opened, stage.came, stage.takeovers) == (2, names(1, 3), 2)
    await stage.end()
    assert (stage.fed.closed, stage.task.done()) == (2, True)


async def test_a_lease_is_claimed_three_times_in_its_length_and_given_back_at_the_end() -> None:
    stage = Stage()
    await stage.turn(is_free=True)
    assert set(stage.clock.slept) == {10.0 / 3}
    assert stage.lease.claims == 2
    await stage.source.close()
    assert (stage.lease.is_held, stage.fed.is_closed, stage.source.role) == (False, True, "standby")
    await stage.end()
    claims = stage.lease.claims
    await stage.clock.advance(20.0)
    assert stage.lease.claims == claims


async def test_nobody_has_to_hear_of_a_takeover() -> None:
    clock, lease, fed = ManualClock(), Told(), Fed()
    lease.is_free = True
    source = StandbySource(fed, lease, clock, StandbySettings(is_warm=False))
    fed.coming.put_nowait(make_trade(1))
    fed.coming.put_nowait(None)
    assert [trade.event_id async for trade in source.trades()] == names(1)


async def test_a_lease_in_a_file_is_one_holders_until_its_time(tmp_path: Path) -> None:
    clock = ManualClock()
    first, second = (FileLease(tmp_path / "lease", name, clock, 10.0) for name in "ab")
    assert [first.claim(), second.claim(), first.is_held, second.is_held] == [True, False, True, False]
    await clock.advance(9.999)
    assert [second.claim(), first.is_held] == [False, True]
    await clock.advance(0.001)
    # It ends with the tenth second, for both.
    assert [first.is_held, second.claim(), first.claim()] == [False, True, False]
    second.release()
    assert [second.is_held, (tmp_path / "lease").exists(), first.claim()] == [False, False, True]
    # Who does not hold it gives nothing back.
    second.release()
    assert (tmp_path / "lease").exists()
    first.release()
    first.release()
    assert not (tmp_path / "lease").exists()
