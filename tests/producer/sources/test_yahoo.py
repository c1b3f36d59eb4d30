"""The Yahoo source over a mocked network: what it asks, how often, and what it makes of the answers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import orjson
import pytest
import respx

from producer.errors import NoData, Offline, RateLimited, Transient, UnknownSymbol
from producer.model import Trade
from producer.settings import NetworkSettings
from producer.sources.yahoo.source import YahooSettings, YahooSource
from tests.producer.clock import ManualClock, seeded
from tests.producer.shared import payload
from tests.producer.sources.test_yahoo_chart import minute_answer

NOW = datetime(2025, 10, 29, 21, 0, tzinfo=UTC)
URL = "https://query1.finance.yahoo.com/v8/finance/chart"
DAY = "yahoo_chart_v8_live_last_bar_AAPL.json"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def network() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


def source(clock: ManualClock, *symbols: str) -> YahooSource:
    return YahooSource(symbols or ("AAPL",), clock, NetworkSettings(), YahooSettings(), seeded(1))


async def test_offline_there_is_no_source(clock: ManualClock) -> None:
    with pytest.raises(Offline, match="TICKHOUSE_OFFLINE"):
        YahooSource(("AAPL",), clock, NetworkSettings(offline=True))


async def test_daily_history_asks_up_to_now_and_keeps_the_range(clock: ManualClock, network: respx.MockRouter) -> None:
    route = network.get(f"{URL}/AAPL").respond(text=payload(DAY))
    history = await source(clock).daily("AAPL", datetime(2025, 5, 1, tzinfo=UTC), datetime(2025, 10, 28, tzinfo=UTC))
    assert [bar.timestamp.day for bar in history.bars] == [24, 27]
    assert [action.value for action in history.actions] == [0.26, 0.26]
    request = route.calls.last.request
    assert request.url.params["period1"] == "1746057600"
    assert int(request.url.params["period2"]) == int(NOW.timestamp()), "splits after the range are needed as well"
    assert (request.url.params["interval"], request.url.params["events"]) == ("1d", "div,splits")
    assert request.headers["User-Agent"].startswith("Mozilla/5.0")


async def test_a_closed_day_is_part_of_a_range_that_ends_now(clock: ManualClock, network: respx.MockRouter) -> None:
    network.get(f"{URL}/AAPL").respond(text=payload(DAY))
    history = await source(clock).daily("AAPL", NOW - timedelta(days=30), NOW)
    assert history.bars[-1].timestamp == datetime(2025, 10, 29, tzinfo=UTC)


async def test_requests_are_spaced(clock: ManualClock, network: respx.MockRouter) -> None:
    network.get(f"{URL}/AAPL").respond(text=payload(DAY))
    yahoo = source(clock)

    async def ask() -> None:
        for _ in range(3):
            await yahoo.quote("AAPL")

    await clock.finish(ask())
    assert clock.slept == [pytest.approx(1.0), pytest.approx(1.0)]


async def test_minutes_are_asked_for_in_windows_of_a_week(clock: ManualClock, network: respx.MockRouter) -> None:
    route = network.get(f"{URL}/AAPL", params={"interval": "1m"}).respond(
        text=payload("yahoo_chart_v8_1m_weekend_empty.json")
    )
    network.get(f"{URL}/AAPL", params={"interval": "1d"}).respond(text=payload(DAY))
    with pytest.raises(NoData, match="no one-minute bars"):
        await clock.finish(source(clock).intraday("AAPL", NOW - timedelta(days=100), NOW))
    spans = [
        (int(call.request.url.params["period2"]) - int(call.request.url.params["period1"])) / 86_400
        for call in route.calls
    ]
    assert spans == [7, 7, 7, 7, 1], "older minutes are not kept"


async def test_actions_of_the_daily_answer_serve_the_minutes(network: respx.MockRouter) -> None:
    clock = ManualClock(datetime(2025, 2, 14, 22, 0, tzinfo=UTC))
    network.get(f"{URL}/AAPL", params={"interval": "1m"}).respond(text=minute_answer([("14:30:00", 2.0, 8)]))
    daily = network.get(f"{URL}/AAPL", params={"interval": "1d"}).respond(text=payload(DAY))
    yahoo = source(clock)
    start = clock.now() - timedelta(days=3)
    with pytest.raises(NoData):
        await clock.finish(yahoo.daily("AAPL", start - timedelta(days=30), clock.now()))
    history = await clock.finish(yahoo.intraday("AAPL", start, clock.now()))
    assert [(bar.timestamp.hour, bar.close, bar.volume) for bar in history.bars] == [(14, 2.0, 8.0)]
    assert daily.call_count == 1


async def test_a_lost_connection_is_tried_again(clock: ManualClock, network: respx.MockRouter) -> None:
    route = network.get(f"{URL}/AAPL")
    route.side_effect = [httpx.ConnectError("refused"), httpx.Response(503), httpx.Response(200, text=payload(DAY))]
    quote = await clock.finish(source(clock).quote("AAPL"))
    assert quote.price == 269.7
    assert route.call_count == 3


async def test_a_network_that_stays_away_is_an_error(clock: ManualClock, network: respx.MockRouter) -> None:
    network.get(f"{URL}/AAPL").mock(side_effect=httpx.ConnectError("refused"))
    with pytest.raises(Transient, match="refused"):
        await clock.finish(source(clock).quote("AAPL"))


async def test_after_a_refusal_nothing_is_asked_for_a_quarter_of_an_hour(
    clock: ManualClock, network: respx.MockRouter
) -> None:
    route = network.get(f"{URL}/AAPL").respond(429, text="Edge: Too Many Requests")
    yahoo = source(clock)
    with pytest.raises(RateLimited) as refused:
        await clock.finish(yahoo.quote("AAPL"))
    assert refused.value.retry_after == 900.0
    with pytest.raises(RateLimited, match="cooling down"):
        await clock.finish(yahoo.quote("AAPL"))
    assert route.call_count == 1
    await clock.advance(901)
    route.respond(200, text=payload(DAY))
    assert (await clock.finish(yahoo.quote("AAPL"))).price == 269.7


async def test_an_unknown_symbol_is_said_to_be_unknown(clock: ManualClock, network: respx.MockRouter) -> None:
    network.get(f"{URL}/NOPE").respond(404, json=orjson.loads(payload("yahoo_errors.json"))["404_chart"])
    with pytest.raises(UnknownSymbol, match="may be delisted"):
        await source(clock).quote("NOPE")


async def test_a_symbol_is_one_part_of_the_path(clock: ManualClock, network: respx.MockRouter) -> None:
    route = network.route(host="query1.finance.yahoo.com").respond(text=payload(DAY))
    await source(clock).quote("A/../B?x")
    assert route.calls.last.request.url.raw_path.startswith(b"/v8/finance/chart/A%2F..%2FB%3Fx?")


def answer(price: float, volume: int, seconds: int = 0) -> httpx.Response:
    body = orjson.loads(payload(DAY))
    meta = body["chart"]["result"][0]["meta"]
    meta |= {"regularMarketPrice": price, "regularMarketVolume": volume}
    meta["regularMarketTime"] = meta["currentTradingPeriod"]["regular"]["start"] + 60 + seconds
    return httpx.Response(200, json=body)


async def take(yahoo: YahooSource, count: int) -> list[Trade]:
    found: list[Trade] = []
    async for trade in yahoo.trades():
        found.append(trade)
        if len(found) == count:
            break
    return found


async def test_polled_quotes_become_trades_of_the_growth_in_volume(network: respx.MockRouter) -> None:
    clock = ManualClock(datetime(2025, 10, 29, 15, 0, tzinfo=UTC))
    route = network.get(f"{URL}/AAPL")
    route.side_effect = [answer(270.0, 1000), answer(270.0, 1000), answer(270.5, 1600, 60)]
    trades = await clock.finish(take(source(clock), 2))
    assert [(trade.price, trade.size) for trade in trades] == [(270.0, 0.0), (270.5, 600.0)]
    assert route.call_count == 3, "a quote that tells nothing new is no trade"
    assert clock.slept.count(60.0) == 2


async def test_an_unknown_symbol_does_not_stop_the_others(clock: ManualClock, network: respx.MockRouter) -> None:
    unknown = network.get(f"{URL}/NOPE").respond(404, json=orjson.loads(payload("yahoo_errors.json"))["404_chart"])
    network.get(f"{URL}/AAPL").side_effect = [answer(270.0, 1000), answer(270.5, 1600, 60)]
    trades = await clock.finish(take(source(clock, "NOPE", "AAPL"), 2))
    assert [trade.symbol for trade in trades] == ["AAPL", "AAPL"]
    assert unknown.call_count == 1


async def test_a_round_without_any_readable_answer_is_an_error(clock: ManualClock, network: respx.MockRouter) -> None:
    network.get(f"{URL}/NOPE").respond(404, json=orjson.loads(payload("yahoo_errors.json"))["404_chart"])
    with pytest.raises(UnknownSymbol):
        await clock.finish(take(source(clock, "NOPE"), 1))
