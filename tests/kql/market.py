"""A market database, filled with real daily prices."""

import asyncio
import io
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from emulator.result import ResultTable
from kql.client import Eventhouse, ParameterValue
from kql.registry import Registry
from tests.kql.shared import shared_file

DAILY_FILE = "data/market/daily/yahoo_splitadj_actions_2020_2023.parquet"
RECEIVED_AT = datetime(2024, 1, 2)  # noqa: DTZ001 - naive UTC, as everywhere in Arrow
FloatArray: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prices:
    """The daily bars of one symbol as the file has them, split-adjusted, and the factor that makes them raw."""

    timestamps: list[datetime]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    factor: FloatArray


def parquet(table: pa.Table) -> bytes:
    """Return an Arrow table as a Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def read_prices() -> dict[str, Prices]:
    """Read the file of real daily prices by symbol."""
    table = pq.read_table(shared_file(DAILY_FILE)).sort_by([("symbol", "ascending"), ("date", "ascending")])
    return {symbol: _prices(table.filter(pc.equal(table["symbol"], symbol))) for symbol in _symbols(table)}


def load_prices(eventhouse: Eventhouse) -> dict[str, Prices]:
    """Load the raw prices and the splits of the file, as a provider states them."""
    prices = read_prices()
    table = pq.read_table(shared_file(DAILY_FILE))
    for symbol, each in prices.items():
        rows = len(each.timestamps)
        bars = {
            "Symbol": pa.array([symbol] * rows),
            "Timestamp": pa.array(each.timestamps, pa.timestamp("us")),
            "Open": each.open * each.factor,
            "High": each.high * each.factor,
            "Low": each.low * each.factor,
            "Close": each.close * each.factor,
            "Volume": each.volume / each.factor,
            "Source": pa.array(["file"] * rows),
            "ReceivedAt": pa.array([RECEIVED_AT] * rows, pa.timestamp("us")),
        }
        asyncio.run(eventhouse.ingest("DailyBars", parquet(pa.table(bars)), format="parquet"))
    splits = table.filter(pc.greater(table["stock_splits"], 0))
    actions = {
        "Symbol": splits["symbol"],
        "ExDate": splits["date"].cast(pa.timestamp("us")),
        "Kind": pa.array(["split"] * splits.num_rows),
        "Value": splits["stock_splits"],
        "Source": pa.array(["file"] * splits.num_rows),
        "ReceivedAt": pa.array([RECEIVED_AT] * splits.num_rows, pa.timestamp("us")),
    }
    asyncio.run(eventhouse.ingest("CorporateActions", parquet(pa.table(actions)), format="parquet"))
    return prices


class Market:
    """Asks a market database as the API does: constant text per endpoint, values as parameters."""

    def __init__(self, eventhouse: Eventhouse, registry: Registry) -> None:
        self.eventhouse = eventhouse
        self._endpoints = {endpoint.contract.name: endpoint for endpoint in registry.endpoints}

    def call(self, function: str, **parameters: ParameterValue) -> ResultTable:
        """Call a released function with some of its parameters."""
        return asyncio.run(self.eventhouse.query(self._endpoints[function].query_text, parameters=parameters))

    def column(self, function: str, column: str, **parameters: ParameterValue) -> FloatArray:
        """Return one column of the answer as numbers, null as NaN."""
        values: FloatArray = self.call(function, **parameters).arrow[column].to_numpy()
        return values

    def query(self, text: str, **parameters: ParameterValue) -> list[dict[str, object]]:
        """Run a query and return its records."""
        return asyncio.run(self.eventhouse.query(text, parameters=parameters)).records()

    def ingest(self, table: str, lines: str, mapping: str) -> int:
        """Ingest JSON lines."""
        answer = asyncio.run(self.eventhouse.ingest(table, lines.encode(), format="json", mapping=mapping))
        return answer.consumed_records


def _symbols(table: pa.Table) -> list[str]:
    return sorted(set(table["symbol"].to_pylist()))


def _prices(table: pa.Table) -> Prices:
    numbers = {name: table[name].to_numpy().astype(float) for name in ("open", "high", "low", "close", "volume")}
    splits = table["stock_splits"].to_numpy()
    ratios = np.where(splits > 0, splits, 1.0)
    # A split applies to all days before its ex-date: the product of the ratios after each day.
    factor = np.append(np.cumprod(ratios[::-1])[::-1][1:], 1.0)
    return Prices(table["date"].cast(pa.timestamp("us")).to_pylist(), **numbers, factor=factor)
