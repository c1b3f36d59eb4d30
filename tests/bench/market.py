"""The market database as a bench fills it, and what callers ask of it.

Only the interface of an Eventhouse is used, so that earlier commits can be measured too.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emulator.context import ParameterValue, RequestProperties
from emulator.engine.eventhouse import Eventhouse
from emulator.result import ResultTable
from kql.loader import load_database
from kql.registry import load_registry

SYMBOLS = np.array(["AAPL", "MSFT", "AMZN", "GOOGL", "NVDA"])
SESSION_MINUTES = 390
DAILY_BARS = 500
# Rows of one payload: what a bulk load sends at most.
PAYLOAD_ROWS = 500_000
# The data end today, so that functions without a range find what they find in a running platform.
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)


@dataclass(frozen=True, slots=True)
class Question:
    """One request of the API: its name in a table, the query text of its endpoint, and its parameters."""

    name: str
    text: str
    parameters: Mapping[str, ParameterValue]

    def ask(self, eventhouse: Eventhouse) -> ResultTable:
        """Answer the request."""
        return eventhouse.query(self.text, properties=RequestProperties(parameters=self.parameters))[0]


def questions() -> tuple[Question, ...]:
    """Return one request per shipped endpoint that computes, two where their work differs much."""
    texts = {endpoint.contract.name: endpoint.query_text for endpoint in load_registry().endpoints}
    day = TODAY - timedelta(days=3)
    year: Mapping[str, ParameterValue] = {"symbol": "AAPL", "startTime": TODAY - timedelta(days=365)}
    asked: tuple[tuple[str, str, Mapping[str, ParameterValue]], ...] = (
        ("LatestPrice", "LatestPrice_v1", {"symbol": "AAPL"}),
        ("LatestPrice as of yesterday", "LatestPrice_v1", {"symbol": "AAPL", "asOf": TODAY - timedelta(hours=9)}),
        ("LatestPrices", "LatestPrices_v1", {"symbols": "AAPL,MSFT"}),
        (
            "history of a day, 1m",
            "PriceHistory_v1",
            {
                "symbol": "AAPL",
                "interval": timedelta(minutes=1),
                "startTime": day,
                "endTime": day + timedelta(days=1),
            },
        ),
        ("history of a year, 1d", "PriceHistory_v1", year),
        ("rolling average of a year", "RollingAverage_v1", {**year, "method": "ema"}),
        ("volatility of a year", "Volatility_v1", {**year, "estimator": "yang_zhang"}),
        ("volume of a year", "VolumeAnalytics_v1", year),
        ("daily range of a year", "DailyRange_v1", year),
        ("market summary", "MarketSummary_v1", {}),
    )
    return tuple(Question(name, texts[function], parameters) for name, function, parameters in asked)


def deployed() -> Eventhouse:
    """Open an Eventhouse in memory with the market database."""
    eventhouse = Eventhouse.open(None, database="Market")
    for statement in load_database().statements:
        eventhouse.command(statement.text)
    return eventhouse


def fill(eventhouse: Eventhouse, *, minutes: int, trades: int) -> None:
    """Store daily bars, and so many one-minute bars and trades of five companies, up to today."""
    days = np.datetime64(TODAY, "us") - (np.arange(DAILY_BARS) + 1).astype("timedelta64[D]")
    _store(eventhouse, "DailyBars", _bars(np.repeat(days, 5), np.tile(SYMBOLS, DAILY_BARS)))
    for numbers in _payloads(minutes):
        ago, minute = np.divmod(numbers // 5, SESSION_MINUTES)
        opening = np.datetime64(TODAY, "us") - (ago + 1).astype("timedelta64[D]") + np.timedelta64(870, "m")
        _store(eventhouse, "IntradayBars", _bars(opening + minute.astype("timedelta64[m]"), SYMBOLS[numbers % 5]))
    for numbers in _payloads(trades):
        _store(eventhouse, "Trades", _trades(numbers))


def ingest_trade(eventhouse: Eventhouse, number: int) -> None:
    """Store one trade as a producer sends it, like no other."""
    at = TODAY + timedelta(microseconds=number)
    line = (
        f'{{"event_id": "one:{number}", "symbol": "{SYMBOLS[number % 5]}", "timestamp": "{at.isoformat()}Z",'
        f' "price": {100 + number % 1000 / 10}, "size": 10.0, "venue": "XNAS", "source": "bench",'
        f' "received_at": "{at.isoformat()}Z"}}'
    )
    eventhouse.ingest("TradesRaw", line.encode(), format="json", mapping="trades_v1")


def _payloads(rows: int) -> Iterator[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    for first in range(0, rows, PAYLOAD_ROWS):
        yield np.arange(first, min(rows, first + PAYLOAD_ROWS))


def _store(eventhouse: Eventhouse, table: str, rows: pa.Table) -> None:
    payload = io.BytesIO()
    pq.write_table(rows, payload)
    eventhouse.ingest(table, payload.getvalue(), format="parquet")


def _bars(
    times: np.ndarray[tuple[int], np.dtype[np.datetime64]], symbols: np.ndarray[tuple[int], np.dtype[np.str_]]
) -> pa.Table:
    prices = 100 + (times.astype(np.int64) // 60_000_000 % 997) / 10
    return pa.table(
        {
            "Symbol": symbols,
            "Timestamp": times,
            "Open": prices,
            "High": prices + 1,
            "Low": prices - 1,
            "Close": prices + 0.5,
            "Volume": prices * 10,
            "Vwap": prices,
            "TradeCount": np.full(len(times), 7),
            "Source": np.full(len(times), "bench"),
            "ReceivedAt": times,
            "Venue": np.full(len(times), "XNAS"),
            "Adjustment": np.full(len(times), "raw"),
        }
    )


def _trades(numbers: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.Table:
    # Ten a second, backwards from today.
    times = np.datetime64(TODAY, "us") - (numbers + 1) * np.timedelta64(100_000, "us")
    return pa.table(
        {
            "EventId": [f"bench:{number}" for number in numbers],
            "Symbol": SYMBOLS[numbers % 5],
            "Timestamp": times,
            "Price": 100 + (numbers % 1_009) / 10,
            "Size": np.full(len(numbers), 10.0),
            "Venue": np.full(len(numbers), "XNAS"),
            "Source": np.full(len(numbers), "bench"),
            "ReceivedAt": times,
        }
    )
