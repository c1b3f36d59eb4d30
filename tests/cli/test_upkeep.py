"""`tickhouse up` keeps the past of real prices complete while it runs."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from cli.commands.up import _upkeep, until_it_succeeds
from cli.composition.embedded import EmbeddedEventhouse
from cli.composition.sources import LiveSource, choose_source
from producer.clock import SystemClock
from producer.errors import BadData, ProducerError, Transient
from producer.history.store import LandingStore
from producer.model import Bar, History
from tests.kql.template import open_market
from tests.producer.clock import ManualClock
from tests.producer.history.test_backfill import Provider
from tests.producer.scripted import ScriptedSource

YESTERDAY = datetime(2025, 11, 28, tzinfo=UTC)


class OneDay(Provider):
    """Has one bar, or fails as it is told."""

    async def daily(self, symbol: str, start: datetime, end: datetime) -> History:
        self._answer(symbol, start, end)
        return History((Bar(symbol, YESTERDAY, 1.0, 1.0, 1.0, 1.0, 1.0, "test", datetime.now(UTC)),))


@pytest.fixture
def due(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """The past is due once, and at once; set when it was looked at."""
    done = asyncio.Event()

    async def once(refresh: Callable[[], Awaitable[None]], *_: object) -> None:
        await refresh()
        done.set()
        await asyncio.Event().wait()

    monkeypatch.setattr("cli.commands.up.keep_past", once)
    return done


async def kept(source: LiveSource, due: asyncio.Event, folder: Path) -> tuple[int, str]:
    """How many daily bars are there after the past was looked at, and what was said."""
    eventhouse, shown = open_market(folder), io.StringIO()
    async with _upkeep(source, LandingStore(eventhouse, SystemClock()), Console(file=shown, width=200)):
        await asyncio.wait_for(due.wait(), 30)
    ((count,),) = (await eventhouse.query("DailyBars | count")).rows()
    await eventhouse.close()
    assert isinstance(count, int)
    return count, shown.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("errors", "count", "said"),
    [
        ([], 1, "History: 1 daily and 0 one-minute bars were new."),
        ([Transient("out of order")], 0, "No history: AAPL daily: out of order"),
    ],
)
async def test_a_session_is_stated_by_the_provider(
    errors: list[ProducerError], count: int, said: str, due: asyncio.Event, tmp_path: Path
) -> None:
    source = LiveSource(ScriptedSource(ManualClock(), []), OneDay(errors=errors), ("AAPL",))
    stored, shown = await kept(source, due, tmp_path)
    assert stored == count
    assert said in shown


@pytest.mark.slow
async def test_the_simulated_market_is_left_as_it_is(due: asyncio.Event) -> None:
    source = await choose_source("simulated", Console(file=io.StringIO()), 5.0)
    assert source is not None
    eventhouse = EmbeddedEventhouse.open(None, "Market")
    async with _upkeep(source, LandingStore(eventhouse, SystemClock()), Console(file=io.StringIO())):
        await asyncio.sleep(0)
    assert not due.is_set()
    await eventhouse.close()


async def test_the_past_is_fetched_again_while_the_disk_has_no_room() -> None:
    clock, console = ManualClock(), Console(file=io.StringIO(), width=200)
    faults: list[ProducerError] = [Transient("no space left"), Transient("no space left")]

    async def fetch() -> None:
        if faults:
            raise faults.pop(0)

    await clock.finish(until_it_succeeds(fetch, clock, console))
    assert clock.slept == [10.0, 10.0]
    told = "The past is incomplete, next attempt in 10 s: no space left\n"
    assert console.file.getvalue() == told * 2  # type: ignore[attr-defined]  # a StringIO
    faults.append(BadData("unreadable"))
    with pytest.raises(BadData):
        await clock.finish(until_it_succeeds(fetch, clock, console))
