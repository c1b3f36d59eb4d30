"""KQL in the embedded Eventhouse against hand-written DuckDB SQL over the same ten million trades."""

import io
from collections.abc import Iterator
from functools import partial

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emulator import Eventhouse
from tests.bench.measure import Pair, side_by_side

TRADES = 10_000_000
BATCH = 1_000_000
SYMBOLS = np.array(["AAPL", "MSFT", "AMZN", "GOOGL", "NVDA"])

OHLCV_KQL = """
Trades
| summarize arg_min(Timestamp, Open = Price), arg_max(Timestamp, Close = Price),
    High = max(Price), Low = min(Price), Volume = sum(Size) by Symbol, Bar = bin(Timestamp, 1m)
| summarize Bars = count(), Volume = sum(Volume), High = max(High), Low = min(Low)
"""
OHLCV_SQL = """
SELECT count(*), sum(volume), max(high), min(low) FROM (
    SELECT symbol, time_bucket(INTERVAL 1 MINUTE, timestamp) AS bar, arg_min(price, timestamp) AS open,
        arg_max(price, timestamp) AS close, max(price) AS high, min(price) AS low, sum(size) AS volume
    FROM trades GROUP BY ALL)
"""
ROLLING_KQL = """
Trades
| summarize Close = avg(Price) by Symbol, Bar = bin(Timestamp, 1m)
| sort by Symbol asc, Bar asc
| summarize Bars = make_list(Bar), Closes = make_list(Close) by Symbol
| extend Average = series_fir(Closes, repeat(1, 20), true, false)
| mv-expand with_itemindex = Index Bar = Bars to typeof(datetime), Average to typeof(real)
| where Index >= 19
| summarize Rows = count(), Total = sum(Average)
"""
ROLLING_SQL = """
SELECT count(*), sum(average) FROM (
    SELECT symbol, bar, avg(close) OVER (PARTITION BY symbol ORDER BY bar ROWS 19 PRECEDING) AS average FROM (
        SELECT symbol, time_bucket(INTERVAL 1 MINUTE, timestamp) AS bar, avg(price) AS close
        FROM trades GROUP BY ALL)
    QUALIFY row_number() OVER (PARTITION BY symbol ORDER BY bar) >= 20)
"""


def batches() -> Iterator[pa.Table]:
    """Yield ten million seeded trades, five symbols, about 20 working weeks of minutes."""
    random = np.random.default_rng(7)
    start = np.datetime64("2026-01-05T14:30:00", "us")
    for number in range(TRADES // BATCH):
        offsets = np.sort(random.integers(0, 60_000_000 * 10_000, BATCH)) + number * 60_000_000 * 10_000
        steps = random.normal(0, 0.01, BATCH)
        yield pa.table(
            {
                "Symbol": pa.array(SYMBOLS[random.integers(0, 5, BATCH)]),
                "Timestamp": pa.array(start + offsets.astype("timedelta64[us]")),
                "Price": pa.array(np.round(150 + np.cumsum(steps), 4)),
                "Size": pa.array(random.integers(1, 500, BATCH)),
            }
        )


def fetch_all(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[object, ...]]:
    """Run SQL and fetch its rows."""
    return connection.execute(sql).fetchall()


def run() -> Iterator[Pair]:
    """Yield the pairs of this module; both sides must answer the same."""
    eventhouse = Eventhouse.open(None)
    eventhouse.command(".create table Trades (Symbol: string, Timestamp: datetime, Price: real, Size: long)")
    reference = duckdb.connect()
    reference.execute("CREATE TABLE trades (symbol VARCHAR, timestamp TIMESTAMP, price DOUBLE, size BIGINT)")
    for table in batches():
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        eventhouse.ingest("Trades", buffer.getvalue(), format="parquet")
        reference.register("batch", table)
        reference.execute("INSERT INTO trades SELECT * FROM batch")
    for name, kql, sql in (
        ("1-minute OHLCV, 10M trades", OHLCV_KQL, OHLCV_SQL),
        ("rolling average, 10M trades", ROLLING_KQL, ROLLING_SQL),
    ):
        ours = next(iter(eventhouse.query(kql)[0].rows()))
        theirs = reference.execute(sql).fetchone()
        assert theirs is not None
        np.testing.assert_allclose(np.array(ours, float), np.array(theirs, float), rtol=1e-9)
        yield side_by_side(
            name,
            partial(eventhouse.query, kql),
            partial(fetch_all, reference, sql),
            against="hand-written DuckDB SQL",
        )
    eventhouse.close()
