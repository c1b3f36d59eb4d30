"""Every row of every provider says whose statement it is, of which venue, and how its prices became raw."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime

import orjson
import pytest

from producer.model import Bar, Trade
from producer.secret import Secret
from producer.sources import alpha_vantage, tiingo, twelve_data
from producer.sources.adjustment import NO_SPLITS
from producer.sources.alpaca import history as alpaca
from producer.sources.alpaca.stream import AlpacaStream
from producer.sources.finnhub.stream import FinnhubStream
from producer.sources.yahoo.chart import daily_bars, parse_chart
from producer.sources.yahoo.stream import YahooStream
from tests.producer.shared import payload

NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
KEY = Secret("key")


def yahoo_bars() -> Iterable[Bar]:
    return daily_bars(
        parse_chart(payload("yahoo_chart_v8_1d_AAPL.json"), NOW), NO_SPLITS, date(1990, 1, 1), date(2100, 1, 1)
    )


def tiingo_bars() -> Iterable[Bar]:
    return [day.bar for day in tiingo.parse_days(payload("tiingo_daily_prices_AAPL.json"), "AAPL", NOW)]


def alpha_vantage_bars() -> Iterable[Bar]:
    return alpha_vantage.parse_minutes(payload("alphavantage_time_series_intraday_1min_MSFT.json"), "MSFT", NOW, "end")


def twelve_data_bars() -> Iterable[Bar]:
    return twelve_data.parse_minutes(payload("twelvedata_time_series_AAPL.json"), "AAPL", NOW)


def alpaca_bars() -> Iterable[Bar]:
    return alpaca.parse_bars(payload("alpaca_stock_bars_AAPL.json"), "AAPL", NOW).bars


@pytest.mark.parametrize(
    ("bars", "source", "venue", "adjustment"),
    [
        (yahoo_bars, "yahoo", "NMS", "restored"),
        (tiingo_bars, "tiingo", "SIP", "raw"),
        (alpaca_bars, "alpaca", "SIP", "raw"),
        (alpha_vantage_bars, "alphavantage", "SIP", "raw"),
        (twelve_data_bars, "twelvedata", "XNAS", "raw"),
    ],
)
def test_bars(bars: Callable[[], Iterable[Bar]], source: str, venue: str, adjustment: str) -> None:
    found = list(bars())
    assert found
    assert {(bar.source, bar.venue, bar.adjustment, bar.received_at) for bar in found} == {
        (source, venue, adjustment, NOW)
    }


def yahoo_trades() -> Iterable[Trade]:
    frame = orjson.loads(payload("yahoo_ws_v2_frame_BTC-USD.json"))["raw_frame"]
    return YahooStream(["BTC-USD"]).hear(orjson.dumps(frame).decode(), NOW).trades


def finnhub_trades() -> Iterable[Trade]:
    return FinnhubStream(["AAPL"], KEY).hear(payload("finnhub_ws_trade_frame.json"), NOW).trades


def alpaca_trades() -> Iterable[Trade]:
    print_ = {"T": "t", "S": "AAPL", "i": 1, "x": "V", "p": 1.0, "s": 1, "t": "2025-11-05T15:00:00Z"}
    return AlpacaStream(["AAPL"], KEY, KEY).hear(orjson.dumps([print_]).decode(), NOW).trades


@pytest.mark.parametrize(
    ("trades", "source", "venue"),
    [(yahoo_trades, "yahoo", "CCC"), (finnhub_trades, "finnhub", "IEX"), (alpaca_trades, "alpaca", "IEX")],
)
def test_trades(trades: Callable[[], Iterable[Trade]], source: str, venue: str) -> None:
    found = list(trades())
    assert found
    assert {(trade.source, trade.venue, trade.received_at) for trade in found} == {(source, venue, NOW)}
