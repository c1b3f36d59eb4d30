"""One piece of the simulated market, number by number.

What was drawn once stays: a data folder holds the market's past, and its next trades have to go on from there, also
under a later release. The numbers were read off the market itself; the rules they have to keep are tested beside this.
"""

from datetime import UTC, date, datetime, timedelta

import pytest

from kql.reference import Usual
from producer.errors import NoData
from producer.model import Trade
from producer.sources.simulated.market import Candle, SimulatedMarket
from producer.sources.simulated.source import SimulatedSettings, SimulatedSource
from tests.producer.clock import START, ManualClock

DAY = date(2024, 3, 1)
# A minute and a half before the trading date turns.
EVENING = datetime(2024, 3, 2, 4, 58, 30, tzinfo=UTC)


def market() -> SimulatedMarket:
    # B has the usual values of no company in particular.
    return SimulatedMarket(7, ("A", "B"), 4.5, {"A": Usual(250.0, 0.01, 2e6)})


def test_a_day() -> None:
    label = datetime(2024, 3, 1, tzinfo=UTC)
    assert market().daily("A", DAY) == Candle(label, 257.79, 259.72, 256.72, 259.16, 1_821_422.0)
    assert market().daily("B", DAY) == Candle(label, 101.33, 101.5, 97.94, 99.0, 4_923_455.0)


def test_minutes_over_the_turn_of_the_date() -> None:
    start = EVENING.replace(second=0)
    assert list(market().minutes("A", start, start + timedelta(minutes=4))) == [
        Candle(start, 259.14, 259.15, 259.01, 259.11, 1191.0),
        Candle(start + timedelta(minutes=1), 259.11, 259.2, 259.09, 259.16, 464.0),
        Candle(start + timedelta(minutes=2), 259.16, 259.18, 259.11, 259.16, 1915.0),
        Candle(start + timedelta(minutes=3), 259.16, 259.21, 259.09, 259.1, 1064.0),
    ]


def test_two_seconds_of_trades() -> None:
    second = int(EVENING.timestamp())
    assert [
        (each.symbol, (each.time - EVENING) // timedelta(microseconds=1), each.number, each.price, each.size)
        for each in (*market().trades(second), *market().trades(second + 1))
    ] == [
        ("A", 415_305, 0, 259.14, 3.0),
        ("B", 452_222, 1, 99.05, 13.0),
        ("B", 494_305, 2, 99.04, 9.0),
        ("B", 949_563, 3, 99.05, 30.0),
        ("A", 1_052_588, 0, 259.12, 10.0),
        ("A", 1_318_313, 1, 259.1, 9.0),
        ("A", 1_466_260, 2, 259.12, 7.0),
        ("A", 1_627_347, 3, 259.11, 10.0),
        ("A", 1_910_118, 4, 259.14, 6.0),
    ]


def test_recent_trades_begin_with_a_whole_minute_and_are_received_now() -> None:
    now = START + timedelta(seconds=12, microseconds=5)
    source = SimulatedSource(ManualClock(now), SimulatedSettings(symbols=("A",), trades_per_second=1.0))
    trades = source.recent_trades(timedelta(seconds=40))
    begin = START - timedelta(minutes=1)
    assert [trade.event_id for trade in trades] == [f"simulated:{int(begin.timestamp()) + at}:0" for at in range(72)]
    assert trades[0] == Trade(
        event_id=f"simulated:{int(begin.timestamp())}:0",
        symbol="A",
        timestamp=trades[0].timestamp,
        price=trades[0].price,
        size=trades[0].size,
        venue="SIM",
        source="simulated",
        received_at=now,
    )
    assert timedelta(0) <= trades[0].timestamp - begin < timedelta(seconds=1)


def test_who_sets_nothing_gets_the_first_market_at_five_trades_a_second() -> None:
    minute = timedelta(minutes=1)
    named = SimulatedSettings(seed=1, trades_per_second=5.0)
    trades = SimulatedSource(ManualClock()).recent_trades(minute)
    assert trades == SimulatedSource(ManualClock(), named).recent_trades(minute)
    assert len(trades) == 300


async def test_minutes_that_begin_within_the_range() -> None:
    source = SimulatedSource(ManualClock(START + timedelta(seconds=59)))
    history = await source.intraday("AAPL", START - timedelta(seconds=150), START + timedelta(hours=1))
    assert [bar.timestamp for bar in history.bars] == [START - timedelta(minutes=each) for each in (2, 1)]
    with pytest.raises(NoData, match=r"^simulated: no closed interval of AAPL in the range$"):
        await source.intraday("AAPL", START - timedelta(seconds=30), START + timedelta(seconds=59))
