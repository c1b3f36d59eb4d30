"""Alpaca's past bars: pages, raw prices, and what a free account may not see."""

from datetime import UTC, date, datetime, timedelta

import httpx
import orjson
import pytest
import respx

from producer.errors import BadData, NoData
from producer.model import Bar
from producer.secret import Secret
from producer.settings import NetworkSettings
from producer.sources.alpaca.history import AlpacaHistory, classify, parse_bars
from tests.producer.clock import ManualClock, seeded
from tests.producer.shared import payload

URL = "https://data.alpaca.markets/v2/stocks/bars"
RECORDED = "alpaca_stock_bars_AAPL.json"
FEBRUARY = (datetime(2022, 2, 1, tzinfo=UTC), datetime(2022, 2, 3, tzinfo=UTC))


def source(clock: ManualClock) -> AlpacaHistory:
    return AlpacaHistory(Secret("key-id"), Secret("key-secret"), clock, NetworkSettings(), None, seeded())


def page(rows: list[tuple[str, float]], token: str | None = None) -> httpx.Response:
    bars = [
        {"t": at, "o": price, "h": price, "l": price, "c": price, "v": 10, "n": 2, "vw": price} for at, price in rows
    ]
    return httpx.Response(200, json={"bars": {"AAPL": bars} if bars else {}, "next_page_token": token})


def test_a_recorded_page_is_bars_with_vwap_and_count() -> None:
    received_at = datetime(2022, 2, 4, tzinfo=UTC)
    found = parse_bars(payload(RECORDED), "AAPL", received_at)
    assert found.bars[0] == Bar(
        "AAPL",
        datetime(2022, 2, 1, 5, tzinfo=UTC),
        174.0,
        174.84,
        172.31,
        174.61,
        85998033.0,
        "alpaca",
        received_at,
        173.703516,
        732412,
        "SIP",
        "raw",
    )
    assert found.next_token


async def test_days_are_labelled_with_their_date_and_pages_are_followed(
    friday: ManualClock, provider: respx.MockRouter
) -> None:
    last = orjson.loads(payload(RECORDED)) | {"next_page_token": None}
    route = provider.get(URL).mock(
        side_effect=[httpx.Response(200, text=payload(RECORDED)), httpx.Response(200, json=last)]
    )
    history = await source(friday).daily("AAPL", *FEBRUARY)
    assert sorted({bar.timestamp for bar in history.bars}) == [FEBRUARY[0], FEBRUARY[0] + timedelta(days=1)]
    first, second = (call.request for call in route.calls)
    assert first.headers["APCA-API-KEY-ID"] == "key-id"
    asked = first.url.params
    assert (asked["adjustment"], asked["feed"], asked["timeframe"]) == ("raw", "sip", "1Day")
    assert "page_token" not in asked
    assert second.url.params["page_token"] == orjson.loads(payload(RECORDED))["next_page_token"]


async def test_a_page_that_names_itself_as_next_is_an_error(friday: ManualClock, provider: respx.MockRouter) -> None:
    provider.get(URL).mock(return_value=httpx.Response(200, text=payload(RECORDED)))
    with pytest.raises(BadData, match="twice"):
        await source(friday).daily("AAPL", *FEBRUARY)


async def test_the_running_day_is_left_out_until_its_tape_is_free(provider: respx.MockRouter) -> None:
    rows = [("2026-11-19T05:00:00Z", 1.0), ("2026-11-20T05:00:00Z", 2.0)]
    days = []
    for minute in (30, 31):
        provider.get(URL).mock(return_value=page(rows))
        clock = ManualClock(datetime(2026, 11, 20, 21, minute, tzinfo=UTC))
        history = await source(clock).daily("AAPL", datetime(2026, 11, 19, tzinfo=UTC), clock.now())
        days.append([bar.timestamp.date() for bar in history.bars])
    assert days == [[date(2026, 11, 19)], [date(2026, 11, 19), date(2026, 11, 20)]]


async def test_minutes_are_those_of_the_session_and_its_auction(
    friday: ManualClock, provider: respx.MockRouter
) -> None:
    times = ["14:29", "14:30", "20:59", "21:00", "21:01"]
    provider.get(URL).mock(return_value=page([(f"2026-11-20T{at}:00Z", 1.0) for at in times]))
    history = await source(friday).intraday("AAPL", datetime(2026, 11, 20, tzinfo=UTC), friday.now())
    assert [f"{bar.timestamp:%H:%M}" for bar in history.bars] == ["14:30", "20:59", "21:00"]


async def test_the_end_is_exclusive_and_never_within_the_last_quarter_of_an_hour(
    friday: ManualClock, provider: respx.MockRouter
) -> None:
    route = provider.get(URL).mock(return_value=page([("2026-11-20T20:00:00Z", 1.0), ("2026-11-20T20:01:00Z", 1.0)]))
    end = datetime(2026, 11, 20, 20, 1, tzinfo=UTC)
    history = await source(friday).intraday("AAPL", datetime(2026, 11, 20, tzinfo=UTC), end)
    assert [bar.timestamp.minute for bar in history.bars] == [0]
    await source(friday).intraday("AAPL", datetime(2026, 11, 20, tzinfo=UTC), friday.now())
    assert route.calls.last.request.url.params["end"] == "2026-11-20T21:44:00Z"
    with pytest.raises(NoData, match="quarter of an hour"):
        await source(friday).intraday("AAPL", friday.now() - timedelta(minutes=5), friday.now())


async def test_a_range_without_bars_is_no_data(friday: ManualClock, provider: respx.MockRouter) -> None:
    provider.get(URL).mock(return_value=page([]))
    with pytest.raises(NoData):
        await source(friday).daily("AAPL", *FEBRUARY)


def test_a_page_of_bars_is_no_error() -> None:
    assert classify(200, payload(RECORDED)) is None
