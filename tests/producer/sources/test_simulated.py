"""The simulated market: the same for the same seed and time, and plausible."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from kql.reference import load_companies
from producer.errors import NoData
from producer.model import Trade
from producer.sources.simulated.market import day_start, trading_date
from producer.sources.simulated.source import SimulatedSettings, SimulatedSource
from tests.companies import KNOWN
from tests.producer.clock import START, ManualClock

USUAL = {company.symbol: company.usual for company in load_companies()}


async def live(source: SimulatedSource, count: int) -> list[Trade]:
    found: list[Trade] = []
    async for trade in source.trades():
        found.append(trade)
        if len(found) == count:
            break
    return found


async def test_trades_come_at_their_time_and_rate() -> None:
    clock = ManualClock()
    source = SimulatedSource(clock, SimulatedSettings(trades_per_second=5))
    trades = await clock.finish(live(source, 50))
    assert clock.now() - START < timedelta(seconds=10)
    assert clock.now() >= trades[-1].timestamp
    assert [trade.timestamp for trade in trades] == sorted(trade.timestamp for trade in trades)
    assert len({trade.event_id for trade in trades}) == 50
    assert all(trade.source == "simulated" for trade in trades)
    assert all(trade.received_at >= trade.timestamp for trade in trades)


@pytest.mark.parametrize("rate", [0.25, 1.0, 300.0])
@pytest.mark.slow
async def test_the_rate_is_kept_on_average(rate: float) -> None:
    source = SimulatedSource(ManualClock(), SimulatedSettings(trades_per_second=rate))
    assert len(source.recent_trades(timedelta(minutes=1))) == pytest.approx(60 * rate, abs=1)


async def test_a_restart_produces_the_same_events() -> None:
    clock = ManualClock()
    first = await clock.finish(live(SimulatedSource(clock), 40))
    restarted = SimulatedSource(ManualClock(START + timedelta(seconds=8)))
    again = {trade.event_id: trade for trade in restarted.recent_trades(timedelta(seconds=8))}
    common = [trade for trade in first if trade.event_id in again]
    assert len(common) > 30
    for trade in common:
        other = again[trade.event_id]
        assert (trade.symbol, trade.timestamp, trade.price, trade.size) == (
            other.symbol,
            other.timestamp,
            other.price,
            other.size,
        )


async def test_trades_before_the_start_end_where_the_live_ones_begin() -> None:
    clock = ManualClock()
    source = SimulatedSource(clock)
    recent = source.recent_trades(timedelta(minutes=2))
    trades = await clock.finish(live(source, 3))
    assert recent[0].timestamp >= START - timedelta(minutes=2)
    assert recent[-1].timestamp < START <= trades[0].timestamp
    assert not {trade.event_id for trade in recent} & {trade.event_id for trade in trades}


@pytest.mark.slow
async def test_a_busy_market_tells_only_its_last_minutes() -> None:
    source = SimulatedSource(ManualClock(), SimulatedSettings(trades_per_second=200))
    recent = source.recent_trades(timedelta(hours=2))
    assert 50_000 <= len(recent) <= 50_000 + 60 * 200


async def test_called_again_the_source_goes_on() -> None:
    clock = ManualClock()
    source = SimulatedSource(clock)
    first = await clock.finish(live(source, 20))
    second = await clock.finish(live(source, 20))
    # The second that was cut off comes again, under the same ids.
    assert first[-1].timestamp - second[0].timestamp < timedelta(seconds=1)


async def test_other_seeds_make_other_markets() -> None:
    prices = [
        SimulatedSource(ManualClock(), SimulatedSettings(seed=seed)).recent_trades(timedelta(seconds=5))[0].price
        for seed in (1, 2)
    ]
    assert prices[0] != prices[1]


@pytest.mark.parametrize("symbol", KNOWN)
async def test_history_is_plausible(symbol: str) -> None:
    source = SimulatedSource(ManualClock())
    history = await source.daily(symbol, START - timedelta(days=400), START)
    assert len(history.bars) == 399
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in history.bars)
    assert all(bar.volume > 0 for bar in history.bars)
    usual = USUAL[symbol].price
    assert all(usual / 3 < bar.close < usual * 3 for bar in history.bars)
    moves = [abs(later.close / earlier.close - 1) for earlier, later in pairwise(history.bars)]
    assert 0.003 < sum(moves) / len(moves) < 0.04


async def test_days_begin_where_the_day_before_ended() -> None:
    history = await SimulatedSource(ManualClock()).daily("AAPL", START - timedelta(days=10), START)
    pairs = pairwise(history.bars)
    assert all(later.open == earlier.close for earlier, later in pairs)


async def test_only_closed_days_and_minutes_are_told() -> None:
    source = SimulatedSource(ManualClock())
    daily = await source.daily("AAPL", START - timedelta(days=5), START + timedelta(days=5))
    assert daily.bars[-1].timestamp == datetime(2024, 2, 29, tzinfo=UTC)
    minutes = await source.intraday("AAPL", START - timedelta(hours=1), START + timedelta(hours=1))
    assert [minutes.bars[0].timestamp, minutes.bars[-1].timestamp] == [
        START - timedelta(hours=1),
        START - timedelta(minutes=1),
    ]
    with pytest.raises(NoData):
        await source.intraday("AAPL", START, START + timedelta(hours=1))


async def test_a_day_is_made_of_its_minutes() -> None:
    source = SimulatedSource(ManualClock())
    (day,) = (await source.daily("NVDA", START - timedelta(days=1, hours=15), START - timedelta(hours=15))).bars
    begin = day_start(day.timestamp.date())
    minutes = (await source.intraday("NVDA", begin, begin + timedelta(days=1))).bars
    assert len(minutes) == 1440
    assert (day.open, day.close) == (minutes[0].open, minutes[-1].close)
    assert day.high == max(bar.high for bar in minutes)
    assert day.low == min(bar.low for bar in minutes)
    assert day.volume == sum(bar.volume for bar in minutes)


@pytest.mark.slow
async def test_trades_lie_within_the_bar_of_their_minute() -> None:
    source = SimulatedSource(ManualClock(), SimulatedSettings(trades_per_second=50))
    for symbol in KNOWN:
        (bar,) = (await source.intraday(symbol, START - timedelta(minutes=1), START)).bars
        trades = [trade for trade in source.recent_trades(timedelta(minutes=1)) if trade.symbol == symbol]
        assert trades
        assert all(bar.low <= trade.price <= bar.high for trade in trades)
        assert sum(trade.size for trade in trades) == pytest.approx(bar.volume, rel=0.3)


def test_the_trading_date_turns_at_five_utc() -> None:
    assert trading_date(datetime(2024, 3, 1, 4, 59, tzinfo=UTC)) == date(2024, 2, 29)
    assert trading_date(datetime(2024, 3, 1, 5, 0, tzinfo=UTC)) == date(2024, 3, 1)


class Market:
    """A simulated market that runs, and what it has told."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.told: list[Trade] = []
        self._task = asyncio.create_task(self._run(SimulatedSource(clock, SimulatedSettings(trades_per_second=2.0))))

    async def _run(self, source: SimulatedSource) -> None:
        async for trade in source.trades():
            self.told.append(trade)

    async def new_within(self, seconds: float) -> int:
        """Move the clock; return how many trades were told that were not told before."""
        known = {trade.event_id for trade in self.told}
        await self.clock.advance(seconds)
        return len({trade.event_id for trade in self.told} - known)

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})


@pytest.mark.parametrize(
    "change", [timedelta(seconds=5), timedelta(minutes=10), timedelta(hours=1), timedelta(days=400)]
)
@pytest.mark.slow
async def test_the_market_goes_on_when_a_clock_that_was_set_back_is_right_again(change: timedelta) -> None:
    clock = ManualClock()
    market = Market(clock)
    assert await market.new_within(10) > 0
    clock.set_by(-change)
    await market.new_within(8)
    clock.set_by(change)
    assert await market.new_within(10) > 0
    assert all(trade.timestamp <= clock.now() for trade in market.told)
    await market.end()


async def test_the_market_goes_on_where_a_clock_is_that_stays_set_back() -> None:
    clock = ManualClock()
    market = Market(clock)
    await market.new_within(10)
    clock.set_by(timedelta(hours=-2))
    assert await market.new_within(10) > 0, "what is told then was not told before"
    await market.end()


@pytest.mark.slow
async def test_the_market_does_not_tell_a_year_when_the_clock_is_set_on() -> None:
    clock = ManualClock()
    market = Market(clock)
    await market.new_within(10)
    clock.set_by(timedelta(days=400))
    task = asyncio.create_task(clock.advance(1))
    await asyncio.wait({task}, timeout=0.5)
    first = next(trade for trade in market.told if trade.timestamp > START + timedelta(days=30))
    assert first.timestamp >= clock.now() - timedelta(days=1, seconds=2)
    task.cancel()
    await market.end()
