"""`tickhouse load` of real minutes against DuckDB's own bulk insert of the same rows."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb

from tests.bench.http import INTRADAY
from tests.bench.measure import Pair
from tests.end_to_end.platform import tickhouse

BULK_INSERT = "INSERT INTO bars SELECT symbol, ts_utc_barend, open, high, low, close, volume FROM read_parquet(?)"


def run() -> Iterator[Pair]:
    """Yield the pair of loading 149,803 one-minute bars into a durable folder; ours includes starting the tool."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        deployed = tickhouse("deploy", "--data", str(data))
        if deployed.returncode:
            raise RuntimeError(deployed.stderr)
        started = time.perf_counter()
        loaded = tickhouse("load", str(INTRADAY), "--as", "intraday", "--data", str(data))
        ours = time.perf_counter() - started
        if loaded.returncode:
            raise RuntimeError(loaded.stderr)
        connection = duckdb.connect(str(Path(folder) / "reference.duckdb"))
        connection.execute(
            "CREATE TABLE bars (symbol VARCHAR, timestamp TIMESTAMP, open DOUBLE, high DOUBLE, low DOUBLE,"
            " close DOUBLE, volume BIGINT)"
        )
        started = time.perf_counter()
        connection.execute(BULK_INSERT, [str(INTRADAY)])
        reference = time.perf_counter() - started
        rows = connection.execute("SELECT count(*) FROM bars").fetchone()
        count = rows[0] if rows else 0
        note = f"{count:,} rows: {count / ours:,.0f}/s beside {count / reference:,.0f}/s"
        yield Pair("load minutes", "DuckDB bulk insert from Parquet", ours, reference, note)
