"""Loading files and history: restartable, and the second time nothing changes."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from emulator.errors import EngineFault, EntityNotFound, LimitFault
from kql.reference import load_companies
from producer.errors import BadData, NoData, RateLimited, Transient
from producer.history.aliases import canonical_names
from producer.history.backfill import BackfillSettings, backfill
from producer.history.load import LoadKind, LoadReport, LoadRequest, load_file
from producer.history.store import LandingStore, Progress
from producer.landing import DAILY_BARS, TRADES
from producer.model import Bar, History, Trade
from producer.retry import RetryPolicy
from producer.source import Capability
from producer.sources.bars import ActionsWithDays
from producer.sources.files.reading import FileOptions
from producer.sources.simulated.source import SimulatedSource
from tests.companies import PRICED, UNKNOWN
from tests.producer.clock import START, ManualClock, seeded
from tests.producer.memory import MemoryEventhouse
from tests.producer.shared import market_file

DAILY = "daily/yahoo_splitadj_actions_2020_2023.parquet"
INTRADAY = "intraday/av_1min_ext_2020q4.parquet"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def eventhouse() -> MemoryEventhouse:
    return MemoryEventhouse()


def store(
    eventhouse: MemoryEventhouse, clock: ManualClock, batch_rows: int = 50_000, attempts: int = 5
) -> LandingStore:
    return LandingStore(
        eventhouse, clock, batch_rows=batch_rows, retry=RetryPolicy(attempts=attempts), random=seeded(1)
    )


async def load(
    eventhouse: MemoryEventhouse,
    clock: ManualClock,
    path: Path,
    kind: LoadKind,
    batch_rows: int = 50_000,
    **options: object,
) -> LoadReport:
    request = LoadRequest(path, kind, FileOptions(**options))  # type: ignore[arg-type]  # tests name the options
    return await clock.finish(load_file(store(eventhouse, clock, batch_rows), request, clock))


@pytest.mark.slow
async def test_loading_twice_changes_nothing(eventhouse: MemoryEventhouse, clock: ManualClock) -> None:
    path = market_file(DAILY)
    report = await load(eventhouse, clock, path, "daily", adjustment="split")
    assert report == LoadReport(rows=5030, written=5030, actions=52, actions_written=52)
    assert [table for table, _ in eventhouse.batches] == ["CorporateActions", "DailyBars"], "splits come before prices"
    before = dict(eventhouse.tables)
    await clock.advance(3600)
    again = await load(eventhouse, clock, path, "daily", adjustment="split")
    assert again == LoadReport(rows=5030, written=0, actions=52, actions_written=0)
    assert eventhouse.tables == before


@pytest.mark.slow
async def test_a_load_that_was_cut_off_is_completed(eventhouse: MemoryEventhouse, clock: ManualClock) -> None:
    path = market_file(INTRADAY)
    undisturbed = MemoryEventhouse()
    await load(undisturbed, clock, path, "intraday")
    eventhouse.faults_after = [EngineFault("killed")]
    request = LoadRequest(path, "intraday")
    with pytest.raises(Transient):
        await clock.finish(load_file(store(eventhouse, clock, 20_000, attempts=1), request, clock))
    assert eventhouse.tables["IntradayBars"].num_rows == 20_000
    report = await load(eventhouse, clock, path, "intraday", batch_rows=30_000)
    assert (report.rows, report.written) == (149_803, 129_803)
    keys = ["Symbol", "Timestamp", "Open", "High", "Low", "Close", "Volume", "Source"]
    order = [("Symbol", "ascending"), ("Timestamp", "ascending")]
    found, expected = (it.tables["IntradayBars"].select(keys).sort_by(order) for it in (eventhouse, undisturbed))
    assert found.equals(expected)


async def test_a_batch_whose_acknowledgement_got_lost_is_not_sent_again(
    eventhouse: MemoryEventhouse, clock: ManualClock
) -> None:
    eventhouse.faults_after = [EngineFault("connection reset")]
    await load(eventhouse, clock, market_file("daily/quandl_wiki_2014.parquet"), "daily", batch_rows=300)
    assert eventhouse.tables["DailyBars"].num_rows == 504


async def test_a_refused_batch_is_sent_again(eventhouse: MemoryEventhouse, clock: ManualClock) -> None:
    eventhouse.faults_before = [LimitFault("busy"), LimitFault("busy")]
    report = await load(eventhouse, clock, market_file("daily/quandl_wiki_2014.parquet"), "daily")
    assert report.written == 504


async def test_a_missing_table_is_final(eventhouse: MemoryEventhouse, clock: ManualClock) -> None:
    eventhouse.faults_before = [EntityNotFound("table DailyBars")]
    with pytest.raises(BadData, match="deploy the market database first"):
        await load(eventhouse, clock, market_file("daily/quandl_wiki_2014.parquet"), "daily")


async def test_a_file_with_a_fault_writes_nothing(
    eventhouse: MemoryEventhouse, clock: ManualClock, tmp_path: Path
) -> None:
    rows = [f"AAPL,2024-01-{day:02},10,12,9,11,5,0" for day in range(1, 20)]
    path = tmp_path / "bars.csv"
    path.write_text(
        "symbol,date,open,high,low,close,volume,stock_splits\n" + "\n".join([*rows, "AAPL,2024-01-20,x,,,,,"])
    )
    with pytest.raises(BadData, match="column open, row 20"):
        await load(eventhouse, clock, path, "daily", batch_rows=5)
    assert eventhouse.batches == []


async def test_a_restated_bar_is_written_and_its_neighbours_are_not(
    eventhouse: MemoryEventhouse, clock: ManualClock
) -> None:
    rows = DAILY_BARS.rows([make_bar(day, 10.0) for day in (1, 2, 3)])
    await clock.finish(store(eventhouse, clock).write(DAILY_BARS, rows))
    restated = DAILY_BARS.rows([make_bar(day, 10.0 + (day == 2)) for day in (1, 2, 3)])
    assert await clock.finish(store(eventhouse, clock).write(DAILY_BARS, restated)) == 1
    assert eventhouse.tables["DailyBars"]["Close"].to_pylist() == [10.0, 10.0, 10.0, 11.0]


async def test_another_provider_may_state_the_same_bar(eventhouse: MemoryEventhouse, clock: ManualClock) -> None:
    for source in ("yahoo", "tiingo", "yahoo"):
        await clock.finish(store(eventhouse, clock).write(DAILY_BARS, DAILY_BARS.rows([make_bar(1, 10.0, source)])))
    assert eventhouse.tables["DailyBars"]["Source"].to_pylist() == ["yahoo", "tiingo"]


def make_bar(day: int, close: float, source: str = "test") -> Bar:
    return Bar("AAPL", datetime(2024, 1, day, tzinfo=START.tzinfo), 10.0, 12.0, 9.0, close, 100.0, source, START)


async def test_trades_of_a_file_are_loaded_once(eventhouse: MemoryEventhouse, clock: ManualClock) -> None:
    path = market_file("ticks/lobster_aapl_l10_first998_message.csv.gz")
    options = {"symbol": "AAPL", "trading_date": date(2012, 6, 21)}
    stamp = clock.now()
    again = await load(eventhouse, clock, path, "trades", batch_rows=50, **options)
    assert again == LoadReport(159, 159, received_at=stamp)
    again = await load(eventhouse, clock, path, "trades", batch_rows=50, **options)
    assert again == LoadReport(159, 0, received_at=stamp)


async def test_splits_of_a_file_are_loaded_once(eventhouse: MemoryEventhouse, clock: ManualClock) -> None:
    path = market_file("daily/lean_factor_files.csv")
    assert await load(eventhouse, clock, path, "actions") == LoadReport(6, 6)
    assert await load(eventhouse, clock, path, "actions") == LoadReport(6, 0)


async def test_progress_is_told_after_each_batch(eventhouse: MemoryEventhouse, clock: ManualClock) -> None:
    told: list[Progress] = []
    request = LoadRequest(market_file("daily/wiki_aapl_googl_2015_2017.parquet"), "daily")
    await clock.finish(load_file(store(eventhouse, clock, batch_rows=1_000), request, clock, told.append))
    assert told == [Progress("DailyBars", 1_000, 1_000, 1_507), Progress("DailyBars", 1_507, 1_507, 1_507)]


@pytest.mark.slow
async def test_bars_are_stored_under_canonical_symbols(eventhouse: MemoryEventhouse, clock: ManualClock) -> None:
    await load(eventhouse, clock, market_file(INTRADAY), "intraday")
    symbols = pc.unique(eventhouse.tables["IntradayBars"]["Symbol"]).to_pylist()
    assert sorted(symbols) == list(PRICED)


@pytest.mark.parametrize(
    ("names", "renamed"),
    [
        (["GOOG"], {"GOOG": "GOOGL"}),
        (["GOOGLE", "APPLE", "MSFT"], {"GOOGLE": "GOOGL", "APPLE": "AAPL"}),
        (["GOOG", "GOOGL"], {}),
        (["GOOG", "GOOGLE"], {}),
        ([UNKNOWN], {}),
    ],
)
def test_spellings_that_a_file_tells_apart_stay_apart(names: list[str], renamed: dict[str, str]) -> None:
    assert canonical_names(names, load_companies()) == renamed


SHORT = BackfillSettings(timedelta(days=30), timedelta(hours=3), timedelta(minutes=2))


@pytest.mark.slow
async def test_a_fresh_database_gets_history_up_to_the_live_trades(
    eventhouse: MemoryEventhouse, clock: ManualClock
) -> None:
    source = SimulatedSource(clock)
    target = store(eventhouse, clock)
    report = await clock.finish(backfill(target, source, ["AAPL", "MSFT"], clock, SHORT))
    assert (report.daily_written, report.intraday_written, report.failures) == (2 * 29, 2 * 180, ())
    assert report.trades_written == 600
    assert pc.max(eventhouse.tables["IntradayBars"]["Timestamp"]).as_py() == _naive(START - timedelta(minutes=3))
    assert pc.min(eventhouse.tables["TradesRaw"]["Timestamp"]).as_py() >= _naive(START - timedelta(minutes=2))
    again = await clock.finish(backfill(target, SimulatedSource(clock), ["AAPL", "MSFT"], clock, SHORT))
    assert (again.daily_written, again.intraday_written, again.trades_written) == (0, 0, 0)


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


class PartialProvider(ActionsWithDays):
    """Knows AAPL only; refuses every other symbol with the error it is given."""

    name = "partial"
    capabilities: frozenset[Capability] = frozenset({"daily", "intraday"})

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def daily(self, symbol: str, start: datetime, end: datetime) -> History:
        if symbol != "AAPL":
            raise self._error
        return History((make_bar(1, 10.0),))

    async def intraday(self, symbol: str, start: datetime, end: datetime) -> History:
        return await self.daily(symbol, start, end)

    def recent_trades(self, span: timedelta) -> Sequence[Trade]:
        return ()

    async def close(self) -> None: ...


async def test_a_symbol_without_history_is_reported(eventhouse: MemoryEventhouse, clock: ManualClock) -> None:
    provider = PartialProvider(NoData("nothing here"))
    report = await clock.finish(backfill(store(eventhouse, clock), provider, ["MSFT", "AAPL"], clock, SHORT))
    assert report.failures == ("MSFT daily: nothing here", "MSFT intraday: nothing here")
    assert (report.daily_written, report.intraday_written) == (1, 1)


async def test_a_provider_that_refuses_is_asked_no_more(eventhouse: MemoryEventhouse, clock: ManualClock) -> None:
    provider = PartialProvider(RateLimited("too many requests", retry_after=900))
    report = await clock.finish(backfill(store(eventhouse, clock), provider, ["AAPL", "MSFT", "NVDA"], clock, SHORT))
    assert report.failures == ("MSFT daily: too many requests", "MSFT intraday: too many requests")
    assert (report.daily_written, report.intraday_written) == (1, 1)


async def test_nothing_to_write_is_no_batch(eventhouse: MemoryEventhouse, clock: ManualClock) -> None:
    empty: pa.Table = TRADES.schema.empty_table()
    assert await clock.finish(store(eventhouse, clock).write(TRADES, empty)) == 0
    assert eventhouse.batches == []
