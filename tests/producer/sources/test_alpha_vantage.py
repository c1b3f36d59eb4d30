"""Alpha Vantage: texts for numbers, New York without offset, and refusals under status 200."""

from datetime import UTC, datetime

import orjson
import pytest
import respx

from producer.errors import BadData, RateLimited
from producer.secret import Secret
from producer.settings import NetworkSettings
from producer.sources.alpha_vantage import AlphaVantageHistory, BarLabel, classify, parse_daily, parse_minutes
from tests.producer.clock import ManualClock, seeded
from tests.producer.shared import payload

URL = "https://www.alphavantage.co/query"
MINUTES = "alphavantage_time_series_intraday_1min_MSFT.json"
ERRORS = "alphavantage_errors_http200.json"
NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)


def source(clock: ManualClock) -> AlphaVantageHistory:
    return AlphaVantageHistory(Secret("key"), clock, NetworkSettings(), None, seeded())


def series(name: str, labels: list[str]) -> dict[str, object]:
    row = {"1. open": "1.5", "2. high": "2", "3. low": "1", "4. close": "1.75", "5. volume": "100"}
    return {"Meta Data": {}, name: dict.fromkeys(labels, row)}


@pytest.mark.parametrize(("label", "first"), [("end", 53), ("start", 54)])
def test_minutes_are_labelled_by_their_start_in_utc(label: BarLabel, first: int) -> None:
    # The recording is of 2017 and labels by the end.
    bars = parse_minutes(payload(MINUTES), "MSFT", NOW, label)
    assert [bar.timestamp for bar in bars] == [datetime(2017, 12, 18, 19, first + n, tzinfo=UTC) for n in range(3)]
    assert (bars[-1].open, bars[-1].low, bars[-1].volume) == (86.49, 86.475, 10494.0)


def test_the_two_hours_of_a_changed_clock_are_told_apart() -> None:
    labels = ["2026-03-06 15:59:00", "2026-03-09 09:30:00"]
    answer = orjson.dumps(series("Time Series (1min)", labels)).decode()
    assert [bar.timestamp.hour for bar in parse_minutes(answer, "MSFT", NOW, "start")] == [20, 13]


async def test_closed_days_of_the_range_are_kept(friday: ManualClock, provider: respx.MockRouter) -> None:
    days = ["2026-11-20", "2026-11-19", "2026-11-18"]
    route = provider.get(URL).respond(json=series("Time Series (Daily)", days))
    start, end = datetime(2026, 11, 19, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
    assert [bar.timestamp for bar in (await source(friday).daily("MSFT", start, end)).bars] == [start]
    asked = route.calls.last.request.url.params
    assert (asked["function"], asked["outputsize"], asked["apikey"]) == ("TIME_SERIES_DAILY", "compact", "key")


async def test_minutes_are_asked_for_by_month_and_unadjusted(friday: ManualClock, provider: respx.MockRouter) -> None:
    labels = ["2026-10-30 09:30:00", "2026-11-02 09:29:00", "2026-11-02 16:00:00"]
    route = provider.get(URL).respond(json=series("Time Series (1min)", labels))

    async def ask() -> list[datetime]:
        start, end = datetime(2026, 10, 31, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)
        return [bar.timestamp for bar in (await source(friday).intraday("MSFT", start, end)).bars]

    assert set(await friday.finish(ask())) == {datetime(2026, 11, 2, 21, tzinfo=UTC)}
    asked = [call.request.url.params for call in route.calls]
    assert [each["month"] for each in asked] == ["2026-10", "2026-11"]
    assert {each["adjusted"] for each in asked} == {"false"}
    assert 1.1 in [round(seconds, 3) for seconds in friday.slept], "one request a second"


async def test_the_weeks_of_a_month_cost_one_request(friday: ManualClock, provider: respx.MockRouter) -> None:
    labels = ["2026-10-02 10:00:00", "2026-10-07 10:00:00", "2026-10-13 10:00:00"]
    route = provider.get(URL).respond(json=series("Time Series (1min)", labels))
    history = source(friday)
    weeks = [
        (datetime(2026, 10, day, 13, 30, tzinfo=UTC), datetime(2026, 10, day + 5, tzinfo=UTC)) for day in (1, 6, 12)
    ]
    days = [[bar.timestamp.day for bar in (await history.intraday("MSFT", *week)).bars] for week in weeks]
    assert days == [[2], [7], [13]]
    assert route.call_count == 1
    await friday.advance(601.0)
    await history.intraday("MSFT", *weeks[0])
    assert route.call_count == 2, "what is kept grows old"


async def test_the_key_is_not_shown_in_the_refusal_that_quotes_it(
    friday: ManualClock, provider: respx.MockRouter
) -> None:
    stated = orjson.loads(payload(ERRORS))["daily_25"]
    stated["Information"] = stated["Information"].replace("XXXX", "s3cr3t")
    provider.get(URL).respond(json=stated)
    history = AlphaVantageHistory(Secret("s3cr3t"), friday, NetworkSettings(), None, seeded())
    with pytest.raises(RateLimited, match=r"API key as \*\*\*") as refused:
        await history.daily("MSFT", NOW, NOW)
    assert "s3cr3t" not in str(refused.value)


def test_a_series_is_no_error_and_a_number_must_be_one() -> None:
    assert classify(200, payload(MINUTES)) is None
    broken = orjson.dumps(series("Time Series (Daily)", ["2026-11-20"])).decode().replace("1.75", "-")
    with pytest.raises(BadData, match="could not convert"):
        parse_daily(broken, "MSFT", NOW)
