"""Sources that stand in for each other."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta

import pytest

from producer.errors import BadData, Blocked, NoData, NotEntitled, ProducerError, RateLimited, Transient, UnknownSymbol
from producer.model import Bar, CorporateAction, History, Trade
from producer.retry import RetryPolicy
from producer.source import Capability
from producer.sources.bars import ActionsWithDays
from producer.sources.chain import HistoryChain, TradeChain
from tests.producer.clock import START, ManualClock, seeded

DAY = datetime(2024, 3, 1, tzinfo=UTC)
END = DAY + timedelta(days=1)


class Provider(ActionsWithDays):
    """Answers with a bar of its name, or raises the next error it is given."""

    def __init__(self, name: str, *capabilities: Capability, errors: Sequence[ProducerError] = ()) -> None:
        self.name = name
        self.capabilities = frozenset(capabilities)
        self.errors = list(errors)
        self.asked = 0
        self.closed = False

    async def daily(self, symbol: str, start: datetime, end: datetime) -> History:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        actions = (CorporateAction(symbol, date(2024, 3, 1), "split", 4.0, self.name, START),)
        bar = Bar(symbol, start, 1.0, 1.0, 1.0, 1.0, 1.0, self.name, START)
        return History((bar,), actions if "actions" in self.capabilities else ())

    async def intraday(self, symbol: str, start: datetime, end: datetime) -> History:
        return await self.daily(symbol, start, end)

    def recent_trades(self, span: timedelta) -> Sequence[Trade]:
        return (trade(self.name, 1),) if self.name == "simulated" else ()

    async def close(self) -> None:
        self.closed = True


def trade(source: str, number: int) -> Trade:
    return Trade(f"{source}:{number}", "AAPL", START, 1.0, 1.0, "", source, START)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("slow"),
        NotEntitled("no plan"),
        UnknownSymbol("who?"),
        NoData("nothing"),
        Transient("reset"),
        Blocked("a page"),
        BadData("nonsense"),
    ],
)
async def test_the_next_source_stands_in_whatever_the_first_one_says(clock: ManualClock, error: ProducerError) -> None:
    chain = HistoryChain([Provider("one", "daily", errors=[error]), Provider("two", "daily")], clock)
    history = await chain.daily("AAPL", DAY, END)
    assert [bar.source for bar in history.bars] == ["two"], "rows keep the name of who told them"


async def test_only_sources_with_the_capability_are_asked(clock: ManualClock) -> None:
    days, minutes = Provider("days", "daily"), Provider("minutes", "intraday")
    chain = HistoryChain([days, minutes], clock)
    assert chain.capabilities == {"daily", "intraday"}
    assert (await chain.intraday("AAPL", DAY, END)).bars[0].source == "minutes"
    assert days.asked == 0
    with pytest.raises(NotEntitled, match="no source tells daily of AAPL"):
        await HistoryChain([minutes], clock).daily("AAPL", DAY, END)


async def test_actions_come_from_another_source_where_the_first_tells_none(clock: ManualClock) -> None:
    chain = HistoryChain([Provider("bars", "daily"), Provider("all", "daily", "actions")], clock)
    history = await chain.daily("AAPL", DAY, END)
    assert (history.bars[0].source, history.actions[0].source) == ("bars", "all")


async def test_bars_without_their_actions_are_no_answer(clock: ManualClock) -> None:
    silent = Provider("all", "daily", "actions", errors=[Transient("reset")])
    with pytest.raises(Transient, match="reset"):
        await HistoryChain([Provider("bars", "daily"), silent], clock).daily("AAPL", DAY, END)


async def test_a_source_that_refused_is_left_alone_for_as_long_as_it_asked(clock: ManualClock) -> None:
    first = Provider("one", "daily", errors=[RateLimited("slow", retry_after=100.0)])
    chain = HistoryChain([first, Provider("two", "daily")], clock)
    sources = []
    for seconds in (50.0, 49.0, 2.0):
        sources.append((await chain.daily("AAPL", DAY, END)).bars[0].source)
        await clock.advance(seconds)
    sources.append((await chain.daily("AAPL", DAY, END)).bars[0].source)
    assert sources == ["two", "two", "two", "one"]
    assert first.asked == 2


async def test_when_all_refuse_the_shortest_wait_is_told(clock: ManualClock) -> None:
    refusing = [
        Provider("one", "daily", errors=[RateLimited("slow", retry_after=100.0)]),
        Provider("two", "daily", errors=[Blocked("a page", retry_after=30.0)]),
        Provider("three", "daily", errors=[NoData("nothing")]),
    ]
    with pytest.raises(Transient, match="one: slow; two: a page; three: nothing") as refused:
        await HistoryChain(refusing, clock).daily("AAPL", DAY, END)
    assert refused.value.retry_after == 30.0


async def test_when_none_of_them_may_help_later_the_last_word_counts(clock: ManualClock) -> None:
    refusing = [Provider(name, "daily", errors=[UnknownSymbol("who?")]) for name in ("one", "two")]
    with pytest.raises(UnknownSymbol, match="one: who\\?; two: who\\?"):
        await HistoryChain(refusing, clock).daily("AAPL", DAY, END)


async def test_recent_trades_come_from_whoever_keeps_them_and_closing_closes_all(clock: ManualClock) -> None:
    providers = [Provider("one", "daily"), Provider("simulated", "daily")]
    chain = HistoryChain(providers, clock)
    assert [each.source for each in chain.recent_trades(timedelta(minutes=1))] == ["simulated"]
    await chain.close()
    assert all(provider.closed for provider in providers)


class Live:
    """Yields numbered trades a second apart; raises the errors of its script in between."""

    def __init__(self, name: str, clock: ManualClock, script: Sequence[int | ProducerError]) -> None:
        self.name = name
        self._clock = clock
        self._script = list(script)
        self.closed = False

    async def trades(self) -> AsyncGenerator[Trade, None]:
        while self._script:
            match self._script.pop(0):
                case ProducerError() as error:
                    raise error
                case int() as count:
                    for number in range(count):
                        await self._clock.sleep(1.0)
                        yield trade(self.name, number)

    async def close(self) -> None:
        self.closed = True


async def told(chain: TradeChain, count: int = 1_000) -> list[str]:
    sources: list[str] = []
    async with aclosing(chain.trades()) as trades:
        async for each in trades:
            sources.append(each.source)
            if len(sources) == count:
                break
    return sources


def chain_of(clock: ManualClock, *sources: Live) -> TradeChain:
    policy = RetryPolicy(attempts=None, base_seconds=0.0, cap_seconds=60.0)
    return TradeChain(sources, clock, policy=policy, random=seeded())


async def test_a_fallback_takes_over_and_hands_back(clock: ManualClock) -> None:
    first = Live("a", clock, [2, RateLimited("slow", retry_after=10.0), 3])
    chain = chain_of(clock, first, Live("b", clock, [100]))
    found = await clock.finish(told(chain, 15))
    assert found == ["a"] * 2 + ["b"] * 10 + ["a"] * 3


async def test_a_source_that_will_not_work_again_soon_rests_longest(clock: ManualClock) -> None:
    chain = chain_of(clock, Live("a", clock, [NotEntitled("no plan"), 5]), Live("b", clock, [100]))
    assert await clock.finish(told(chain, 62)) == ["b"] * 60 + ["a"] * 2


async def test_when_all_rest_the_chain_fails_with_the_shortest_wait(clock: ManualClock) -> None:
    sources = [
        Live("a", clock, [RateLimited("slow", retry_after=100.0)]),
        Live("b", clock, [Blocked("a page", retry_after=40.0), 1]),
    ]
    chain = chain_of(clock, *sources)
    with pytest.raises(Transient, match="every source rests") as failed:
        await clock.finish(told(chain))
    assert failed.value.retry_after == 40.0
    await clock.advance(40.0)
    assert await clock.finish(told(chain)) == ["b"]


async def test_a_chain_of_one_tells_its_own_error(clock: ManualClock) -> None:
    chain = chain_of(clock, Live("a", clock, [NotEntitled("no plan")]))
    with pytest.raises(NotEntitled):
        await clock.finish(told(chain))


async def test_a_chain_is_named_for_its_sources_and_closes_them(clock: ManualClock) -> None:
    sources = [Live("a", clock, []), Live("b", clock, [])]
    chain = chain_of(clock, *sources)
    await chain.close()
    assert chain.name == "a+b"
    assert all(source.closed for source in sources)
