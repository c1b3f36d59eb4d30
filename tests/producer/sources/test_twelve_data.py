"""Twelve Data: texts for numbers, and refusals with a code of their own."""

from datetime import UTC, datetime

import pytest
import respx

from producer.errors import BadData, Transient
from producer.secret import Secret
from producer.settings import NetworkSettings
from producer.sources.twelve_data import TwelveDataHistory, classify, parse_daily, parse_minutes
from tests.producer.clock import ManualClock, seeded
from tests.producer.shared import payload

URL = "https://api.twelvedata.com/time_series"
RECORDED = "twelvedata_time_series_AAPL.json"
NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)


def source(clock: ManualClock) -> TwelveDataHistory:
    return TwelveDataHistory(Secret("key"), clock, NetworkSettings(), None, seeded())


def answer(interval: str, labels: list[str]) -> dict[str, object]:
    row = {"open": "1.5", "high": "2", "low": "1", "close": "1.75", "volume": "100"}
    return {"meta": {"interval": interval}, "values": [row | {"datetime": label} for label in labels], "status": "ok"}


def test_the_recorded_minute() -> None:
    (bar,) = parse_minutes(payload(RECORDED), "AAPL", NOW)
    assert bar.timestamp == datetime(2021, 9, 16, 15, 59, tzinfo=UTC)
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (148.735, 148.86, 148.73, 148.85001, 624277.0)
    assert bar.source == "twelvedata"


def test_bars_of_another_interval_are_refused() -> None:
    with pytest.raises(BadData, match="asked for bars of 1day, found 1min"):
        parse_daily(payload(RECORDED), "AAPL", NOW)


async def test_closed_days_of_the_range_are_kept(friday: ManualClock, provider: respx.MockRouter) -> None:
    route = provider.get(URL).respond(json=answer("1day", ["2026-11-18", "2026-11-19", "2026-11-20"]))
    start, end = datetime(2026, 11, 19, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
    assert [bar.timestamp for bar in (await source(friday).daily("AAPL", start, end)).bars] == [start]
    request = route.calls.last.request
    assert request.headers["Authorization"] == "apikey key"
    assert (request.url.params["adjust"], request.url.params["end_date"]) == ("none", "2026-11-21")


async def test_minutes_are_asked_for_in_utc_week_by_week(friday: ManualClock, provider: respx.MockRouter) -> None:
    labels = ["2026-11-10 14:29:00", "2026-11-10 14:30:00", "2026-11-19 21:00:00"]
    route = provider.get(URL).respond(json=answer("1min", labels))
    start, end = datetime(2026, 11, 9, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
    history = await source(friday).intraday("AAPL", start, end)
    assert [bar.timestamp for bar in history.bars] == [
        datetime(2026, 11, 10, 14, 30, tzinfo=UTC),
        datetime(2026, 11, 19, 21, tzinfo=UTC),
    ]
    asked = [call.request.url.params for call in route.calls]
    assert [each["start_date"] for each in asked] == ["2026-11-09 00:00:00", "2026-11-16 00:00:00"]
    assert {each["timezone"] for each in asked} == {"UTC"}


def test_an_answer_without_values_is_bad() -> None:
    assert classify(200, payload(RECORDED)) is None
    assert type(classify(200, "hello")) is BadData
    assert type(classify(502, "<html>")) is Transient


async def test_eight_requests_a_minute_are_waited_for(friday: ManualClock, provider: respx.MockRouter) -> None:
    route = provider.get(URL).respond(json=answer("1day", ["2026-11-19"]))
    history = source(friday)

    async def ask() -> None:
        for _ in range(9):
            await history.daily("AAPL", datetime(2026, 11, 1, tzinfo=UTC), NOW)

    await friday.finish(ask())
    assert route.call_count == 9
    assert friday.monotonic() - 1_000.0 == pytest.approx(60.0)
