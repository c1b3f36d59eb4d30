"""The producer against the embedded Eventhouse with the tables, policies and views of the market database."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.composition.embedded import EmbeddedEventhouse
from kql.client import Eventhouse
from producer.clock import SystemClock
from producer.history.backfill import BackfillSettings, backfill
from producer.history.load import LoadReport, LoadRequest, load_file
from producer.history.store import LandingStore
from producer.model import Trade, encode_trade
from producer.sinks.eventhouse import EventhouseSink
from producer.sources.files.reading import FileOptions
from producer.sources.simulated.source import SimulatedSource
from tests.companies import KNOWN
from tests.kql.template import DATABASE, market_folder
from tests.producer.clock import START
from tests.producer.shared import market_file

BATCH_ROWS = 15_000
ROOT = Path(__file__).resolve().parents[3]
INTRADAY = "intraday/av_1min_ext_2020q4.parquet"


async def value(eventhouse: Eventhouse, query: str) -> object:
    ((found, *_),) = (await eventhouse.query(query)).rows()
    return found


async def load_intraday(eventhouse: Eventhouse) -> LoadReport:
    store = LandingStore(eventhouse, SystemClock(), batch_rows=BATCH_ROWS)
    return await load_file(store, LoadRequest(market_file(INTRADAY), "intraday"), SystemClock())


@pytest.mark.slow
async def test_real_daily_prices_are_stored_raw_and_once(eventhouse: EmbeddedEventhouse) -> None:
    path = market_file("daily/yahoo_splitadj_actions_2020_2023.parquet")
    request = LoadRequest(path, "daily", FileOptions(adjustment="split"))
    reports = [await load_file(LandingStore(eventhouse, SystemClock()), request, SystemClock()) for _ in range(2)]
    assert reports == [LoadReport(5030, 5030, 52, 52), LoadReport(5030, 0, 52, 0)]
    assert await value(eventhouse, "DailyBars | count") == 5030
    close = "DailyBarsLatest | where Symbol == 'AAPL' and Timestamp == datetime(2020-08-28) | project Close"
    assert await value(eventhouse, close) == pytest.approx(124.81 * 4, abs=0.02)


@pytest.mark.slow
async def test_trades_are_checked_and_counted_once(eventhouse: EmbeddedEventhouse) -> None:
    sink = EventhouseSink(eventhouse)
    trades = [
        Trade("e1", "AAPL", START, 100.0, 5.0, "Q", "test", START),
        Trade("e2", "google", START, 200.0, 5.0, "Q", "test", START),
        Trade("e3", "AAPL", START, -1.0, 5.0, "Q", "test", START),
    ]
    for _ in range(2):
        await sink.send(trades, [encode_trade(trade) for trade in trades])
    symbols = await eventhouse.query("TradesUnique | project Symbol | sort by Symbol asc")
    assert [row[0] for row in symbols.rows()] == ["AAPL", "GOOGL"]
    assert await value(eventhouse, "TradesRejected | distinct Reason") == "price not above zero"


@pytest.mark.slow
async def test_a_fresh_database_has_the_simulated_past(eventhouse: EmbeddedEventhouse) -> None:
    clock = SystemClock()
    report = await backfill(LandingStore(eventhouse, clock), SimulatedSource(clock), KNOWN, clock, BackfillSettings())
    assert report.failures == ()
    assert await value(eventhouse, "DailyBarsLatest | count") == report.daily_written
    assert await value(eventhouse, "IntradayBarsLatest | count") == report.intraday_written
    assert await value(eventhouse, "TradesUnique | count") == report.trades_written
    assert await value(eventhouse, "TradesRejected | count") == 0
    assert await value(eventhouse, "LatestTrade | count") == len(KNOWN)


LOADING = """
import asyncio, sys
from pathlib import Path
from cli.composition.embedded import EmbeddedEventhouse
from producer.clock import SystemClock
from producer.history.load import LoadRequest, load_file
from producer.history.store import LandingStore

async def main(data, file, rows):
    store = LandingStore(EmbeddedEventhouse.open(Path(data), "Market"), SystemClock(), batch_rows=int(rows))
    await load_file(store, LoadRequest(Path(file), "intraday"), SystemClock(), lambda at: print(at.done, flush=True))

asyncio.run(main(*sys.argv[1:]))
"""


def load_and_kill(data: Path) -> int:
    """Load in a process of its own, kill it after some batches, and return how many rows were acknowledged."""
    command = [sys.executable, "-c", LOADING, str(data), str(market_file(INTRADAY)), str(BATCH_ROWS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        acknowledged = [int(process.stdout.readline()) for _ in range(3)][-1]
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    return acknowledged


@pytest.mark.slow
async def test_a_killed_load_is_completed_by_the_next_one(tmp_path: Path) -> None:
    acknowledged = load_and_kill(market_folder(tmp_path))
    eventhouse = EmbeddedEventhouse.open(tmp_path, DATABASE)
    try:
        kept = await value(eventhouse, "IntradayBars | count")
        assert isinstance(kept, int)
        assert kept >= acknowledged, "what was acknowledged is kept"
        assert kept % BATCH_ROWS == 0, "no batch is there by half"
        report = await load_intraday(eventhouse)
        assert report == LoadReport(rows=149_803, written=149_803 - kept)
        assert await value(eventhouse, "IntradayBars | count") == 149_803
        assert await value(eventhouse, "IntradayBarsLatest | count") == 149_803
    finally:
        await eventhouse.close()
