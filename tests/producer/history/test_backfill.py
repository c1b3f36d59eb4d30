"""Backfills against the embedded Eventhouse: what is missing, what is fetched, and what the report says."""

import asyncio
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.composition.embedded import EmbeddedEventhouse
from producer.clock import SystemClock
from producer.errors import Blocked, NoData, ProducerError, RateLimited, UnknownSymbol
from producer.history.backfill import BackfillPlan, BackfillProgress, Report, RunSettings, plan_backfill, run_backfill
from producer.history.coverage import CoverageRequest, Gap, split_gaps
from producer.history.reconciliation import Disagreement, Duplicate, Split, SuspectedSplit
from producer.history.store import LandingStore
from producer.landing import CORPORATE_ACTIONS, DAILY_BARS, INTRADAY_BARS
from producer.market_time import MARKET, AlwaysOpen, TradingDates, load_calendar
from producer.model import Bar, BarKind, CorporateAction, History, Trade
from producer.retry import RetryPolicy
from producer.source import Capability
from producer.sources.bars import ActionsWithDays, label_of
from producer.sources.simulated.source import SimulatedSettings, SimulatedSource
from tests.producer.clock import ManualClock, seeded
from tests.producer.pipeline.test_embedded import value

CALENDAR = load_calendar()
NOW = datetime(2025, 12, 1, 22, 0, tzinfo=UTC)
# Thanksgiving is the 27th, the 28th a half day.
FIRST, LAST = date(2025, 11, 20), date(2025, 12, 1)


def bar(symbol: str, at: datetime, price: float = 100.0, source: str = "test", volume: float = 10.0) -> Bar:
    return Bar(symbol, at, price, price, price, price, volume, source, NOW)


class Provider(ActionsWithDays):
    """Has a bar for every session or minute, but for those it lacks; keeps what it was asked for."""

    name = "test"
    capabilities: frozenset[Capability] = frozenset({"daily", "intraday", "actions"})

    def __init__(self, dates: TradingDates = CALENDAR, *, errors: Sequence[ProducerError | None] = ()) -> None:
        self.dates = dates
        self.errors = list(errors)
        self.lacking: set[date] = set()
        self.told_actions: tuple[CorporateAction, ...] = ()
        self.asked: list[tuple[str, datetime, datetime]] = []

    async def daily(self, symbol: str, start: datetime, end: datetime) -> History:
        self._answer(symbol, start, end)
        sessions = self.dates.sessions(start.date(), end.date() - timedelta(days=1))
        days = [label_of(each.date) for each in sessions if each.date not in self.lacking]
        actions = tuple(each for each in self.told_actions if start <= label_of(each.ex_date) < end)
        return History(tuple(bar(symbol, day) for day in days), actions)

    async def intraday(self, symbol: str, start: datetime, end: datetime) -> History:
        self._answer(symbol, start, end)
        bars = []
        for session in self.dates.sessions(start.date(), end.date()):
            minute = max(start, session.opens_at)
            while minute < min(end, session.closes_at, NOW) and session.date not in self.lacking:
                bars.append(bar(symbol, minute))
                minute += timedelta(minutes=1)
        return History(tuple(bars))

    def recent_trades(self, span: timedelta) -> Sequence[Trade]:
        return ()

    async def close(self) -> None: ...

    def _answer(self, symbol: str, start: datetime, end: datetime) -> None:
        self.asked.append((symbol, start, end))
        if self.errors and (error := self.errors.pop(0)):
            raise error


def request(interval: BarKind = "daily", symbols: Sequence[str] = ("AAPL",), **more: object) -> CoverageRequest:
    return CoverageRequest(symbols, interval, FIRST, LAST, **more)  # type: ignore[arg-type]  # tests name what they mean


async def store_bars(eventhouse: EmbeddedEventhouse, bars: Sequence[Bar], interval: BarKind = "daily") -> None:
    landing = DAILY_BARS if interval == "daily" else INTRADAY_BARS
    await LandingStore(eventhouse, SystemClock()).write(landing, landing.rows(bars))


async def planned(
    eventhouse: EmbeddedEventhouse, asked: CoverageRequest, now: datetime = NOW, dates: TradingDates = CALENDAR
) -> BackfillPlan:
    return await plan_backfill(eventhouse, asked, dates, now)


async def ran(
    eventhouse: EmbeddedEventhouse,
    plan: BackfillPlan,
    provider: Provider,
    clock: ManualClock | None = None,
    settings: RunSettings | None = None,
) -> Report:
    clock = clock or ManualClock(NOW)
    store = LandingStore(eventhouse, clock)
    return await clock.finish(
        run_backfill(eventhouse, store, provider, plan, CALENDAR, clock, settings, random=seeded())
    )


def days(gaps: Sequence[Gap]) -> list[tuple[str, str, str, int]]:
    return [(gap.symbol, f"{gap.first.date:%m-%d}", f"{gap.last.date:%m-%d}", gap.sessions) for gap in gaps]


@pytest.mark.slow
async def test_an_empty_database_lacks_every_session_and_no_other_day(eventhouse: EmbeddedEventhouse) -> None:
    plan = await planned(eventhouse, request(symbols=("AAPL", "MSFT")))
    assert days(plan.missing) == [("AAPL", "11-20", "12-01", 7), ("MSFT", "11-20", "12-01", 7)]
    assert plan.sessions == 14


@pytest.mark.slow
async def test_only_what_is_missing_is_planned(eventhouse: EmbeddedEventhouse) -> None:
    await store_bars(eventhouse, [bar("AAPL", label_of(date(2025, 11, day))) for day in (21, 25, 28)])
    plan = await planned(eventhouse, request())
    assert days(plan.missing) == [
        ("AAPL", "11-20", "11-20", 1),
        ("AAPL", "11-24", "11-24", 1),
        ("AAPL", "11-26", "11-26", 1),
        ("AAPL", "12-01", "12-01", 1),
    ]
    assert days(plan.ranges) == [("AAPL", "11-20", "12-01", 4)], "one request serves them all"
    (asked,) = plan.ranges
    assert (asked.start, asked.end) == (label_of(FIRST), label_of(date(2025, 12, 2)))
    assert str(asked) == "AAPL daily 2025-11-20 to 2025-12-01"


@pytest.mark.slow
async def test_a_day_is_due_when_its_auction_is_over(eventhouse: EmbeddedEventhouse) -> None:
    last = [
        (await planned(eventhouse, request(), datetime(2025, 12, 1, 21, minute, tzinfo=UTC))).missing[-1].last.date.day
        for minute in (14, 15)
    ]
    assert last == [28, 1]


@pytest.mark.slow
async def test_simulated_bars_do_not_count_as_real_ones_nor_the_other_way_round(
    eventhouse: EmbeddedEventhouse,
) -> None:
    sessions = [label_of(each.date) for each in CALENDAR.sessions(FIRST, LAST)]
    await store_bars(eventhouse, [bar("AAPL", day, source="simulated") for day in sessions])
    await store_bars(eventhouse, [bar("MSFT", day, source="tiingo") for day in sessions])
    real = request(symbols=("AAPL", "MSFT"))
    kinds = (real, replace(real, simulated=True), replace(real, source="yahoo"))
    lacking = [[gap.symbol for gap in (await planned(eventhouse, asked)).missing] for asked in kinds]
    assert lacking == [["AAPL"], ["MSFT"], ["AAPL", "MSFT"]]


@pytest.mark.slow
async def test_a_session_lacks_minutes_when_more_than_a_few_are_not_there(eventhouse: EmbeddedEventhouse) -> None:
    half_day = next(CALENDAR.sessions(date(2025, 11, 28), LAST))
    minutes = [half_day.opens_at + timedelta(minutes=n) for n in range(half_day.minutes)]
    beside = [half_day.closes_at + timedelta(minutes=n) for n in range(60)]
    await store_bars(eventhouse, [bar("AAPL", at) for at in [*minutes[:204], *beside]], "intraday")
    one_day = replace(request("intraday"), first=half_day.date, last=half_day.date)
    assert days((await planned(eventhouse, one_day)).missing) == [("AAPL", "11-28", "11-28", 1)]
    await store_bars(eventhouse, [bar("AAPL", minutes[204])], "intraday")
    assert (await planned(eventhouse, one_day)).missing == ()


@pytest.mark.slow
async def test_the_running_session_is_due_up_to_now(eventhouse: EmbeddedEventhouse) -> None:
    running = datetime(2025, 12, 1, 15, 30, tzinfo=UTC)
    today = replace(request("intraday"), first=LAST)
    assert len((await planned(eventhouse, today, running)).missing) == 1
    opens_at = datetime(2025, 12, 1, 14, 30, tzinfo=UTC)
    await store_bars(eventhouse, [bar("AAPL", opens_at + timedelta(minutes=n)) for n in range(58)], "intraday")
    assert (await planned(eventhouse, today, running)).missing == ()
    assert (await planned(eventhouse, today, datetime(2025, 12, 1, 14, 30, 30, tzinfo=UTC))).missing == ()


@pytest.mark.slow
async def test_a_range_ends_with_the_calendar_of_the_day(eventhouse: EmbeddedEventhouse) -> None:
    distant = replace(request(), last=date(2100, 1, 1))
    assert (await planned(eventhouse, distant)).missing[-1].last.date == LAST
    weekend = replace(request(), first=date(2025, 11, 22), last=date(2025, 11, 23))
    assert (await planned(eventhouse, weekend)).missing == ()


def test_ranges_of_minutes_are_no_longer_than_a_week() -> None:
    sessions = list(CALENDAR.sessions(date(2025, 11, 3), date(2025, 11, 21)))
    gap = Gap("AAPL", "intraday", sessions[0], sessions[-1], len(sessions))
    pieces = list(split_gaps([gap], CALENDAR, 5))
    assert days(pieces) == [
        ("AAPL", "11-03", "11-07", 5),
        ("AAPL", "11-10", "11-14", 5),
        ("AAPL", "11-17", "11-21", 5),
    ]
    assert pieces[0].start == sessions[0].opens_at
    assert pieces[0].end == sessions[4].closes_at + timedelta(minutes=1)


@pytest.mark.slow
async def test_a_run_fills_what_is_missing_and_a_second_has_nothing_to_do(eventhouse: EmbeddedEventhouse) -> None:
    provider = Provider()
    report = await ran(eventhouse, await planned(eventhouse, request(symbols=("AAPL", "MSFT"))), provider)
    assert (report.bars_written, report.failures, report.is_complete) == (14, (), True)
    assert await value(eventhouse, "DailyBars | count") == 14
    again = await planned(eventhouse, request(symbols=("AAPL", "MSFT")))
    assert again.ranges == ()
    assert len(provider.asked) == 2
    assert (await ran(eventhouse, again, provider)).bars_written == 0
    assert len(provider.asked) == 4, "only for splits and dividends that were told late"


@pytest.mark.slow
async def test_minutes_are_filled_session_by_session(eventhouse: EmbeddedEventhouse) -> None:
    report = await ran(eventhouse, await planned(eventhouse, request("intraday")), Provider())
    assert report.bars_written == 6 * 390 + 210
    assert report.is_complete


@pytest.mark.slow
async def test_what_a_provider_lacks_is_left_as_a_gap(eventhouse: EmbeddedEventhouse) -> None:
    provider = Provider()
    provider.lacking = {date(2025, 11, 24)}
    report = await ran(eventhouse, await planned(eventhouse, request()), provider)
    assert days(report.gaps) == [("AAPL", "11-24", "11-24", 1)]
    assert not report.is_complete


@pytest.mark.slow
async def test_a_short_wait_is_waited_and_a_long_one_left_to_the_next_run(eventhouse: EmbeddedEventhouse) -> None:
    clock = ManualClock(NOW)
    symbols = ("AAPL", "MSFT", "NVDA")
    errors = [RateLimited("slow", retry_after=60.0), None, RateLimited("for today", retry_after=3600.0)]
    provider = Provider(errors=errors)
    report = await ran(eventhouse, await planned(eventhouse, request(symbols=symbols)), provider, clock)
    assert 60.0 in clock.slept
    assert [symbol for symbol, _, _ in provider.asked] == ["AAPL", "AAPL", "MSFT"]
    assert [(each.gap.symbol, each.is_asked, each.retry_after) for each in report.failures] == [
        ("MSFT", True, 3600.0),
        ("NVDA", False, 3600.0),
    ]
    assert {gap.symbol for gap in report.gaps} == {"MSFT", "NVDA"}
    resumed = await ran(eventhouse, await planned(eventhouse, request(symbols=symbols)), provider)
    asked = [symbol for symbol, _, _ in provider.asked[3:]]
    assert asked == ["MSFT", "NVDA", "AAPL"], "what is there is asked for its splits only"
    assert resumed.is_complete


@pytest.mark.slow
async def test_a_symbol_without_data_does_not_stop_the_others(eventhouse: EmbeddedEventhouse) -> None:
    provider = Provider(errors=[NoData("never heard of it")])
    report = await ran(eventhouse, await planned(eventhouse, request(symbols=("AAPL", "MSFT"))), provider)
    assert [(each.gap.symbol, each.reason) for each in report.failures] == [("AAPL", "never heard of it")]
    assert report.bars_written == 7


@pytest.mark.slow
async def test_a_symbol_that_nobody_knows_is_asked_for_once(eventhouse: EmbeddedEventhouse) -> None:
    provider = Provider(errors=[UnknownSymbol("never heard of it")])
    asked = replace(request("intraday", symbols=("AAPL", "MSFT")), first=date(2025, 11, 3))
    report = await ran(eventhouse, await planned(eventhouse, asked), provider)
    assert [symbol for symbol, _, _ in provider.asked].count("AAPL") == 1
    assert [(each.gap.symbol, each.is_asked) for each in report.failures] == [("AAPL", True)] + [("AAPL", False)] * 3
    assert {gap.symbol for gap in report.gaps} == {"AAPL"}


@pytest.mark.slow
async def test_minutes_bring_the_splits_of_their_days(eventhouse: EmbeddedEventhouse) -> None:
    provider = Provider()
    provider.told_actions = (CorporateAction("AAPL", date(2025, 11, 24), "split", 4.0, "test", NOW),)
    report = await ran(eventhouse, await planned(eventhouse, request("intraday")), provider)
    assert (report.actions_written, report.is_complete) == (1, True)
    assert [split.ratios for split in report.findings.splits] == [(("test", 4.0),)]


@pytest.mark.slow
async def test_a_run_that_is_cut_off_is_continued(eventhouse: EmbeddedEventhouse) -> None:
    clock, provider = ManualClock(NOW), Provider()
    store = LandingStore(eventhouse, clock)
    plan = await planned(eventhouse, replace(request("intraday"), first=date(2025, 11, 3)))
    assert len(plan.ranges) == 4
    reached: list[BackfillProgress] = []

    def cut_off(progress: BackfillProgress) -> None:
        reached.append(progress)
        if progress.done == 2:
            task.cancel()

    task = asyncio.ensure_future(
        run_backfill(eventhouse, store, provider, plan, CALENDAR, clock, on_progress=cut_off, random=seeded())
    )
    await asyncio.wait({task})
    assert task.cancelled()
    assert [(each.done, each.total, each.written) for each in reached] == [(0, 4, 0), (1, 4, 1950), (2, 4, 3900)]
    assert [each.current for each in reached] == list(plan.ranges[:3])
    left = await planned(eventhouse, plan.request)
    assert left.ranges == plan.ranges[2:]
    report = await ran(eventhouse, left, provider)
    assert report.is_complete
    assert not set(provider.asked[:2]) & set(provider.asked[2:]), "what was stored is not asked for again"


@pytest.mark.slow
async def test_the_simulated_market_has_every_day(eventhouse: EmbeddedEventhouse) -> None:
    clock = ManualClock(NOW)
    source = SimulatedSource(clock, SimulatedSettings(symbols=("AAPL",)))
    dates = AlwaysOpen(MARKET.day_starts)
    asked = replace(request(simulated=True), first=date(2025, 11, 22))
    for each in (asked, replace(asked, interval="intraday", first=date(2025, 11, 29))):
        plan = await planned(eventhouse, each, dates=dates)
        store = LandingStore(eventhouse, clock)
        report = await clock.finish(run_backfill(eventhouse, store, source, plan, dates, clock, random=seeded()))
        assert report.is_complete
    assert await value(eventhouse, "DailyBars | count") == 9
    assert (await planned(eventhouse, asked, dates=dates)).missing == ()


@pytest.mark.slow
async def test_the_report_tells_bars_that_were_stated_twice(eventhouse: EmbeddedEventhouse) -> None:
    rows = DAILY_BARS.rows([bar("AAPL", label_of(date(2025, 11, 20))), bar("AAPL", label_of(date(2025, 11, 21)))])
    for start in (0, 1, 1, 1):
        await ingest(eventhouse, "DailyBars", rows.slice(start, 1))
    report = await ran(eventhouse, await planned(eventhouse, request()), Provider())
    assert report.findings.duplicates == (Duplicate("AAPL", "test", 1, 2),)


async def ingest(eventhouse: EmbeddedEventhouse, table: str, rows: pa.Table) -> None:
    buffer = io.BytesIO()
    pq.write_table(rows, buffer)
    await eventhouse.ingest(table, buffer.getvalue(), format="parquet")


@pytest.mark.slow
async def test_the_report_tells_where_providers_differ(eventhouse: EmbeddedEventhouse) -> None:
    day = label_of(date(2025, 11, 20))
    stated = [
        bar("AAPL", day, 100.0, "yahoo", 1_000.0),
        bar("AAPL", day, 100.05, "alpaca", 1_000.0),
        bar("AAPL", day + timedelta(days=1), 100.0, "yahoo", 1_000.0),
        bar("AAPL", day + timedelta(days=1), 101.0, "alpaca", 900.0),
        bar("AAPL", day + timedelta(days=1), 999.0, "simulated", 1.0),
    ]
    await store_bars(eventhouse, stated)
    impatient = RunSettings(retry=RetryPolicy(attempts=1))
    provider = Provider(errors=[Blocked("no")])
    report = await ran(eventhouse, await planned(eventhouse, request()), provider, settings=impatient)
    at = day + timedelta(days=1)
    assert report.findings.disagreements == (
        Disagreement("AAPL", at, "Close", 100.0, "yahoo", 101.0, "alpaca"),
        Disagreement("AAPL", at, "Volume", 900.0, "alpaca", 1_000.0, "yahoo"),
    )


@pytest.mark.slow
async def test_the_report_tells_splits_disputed_ones_and_suspected_ones(eventhouse: EmbeddedEventhouse) -> None:
    known, unknown = date(2025, 11, 21), date(2025, 11, 25)
    stated = {"yahoo": 4.0, "tiingo": 5.0}
    actions = [CorporateAction("AAPL", known, "split", ratio, source, NOW) for source, ratio in stated.items()]
    await LandingStore(eventhouse, SystemClock()).write(CORPORATE_ACTIONS, CORPORATE_ACTIONS.rows(actions))
    prices = {20: 400.0, 21: 100.0, 24: 101.0, 25: 50.0, 26: 51.0, 28: 50.0}
    await store_bars(eventhouse, [bar("AAPL", label_of(date(2025, 11, day)), price) for day, price in prices.items()])
    provider = Provider(errors=[NoData("nothing")])
    findings = (await ran(eventhouse, await planned(eventhouse, request()), provider)).findings
    (split,) = findings.splits
    assert split == Split("AAPL", known, (("tiingo", 5.0), ("yahoo", 4.0)))
    assert split.is_disputed
    assert findings.suspected_splits == (SuspectedSplit("AAPL", unknown, 2.02, "test"),)
