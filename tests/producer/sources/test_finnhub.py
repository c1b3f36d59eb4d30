"""Finnhub's polled quote: a last price without volume."""

from datetime import UTC, datetime

import httpx
import orjson
import respx

from producer.model import Trade
from producer.rate_limit import Quota
from producer.secret import Secret
from producer.settings import NetworkSettings
from producer.sources.finnhub.quotes import FinnhubQuotes, FinnhubSettings, classify, parse_quote
from producer.sources.http import Pace
from tests.producer.clock import ManualClock, seeded
from tests.producer.shared import payload

URL = "https://finnhub.io/api/v1/quote"
RECORDED = "finnhub_quote_shape.json"


def test_no_more_is_asked_than_the_provider_allows() -> None:
    # 60 requests a minute on the free plan, and 30 a second on every one.
    assert FinnhubSettings().pace == Pace(quotas=(Quota(60, 60.0), Quota(30, 1.0)))


def test_the_documented_quote() -> None:
    quote = parse_quote(payload(RECORDED))
    assert (quote.price, quote.previous_close) == (261.74, 259.45)
    assert quote.timestamp == datetime(2020, 2, 25, 14, 30, tzinfo=UTC)


async def test_new_prices_are_trades_without_size(provider: respx.MockRouter) -> None:
    first = orjson.loads(payload(RECORDED))
    answers = [first, first, first | {"c": 262.0, "t": first["t"] + 15}]
    route = provider.get(URL).mock(side_effect=[httpx.Response(200, json=each) for each in answers])
    clock = ManualClock(datetime(2020, 2, 25, 14, 30, 5, tzinfo=UTC))
    source = FinnhubQuotes(("AAPL",), Secret("key"), clock, NetworkSettings(), None, seeded())

    async def take() -> list[Trade]:
        found: list[Trade] = []
        async for trade in source.trades():
            found.append(trade)
            if len(found) == 2:
                return found
        return found

    trades = await clock.finish(take())
    assert [(trade.price, trade.size, trade.source) for trade in trades] == [
        (261.74, 0.0, "finnhub"),
        (262.0, 0.0, "finnhub"),
    ]
    request = route.calls.last.request
    assert request.headers["X-Finnhub-Token"] == "key"
    assert "key" not in str(request.url)


def test_a_quote_is_no_error() -> None:
    assert classify(200, payload(RECORDED)) is None
