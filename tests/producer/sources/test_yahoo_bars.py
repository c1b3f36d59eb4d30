"""Bars out of a small chart answer, at the edges of ranges, minutes and sessions."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from producer.errors import BadData
from producer.market_time import load_calendar
from producer.model import Bar, CorporateAction
from producer.sources.adjustment import NO_SPLITS, SplitSteps
from producer.sources.quotes import Quote
from producer.sources.yahoo.chart import Chart, daily_bars, minute_bars, parse_chart, raw_actions

OPENS = datetime(2024, 3, 1, 14, 30, tzinfo=UTC)
CLOSES = datetime(2024, 3, 1, 21, 0, tzinfo=UTC)
NOON = datetime(2024, 3, 1, 17, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def chart(
    granularity: str,
    stamps: list[datetime],
    last_trade: datetime = CLOSES,
    received_at: datetime = NOON,
    **more: object,
) -> Chart:
    numbers = {name: [number] * len(stamps) for name, number in zip(
        ("open", "high", "low", "close", "volume"), (10.00004, 12.0, 9.5, 11.00006, 100), strict=True)}  # fmt: skip
    meta = {
        "symbol": "aapl", "exchangeTimezoneName": "America/New_York", "exchangeName": "NMS", "priceHint": 2,
        "dataGranularity": granularity, "regularMarketTime": last_trade.timestamp(), "regularMarketPrice": 11.000061,
        "regularMarketVolume": 5000,
        "currentTradingPeriod": {"regular": {"start": OPENS.timestamp(), "end": CLOSES.timestamp()}},
    }  # fmt: skip
    rows = {"timestamp": [int(stamp.timestamp()) for stamp in stamps], "indicators": {"quote": [numbers]}}
    return parse_chart(json.dumps({"chart": {"result": [{"meta": meta, **rows, **more}]}}), received_at)


@pytest.mark.parametrize(("last_trade", "days"), [(CLOSES - timedelta(seconds=1), [29]), (CLOSES, [29, 1])])
def test_a_day_is_over_with_a_trade_at_the_bell(last_trade: datetime, days: list[int]) -> None:
    found = chart("1d", [OPENS - DAY, last_trade], last_trade)
    assert [bar.timestamp.day for bar in daily_bars(found, NO_SPLITS, date(2024, 1, 1), date(2024, 4, 1))] == days


def test_a_daily_bar_restored() -> None:
    found = chart("1d", [OPENS])
    assert daily_bars(found, SplitSteps((date(2024, 3, 2),), (4.0,)), date(2024, 3, 1), date(2024, 3, 2)) == (
        Bar(
            "AAPL", datetime(2024, 3, 1, tzinfo=UTC), 40.0002, 48.0, 38.0, 44.0002, 25.0, "yahoo", NOON,
            venue="NMS", adjustment="restored",
        ),
    )  # fmt: skip
    assert daily_bars(found, NO_SPLITS, date(2024, 2, 1), date(2024, 3, 1)) == ()
    with pytest.raises(BadData) as caught:
        minute_bars(found, NO_SPLITS, OPENS, CLOSES, load_calendar())
    assert str(caught.value) == "yahoo: asked for bars of 1m, found 1d"


def test_minutes_of_the_session_that_are_whole_and_over() -> None:
    stamps = [OPENS - MINUTE, OPENS, OPENS + MINUTE / 2, NOON - 2 * MINUTE, NOON - MINUTE, NOON]
    found = chart("1m", stamps)
    bars = minute_bars(found, NO_SPLITS, OPENS - DAY, CLOSES, load_calendar())
    assert [bar.timestamp for bar in bars] == [OPENS, NOON - 2 * MINUTE, NOON - MINUTE]
    bars = minute_bars(found, NO_SPLITS, OPENS, NOON - MINUTE, load_calendar())
    assert [bar.timestamp for bar in bars] == [OPENS, NOON - 2 * MINUTE]
    late = chart("1m", [CLOSES - MINUTE, CLOSES], received_at=CLOSES + DAY)
    bars = minute_bars(late, NO_SPLITS, OPENS, CLOSES + DAY, load_calendar())
    assert [bar.timestamp for bar in bars] == [CLOSES - MINUTE]


def test_the_quote_beside_the_rows() -> None:
    late = datetime(2024, 3, 2, 1, 0, tzinfo=UTC)
    assert chart("1d", [], late).quote == Quote("AAPL", late, date(2024, 3, 1), 11.0001, 5000.0, "NMS")


def test_a_row_with_a_null_and_an_answer_without_rows() -> None:
    quote = {"open": [1, None], "high": [2, 2], "low": [1, 1], "close": [2, 2], "volume": [5, 5]}
    found = chart("1d", [OPENS - DAY, OPENS], indicators={"quote": [quote]})
    assert [(row.timestamp, row.open, row.volume) for row in found.rows] == [(OPENS - DAY, 1, 5)]
    assert chart("1d", []).rows == ()


def test_actions_of_the_days_in_the_range() -> None:
    events = {
        "splits": {"1": {"date": OPENS.timestamp(), "numerator": 3, "denominator": 2}},
        "dividends": {"2": {"date": (OPENS - DAY).timestamp(), "amount": 0.1234567}},
    }
    found = chart("1d", [], events=events)
    split = CorporateAction("AAPL", date(2024, 3, 1), "split", 1.5, "yahoo", NOON)
    dividend = CorporateAction("AAPL", date(2024, 2, 29), "dividend", 0.1234567, "yahoo", NOON)
    assert found.actions == (dividend, split)
    steps = SplitSteps((date(2024, 3, 1),), (1.5,))
    then = CorporateAction("AAPL", date(2024, 2, 29), "dividend", 0.185185, "yahoo", NOON)
    assert raw_actions(found.actions, steps, date(2024, 2, 29), date(2024, 3, 2)) == (then, split)
    assert raw_actions(found.actions, steps, date(2024, 2, 29), date(2024, 3, 1)) == (then,)
    assert raw_actions(found.actions, steps, date(2024, 3, 1), date(2024, 3, 2)) == (split,)
