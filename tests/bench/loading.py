"""`tickhouse load` of real minutes against DuckDB's own bulk insert of the same rows."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb

from cli.composition.embedded import EmbeddedEventhouse
from kql.deploy import deploy
from producer.clock import SystemClock
from producer.history.load import LoadRequest, load_file
from producer.history.store import LandingStore
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
        inside = asyncio.run(seconds_to_load(Path(folder) / "inside"))
        for name, seconds in (("tickhouse load, whole command", ours), ("load_file in one process", inside)):
            note = f"{count:,} rows: {count / seconds:,.0f}/s beside {count / reference:,.0f}/s"
            yield Pair(name, "DuckDB bulk insert from Parquet", seconds, reference, note)


async def seconds_to_load(data: Path) -> float:
    """Load the minutes into a fresh folder within this process: reading, checks, table, views and commit."""
    await asyncio.to_thread(data.mkdir)
    eventhouse = EmbeddedEventhouse.open(data, "Market")
    try:
        await deploy(eventhouse)
        clock = SystemClock()
        started = time.perf_counter()
        await load_file(LandingStore(eventhouse, clock), LoadRequest(INTRADAY, "intraday"), clock)
        return time.perf_counter() - started
    finally:
        await eventhouse.close()
