"""Tiingo's end-of-day rows: quoted bars and actions of one answer."""

from datetime import UTC, date, datetime

import orjson
import pytest
import respx

from producer.errors import NoData, NotEntitled
from producer.secret import Secret
from producer.settings import NetworkSettings
from producer.sources.tiingo import TiingoHistory, classify, parse_days
from tests.producer.clock import ManualClock, seeded
from tests.producer.shared import payload

URL = "https://api.tiingo.com/tiingo/daily/AAPL/prices"
RECORDED = "tiingo_daily_prices_AAPL.json"
YEAR = (datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC))


def source(clock: ManualClock) -> TiingoHistory:
    return TiingoHistory(Secret("key"), clock, NetworkSettings(), None, seeded())


async def test_rows_are_quoted_bars_and_the_actions_of_their_day(
    friday: ManualClock, provider: respx.MockRouter
) -> None:
    route = provider.get(URL).respond(text=payload(RECORDED))
    history = await source(friday).daily("AAPL", *YEAR)
    assert [(bar.timestamp, bar.close, bar.volume) for bar in history.bars] == [
        (datetime(2023, 1, 3, tzinfo=UTC), 125.07, 112117471.0),
        (datetime(2023, 2, 10, tzinfo=UTC), 151.01, 57450708.0),
    ]
    (dividend,) = history.actions
    assert (dividend.kind, dividend.ex_date, dividend.value, dividend.source) == (
        "dividend",
        date(2023, 2, 10),
        0.23,
        "tiingo",
    )
    request = route.calls.last.request
    assert request.headers["Authorization"] == "Token key"
    assert "token" not in str(request.url).lower()


def test_a_split_and_a_dividend_of_one_day_are_two_actions() -> None:
    (row, _) = orjson.loads(payload(RECORDED))
    answer = orjson.dumps([row | {"splitFactor": 4.0, "divCash": 0.5}]).decode()
    (day,) = parse_days(answer, "AAPL", YEAR[1])
    assert [(action.kind, action.value) for action in day.actions] == [("split", 4.0), ("dividend", 0.5)]
    assert day.adjusted_close == 124.0508183255


async def test_the_running_day_is_left_out(provider: respx.MockRouter) -> None:
    (row, _) = orjson.loads(payload(RECORDED))
    rows = [row | {"date": f"2026-11-{day}T00:00:00.000Z"} for day in (19, 20)]
    provider.get(URL).respond(json=rows)
    clock = ManualClock(datetime(2026, 11, 20, 21, 0, tzinfo=UTC))
    history = await source(clock).daily("AAPL", datetime(2026, 11, 1, tzinfo=UTC), clock.now())
    assert [bar.timestamp.day for bar in history.bars] == [19]


async def test_no_rows_are_no_data_and_minutes_are_not_offered(friday: ManualClock, provider: respx.MockRouter) -> None:
    provider.get(URL).respond(text="[]")
    with pytest.raises(NoData):
        await source(friday).daily("AAPL", *YEAR)
    with pytest.raises(NotEntitled):
        await source(friday).intraday("AAPL", *YEAR)


def test_what_is_counted_by_the_hour_is_asked_again_sooner() -> None:
    hourly, daily = (
        classify(429, f"Error: You have run over your {each} request allocation.") for each in ("hourly", "daily")
    )
    assert hourly
    assert daily
    assert (hourly.retry_after, daily.retry_after) == (900.0, 3600.0)
    stated = classify(429, "", 17.0)
    assert stated
    assert stated.retry_after == 17.0
