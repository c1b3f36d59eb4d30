"""Recorded answers of Yahoo's chart endpoint."""

from datetime import UTC, date, datetime

import orjson
import pytest

from producer.errors import BadData
from producer.market_time import load_calendar
from producer.model import CorporateAction
from producer.sources.adjustment import NO_SPLITS, SplitSteps, split_steps
from producer.sources.yahoo.chart import classify, daily_bars, minute_bars, parse_chart, raw_actions
from tests.producer.shared import payload

NOW = datetime(2025, 10, 29, 21, 0, tzinfo=UTC)
CALENDAR = load_calendar()
FOREVER = (date(1990, 1, 1), date(2100, 1, 1))


def test_a_day_is_a_bar_at_its_trading_date() -> None:
    chart = parse_chart(payload("yahoo_chart_v8_1d_AAPL.json"), NOW)
    (bar,) = daily_bars(chart, NO_SPLITS, *FOREVER)
    assert bar.symbol == "AAPL"
    assert bar.timestamp == datetime(2025, 2, 18, tzinfo=UTC)
    assert (bar.open, bar.high, bar.low, bar.close) == (244.15, 245.18, 241.84, 244.47), "single precision is rounded"
    assert bar.volume == 48769700
    assert (bar.source, bar.adjustment, bar.received_at) == ("yahoo", "restored", NOW)


def test_the_last_daily_row_is_known_by_its_date_not_by_its_time() -> None:
    chart = parse_chart(payload("yahoo_chart_v8_live_last_bar_AAPL.json"), NOW)
    bars = daily_bars(chart, NO_SPLITS, *FOREVER)
    assert [bar.timestamp.date().isoformat() for bar in bars] == [
        "2025-10-24",
        "2025-10-27",
        "2025-10-28",
        "2025-10-29",
    ]
    assert all(bar.timestamp.time() == datetime.min.time() for bar in bars)
    assert bars[-1].close == 269.7


def test_the_running_day_is_no_bar_yet() -> None:
    answer = orjson.loads(payload("yahoo_chart_v8_live_last_bar_AAPL.json"))
    answer["chart"]["result"][0]["meta"]["regularMarketTime"] -= 3600
    bars = daily_bars(parse_chart(orjson.dumps(answer).decode(), NOW), NO_SPLITS, *FOREVER)
    assert bars[-1].timestamp.date() == date(2025, 10, 28)


def test_the_range_is_half_open() -> None:
    chart = parse_chart(payload("yahoo_chart_v8_live_last_bar_AAPL.json"), NOW)
    bars = daily_bars(chart, NO_SPLITS, date(2025, 10, 27), date(2025, 10, 29))
    assert [bar.timestamp.day for bar in bars] == [27, 28]


def test_splits_bring_the_quoted_prices_back() -> None:
    # The answer is of 2025: besides the 4:1 in it, the 10:1 of 2024-06-10 is in its prices.
    chart = parse_chart(payload("yahoo_chart_v8_split_NVDA_2021.json"), NOW)
    (split,) = chart.actions
    assert (split.kind, split.ex_date, split.value) == ("split", date(2021, 7, 20), 4.0)
    later = CorporateAction("NVDA", date(2024, 6, 10), "split", 10.0, "yahoo", NOW)
    bars = daily_bars(chart, split_steps([split, later])["NVDA"], *FOREVER)
    by_day = {bar.timestamp.day: bar for bar in bars}
    assert by_day[19].close == 751.19
    assert by_day[20].close == 186.12
    assert by_day[15].volume == 13764100


def test_dividends_are_told_per_share_of_their_day() -> None:
    chart = parse_chart(payload("yahoo_chart_v8_live_last_bar_AAPL.json"), NOW)
    steps = SplitSteps((date(2025, 7, 1),), (2.0,))
    actions = raw_actions(chart.actions, steps, *FOREVER)
    assert [(action.kind, action.ex_date.isoformat(), action.value) for action in actions] == [
        ("dividend", "2025-05-12", 0.52),
        ("dividend", "2025-08-11", 0.26),
    ]


def test_a_window_without_trading_is_an_answer_without_rows() -> None:
    chart = parse_chart(payload("yahoo_chart_v8_1m_weekend_empty.json"), NOW)
    assert chart.rows == ()
    assert (
        minute_bars(chart, NO_SPLITS, datetime(2025, 2, 15, tzinfo=UTC), datetime(2025, 2, 17, tzinfo=UTC), CALENDAR)
        == ()
    )


def test_a_quote_comes_from_the_meta_part() -> None:
    quote = parse_chart(payload("yahoo_chart_v8_live_last_bar_AAPL.json"), NOW).quote
    assert (quote.symbol, quote.price, quote.day_volume, quote.venue) == ("AAPL", 269.7, 43332154, "NMS")
    assert quote.timestamp == datetime(2025, 10, 29, 20, 0, 1, tzinfo=UTC)
    assert quote.trading_date == date(2025, 10, 29)


def minute_answer(rows: list[tuple[str, float | None, int | None]], granularity: str = "1m") -> str:
    """A recorded empty one-minute answer with rows put in: time of 2025-02-14 in UTC, price, volume."""
    answer = orjson.loads(payload("yahoo_chart_v8_1m_weekend_empty.json"))
    result = answer["chart"]["result"][0]
    result["meta"]["dataGranularity"] = granularity
    result["timestamp"] = [int(datetime.fromisoformat(f"2025-02-14T{at}+00:00").timestamp()) for at, _, _ in rows]
    prices = [price for _, price, _ in rows]
    volumes = [volume for _, _, volume in rows]
    quote = {"open": prices, "high": prices, "low": prices, "close": prices, "volume": volumes}
    result["indicators"]["quote"] = [quote]
    return orjson.dumps(answer).decode()


def minutes(rows: list[tuple[str, float | None, int | None]], now: str = "22:00:00") -> list[str]:
    chart = parse_chart(minute_answer(rows), datetime.fromisoformat(f"2025-02-14T{now}+00:00"))
    start, end = datetime(2025, 2, 14, tzinfo=UTC), datetime(2025, 2, 14, 20, 0, tzinfo=UTC)
    return [bar.timestamp.strftime("%H:%M:%S") for bar in minute_bars(chart, NO_SPLITS, start, end, CALENDAR)]


@pytest.mark.parametrize(
    ("rows", "now", "kept"),
    [
        pytest.param([("14:30:00", 1.0, 5), ("14:31:00", 1.0, 5)], "22:00:00", ["14:30:00", "14:31:00"], id="whole"),
        pytest.param([("14:30:00", None, None), ("14:31:00", 1.0, 5)], "22:00:00", ["14:31:00"], id="null row"),
        pytest.param([("14:30:00", 1.0, None), ("14:31:00", 1.0, 5)], "22:00:00", ["14:31:00"], id="null volume"),
        pytest.param([("14:30:00", 1.0, 5), ("14:31:00", 1.0, 5)], "14:31:40", ["14:30:00"], id="running minute"),
        pytest.param([("14:30:00", 1.0, 5), ("14:30:17", 1.0, 5)], "22:00:00", ["14:30:00"], id="beside the grid"),
        pytest.param([("14:29:00", 1.0, 5), ("14:30:00", 1.0, 5)], "22:00:00", ["14:30:00"], id="before the opening"),
        pytest.param([("19:59:00", 1.0, 5), ("20:00:00", 1.0, 5)], "22:00:00", ["19:59:00"], id="beyond the end"),
    ],
)
def test_minutes_that_are_not_whole_or_not_asked_for_are_dropped(
    rows: list[tuple[str, float | None, int | None]], now: str, kept: list[str]
) -> None:
    assert minutes(rows, now) == kept


def test_longer_bars_than_asked_for_are_refused() -> None:
    chart = parse_chart(minute_answer([("14:30:00", 1.0, 5)], "5m"), NOW)
    with pytest.raises(BadData, match="asked for bars of 1m, found 5m"):
        minute_bars(chart, NO_SPLITS, datetime(2025, 2, 14, tzinfo=UTC), NOW, CALENDAR)


def test_a_chart_is_no_error() -> None:
    assert classify(200, payload("yahoo_chart_v8_1d_AAPL.json")) is None


def test_the_waiting_time_of_the_server_is_kept() -> None:
    error = classify(429, "Edge: Too Many Requests", 33.0)
    assert error is not None
    assert error.retry_after == 33.0


@pytest.mark.parametrize("path", [("meta",), ("meta", "priceHint"), ("meta", "currentTradingPeriod"), ("indicators",)])
def test_a_chart_of_another_shape_is_bad_data(path: tuple[str, ...]) -> None:
    answer = orjson.loads(payload("yahoo_chart_v8_1d_AAPL.json"))
    part = answer["chart"]["result"][0]
    for key in path[:-1]:
        part = part[key]
    del part[path[-1]]
    with pytest.raises(BadData, match="another shape"):
        parse_chart(orjson.dumps(answer).decode(), NOW)
