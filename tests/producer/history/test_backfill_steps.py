"""What a backfill asks the database and the provider for, step by step, on answers that a test gives."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from emulator.context import ParameterValue
from emulator.result import ResultTable
from emulator.types import Schema
from producer.errors import NoData, ProducerError, RateLimited, UnknownSymbol
from producer.history.backfill import BackfillPlan, BackfillProgress, Failure, Report, plan_backfill, run_backfill
from producer.history.coverage import CoverageRequest, Gap, missing_sessions
from producer.history.reconciliation import (
    Disagreement,
    Duplicate,
    Reconciliation,
    Split,
    SuspectedSplit,
    Tolerances,
    reconcile,
)
from producer.history.store import LandingStore
from producer.market_time import AlwaysOpen, load_calendar
from producer.market_time.session import Session
from producer.model import Bar, CorporateAction, History, Trade
from producer.source import Capability
from producer.sources.bars import label_of
from tests.producer.clock import ManualClock, seeded
from tests.producer.memory import MemoryEventhouse

CALENDAR = load_calendar()
NOW = datetime(2025, 12, 1, 22, 0, tzinfo=UTC)
# Thanksgiving is the 27th, the 28th a half day.
FIRST, LAST = date(2025, 11, 24), date(2025, 12, 1)


class Market(MemoryEventhouse):
    """Answers the functions of the market database with rows of a test, and keeps what they were asked for."""

    def __init__(self, **rows: Sequence[tuple[object, ...]]) -> None:
        super().__init__()
        self.rows = rows
        self.asked: list[tuple[str, dict[str, ParameterValue]]] = []

    async def query(
        self,
        text: str,
        *,
        parameters: Mapping[str, ParameterValue] | None = None,
        options: Mapping[str, object] | None = None,
    ) -> ResultTable:
        called = re.search(r"\);?\s+(\w+)\(", text)
        if called is None or called[1].startswith("Stored"):
            return await super().query(text, parameters=parameters, options=options)
        self.asked.append((f"{called[1]}{text.rpartition(called[1])[2]}", dict(parameters or {})))
        columns = list(zip(*self.rows.get(called[1], ()), strict=True))
        names = [f"c{number}" for number in range(len(columns))]
        return ResultTable(Schema(), pa.table(list(map(pa.array, map(list, columns))), names=names))


def bar(at: datetime, symbol: str = "AAPL") -> Bar:
    return Bar(symbol, at, 1.0, 1.0, 1.0, 1.0, 10.0, "test", NOW)


class Provider:
    """Has a bar at the start of every range; `errors` come first, `splits` are those of a range."""

    name = "test"

    def __init__(
        self, *errors: ProducerError | None, capabilities: frozenset[Capability] = frozenset({"daily"})
    ) -> None:
        self.capabilities = capabilities
        self.errors = list(errors)
        self.splits: tuple[CorporateAction, ...] = ()
        self.asked: list[tuple[str, str, datetime, datetime]] = []

    def _ask(self, what: str, symbol: str, start: datetime, end: datetime) -> None:
        self.asked.append((what, symbol, start, end))
        if self.errors and (error := self.errors.pop(0)):
            raise error

    async def daily(self, symbol: str, start: datetime, end: datetime) -> History:
        self._ask("daily", symbol, start, end)
        return History((bar(start, symbol),), self.splits)

    async def intraday(self, symbol: str, start: datetime, end: datetime) -> History:
        self._ask("intraday", symbol, start, end)
        return History((bar(start, symbol), bar(start + timedelta(minutes=1), symbol)))

    async def actions(self, symbol: str, start: datetime, end: datetime) -> Sequence[CorporateAction]:
        self._ask("actions", symbol, start, end)
        return self.splits

    def recent_trades(self, span: timedelta) -> Sequence[Trade]:
        return ()

    async def close(self) -> None: ...


REQUEST = CoverageRequest(("AAPL",), "daily", FIRST, LAST)
SESSIONS = list(CALENDAR.sessions(FIRST, LAST))
HALF_DAY = SESSIONS[3]
WHOLE = Gap("AAPL", "daily", SESSIONS[0], SESSIONS[-1], 5)
START, END = label_of(FIRST), label_of(LAST) + timedelta(days=1)


def split(day: int) -> CorporateAction:
    return CorporateAction("AAPL", date(2025, 11, day), "split", 4.0, "test", NOW)


def plan_of(*gaps: Gap, request: CoverageRequest = REQUEST) -> BackfillPlan:
    return BackfillPlan(request, gaps, gaps)


async def ran(
    market: Market, plan: BackfillPlan, provider: Provider, reached: list[BackfillProgress] | None = None
) -> Report:
    clock = ManualClock(NOW)
    told = reached.append if reached is not None else None
    return await clock.finish(
        run_backfill(
            market,
            LandingStore(market, clock),
            provider,
            plan,
            CALENDAR,
            clock,
            on_progress=told,
            random=seeded(),
        )
    )


@pytest.mark.parametrize(
    ("request_", "parameters", "interval"),
    [
        (
            replace(REQUEST, source="yahoo"),
            {"_slot": timedelta(days=1), "_source": "yahoo", "_simulated": False},
            "1d",
        ),
        (
            replace(REQUEST, interval="intraday", simulated=True),
            {"_slot": timedelta(minutes=30), "_source": "", "_simulated": True},
            "1m",
        ),
    ],
)
async def test_the_database_is_asked_once_a_symbol_for_the_whole_range(
    request_: CoverageRequest, parameters: dict[str, object], interval: str
) -> None:
    market = Market()
    await missing_sessions(market, replace(request_, symbols=("AAPL", "MSFT")), CALENDAR, NOW)
    closes = datetime(2025, 12, 1, 21, 0, tzinfo=UTC)
    assert market.asked == [
        (
            f"HeldBars(_symbol, {interval}, _from, _to, _slot, _source, _simulated)",
            {"_symbol": symbol, "_from": START, "_to": closes + timedelta(days=1), **parameters},
        )
        for symbol in ("AAPL", "MSFT")
    ]


@pytest.mark.parametrize(
    ("held", "gaps"),
    [
        ([], [(24, 1, 5)]),
        ([24, 25, 26, 28, 1], []),
        ([26], [(24, 25, 2), (28, 1, 2)]),
        ([24, 26, 1], [(25, 25, 1), (28, 28, 1)]),
        ([25, 26, 28], [(24, 24, 1), (1, 1, 1)]),
    ],
)
async def test_sessions_that_follow_each_other_are_one_gap(held: list[int], gaps: list[tuple[int, int, int]]) -> None:
    market = Market(HeldBars=[(label_of(each.date), 1) for each in SESSIONS if each.date.day in held])
    found = await missing_sessions(market, REQUEST, CALENDAR, NOW)
    assert [(gap.first.date.day, gap.last.date.day, gap.sessions) for gap in found] == gaps
    assert {(gap.symbol, gap.interval) for gap in found} <= {("AAPL", "daily")}


@pytest.mark.parametrize(
    ("counts", "now", "is_complete"),
    [
        # 210 minutes from 14:30 to 18:00, of which 5 may be missing; more than 30 of a half hour count as 30.
        ([30, 30, 30, 30, 30, 30, 25], NOW, True),
        ([30, 30, 30, 30, 30, 30, 24], NOW, False),
        ([90, 30, 30, 30, 30, 30, 24], NOW, False),
        ([30, 25], datetime(2025, 11, 28, 15, 30, tzinfo=UTC), True),
        ([30, 24], datetime(2025, 11, 28, 15, 30, tzinfo=UTC), False),
        ([30, 25], datetime(2025, 11, 28, 15, 31, tzinfo=UTC), False),
        ([], datetime(2025, 11, 28, 14, 35, tzinfo=UTC), True),
        ([], datetime(2025, 11, 28, 14, 36, tzinfo=UTC), False),
    ],
)
async def test_a_session_has_its_minutes_but_for_a_few(counts: list[int], now: datetime, is_complete: bool) -> None:
    slots = [HALF_DAY.opens_at + number * timedelta(minutes=30) for number in range(len(counts))]
    market = Market(HeldBars=list(zip(slots, counts, strict=True)))
    asked = CoverageRequest(("AAPL",), "intraday", HALF_DAY.date, HALF_DAY.date)
    expected = () if is_complete else (Gap("AAPL", "intraday", HALF_DAY, HALF_DAY, 1),)
    assert await missing_sessions(market, asked, CALENDAR, now) == expected


async def test_where_no_session_is_due_nobody_is_asked() -> None:
    market = Market()
    weekend = replace(REQUEST, first=date(2025, 11, 22), last=date(2025, 11, 23))
    assert await missing_sessions(market, weekend, CALENDAR, NOW) == ()
    assert market.asked == []


async def test_a_plan_is_as_many_requests_as_providers_take() -> None:
    days = await plan_backfill(Market(), REQUEST, CALENDAR, NOW)
    assert (days.missing, days.ranges, days.sessions) == ((WHOLE,), (WHOLE,), 5)
    minutes = replace(REQUEST, interval="intraday", first=date(2025, 11, 20))
    plan = await plan_backfill(Market(), minutes, CALENDAR, NOW)
    assert ([gap.sessions for gap in plan.missing], [gap.sessions for gap in plan.ranges]) == ([7], [5, 2])


async def test_a_run_asks_for_each_range_and_tells_how_far_it_is() -> None:
    market, provider = Market(), Provider()
    gaps = tuple(Gap("AAPL", "daily", session, session, 1) for session in SESSIONS[:2])
    reached: list[BackfillProgress] = []
    plan = plan_of(*gaps)
    report = await ran(market, plan, provider, reached)
    assert provider.asked == [("daily", "AAPL", gap.start, gap.end) for gap in gaps]
    assert reached == [
        BackfillProgress(0, 2, gaps[0], 0),
        BackfillProgress(1, 2, gaps[1], 1),
        BackfillProgress(2, 2, None, 2),
    ]
    assert report == Report(plan, 2, 0, (), (WHOLE,), Reconciliation())
    assert not report.is_complete


async def test_a_run_of_minutes_asks_for_minutes() -> None:
    market, provider = Market(), Provider()
    gap = Gap("AAPL", "intraday", HALF_DAY, HALF_DAY, 1)
    report = await ran(market, plan_of(gap, request=replace(REQUEST, interval="intraday")), provider)
    assert provider.asked == [("intraday", "AAPL", gap.start, gap.end)]
    assert (report.bars_written, market.tables["IntradayBars"].num_rows) == (2, 2)


async def test_splits_are_asked_for_where_no_bar_has_told_them() -> None:
    market, provider = Market(), Provider(capabilities=frozenset({"daily", "actions"}))
    provider.splits = (split(25),)
    report = await ran(market, plan_of(), provider)
    assert provider.asked == [("actions", "AAPL", START, END)]
    assert (report.bars_written, report.actions_written, market.tables["CorporateActions"].num_rows) == (0, 1, 1)
    provider.splits = ()
    assert (await ran(market, plan_of(), provider)).actions_written == 0


async def test_splits_that_the_bars_of_all_days_have_told_are_not_asked_for() -> None:
    market, provider = Market(), Provider(capabilities=frozenset({"daily", "actions"}))
    provider.splits = (split(25),)
    report = await ran(market, plan_of(WHOLE), provider)
    assert provider.asked == [("daily", "AAPL", START, END)]
    assert (report.bars_written, report.actions_written) == (1, 1)
    # A part of the days is not all of them.
    first = Gap("AAPL", "daily", WHOLE.first, WHOLE.first, 1)
    provider.asked.clear()
    await ran(market, plan_of(first), provider)
    assert [what for what, *_ in provider.asked] == ["daily", "actions"]


@pytest.mark.parametrize(
    ("capabilities", "is_simulated"), [(frozenset({"daily"}), False), (frozenset({"daily", "actions"}), True)]
)
async def test_splits_are_not_asked_for_where_there_are_none(
    capabilities: frozenset[Capability], is_simulated: bool
) -> None:
    provider = Provider(capabilities=capabilities)
    await ran(Market(), plan_of(request=replace(REQUEST, simulated=is_simulated)), provider)
    assert provider.asked == []


async def test_a_provider_that_wants_patience_is_asked_no_more() -> None:
    late = RateLimited("for today", retry_after=3_600.0)
    provider = Provider(late, capabilities=frozenset({"daily", "actions"}))
    other = replace(WHOLE, symbol="MSFT")
    report = await ran(Market(), plan_of(WHOLE, other, request=replace(REQUEST, symbols=("AAPL", "MSFT"))), provider)
    assert provider.asked == [("daily", "AAPL", START, END)]
    assert report.failures == (
        Failure(WHOLE, "for today", is_asked=True, retry_after=3_600.0),
        Failure(other, "for today", is_asked=False, retry_after=3_600.0),
    )
    assert report.gaps == (WHOLE, other)


async def test_a_symbol_that_nobody_knows_is_asked_for_no_more_and_the_others_are() -> None:
    provider = Provider(UnknownSymbol("never heard of it"), capabilities=frozenset({"daily", "actions"}))
    other = replace(WHOLE, symbol="MSFT")
    report = await ran(
        Market(), plan_of(WHOLE, WHOLE, other, request=replace(REQUEST, symbols=("AAPL", "MSFT"))), provider
    )
    assert [(what, symbol) for what, symbol, *_ in provider.asked] == [("daily", "AAPL"), ("daily", "MSFT")]
    assert report.failures == (Failure(WHOLE, "never heard of it"), Failure(WHOLE, "never heard of it", is_asked=False))


async def test_a_range_without_data_is_one_failure_and_its_splits_another() -> None:
    provider = Provider(NoData("nothing"), NoData("none"), capabilities=frozenset({"daily", "actions"}))
    report = await ran(Market(), plan_of(WHOLE), provider)
    assert report.failures == (Failure(WHOLE, "nothing"), Failure(WHOLE, "splits and dividends: none"))


RANGE = {"_symbol": "AAPL", "_from": START, "_to": END}
AT = datetime(2025, 11, 25)  # noqa: DTZ001 - as results have it


@pytest.mark.parametrize(("interval", "length", "columns"), [("daily", "1d", 2), ("intraday", "1m", 1)])
async def test_the_database_is_asked_what_it_says_of_a_range(interval: str, length: str, columns: int) -> None:
    market = Market()
    asked = await reconcile(market, ["AAPL"], interval, FIRST, LAST, Tolerances(close=0.5, volume=0.25))  # type: ignore[arg-type]  # both kinds
    assert asked == Reconciliation()
    disputes = [
        (
            f"DisputedBars(_symbol, {length}, _from, _to, _column, _tolerance)"
            " | project Timestamp, Low, Lower, High, Higher",
            {**RANGE, "_column": column, "_tolerance": tolerance},
        )
        for column, tolerance in (("Close", 0.5), ("Volume", 0.25))
    ]
    assert market.asked == [
        (f"DuplicateBars(_symbol, {length}, _from, _to) | project Source, Bars, Surplus", RANGE),
        *disputes[:columns],
        ("StatedSplits(_symbol, _from, _to) | project ExDate, Value, Source", RANGE),
        ("PriceJumps(_symbol, _from, _to) | project Timestamp, Ratio, Source", RANGE),
    ]


async def test_what_the_database_says_of_a_range_is_told() -> None:
    later = AT + timedelta(days=1)
    market = Market(
        DuplicateBars=[("yahoo", 2, 3)],
        DisputedBars=[(AT, 1, "yahoo", 2.5, "tiingo")],
        StatedSplits=[(AT, 4.0, "yahoo"), (AT, 3.0, "tiingo"), (later, 2, "yahoo"), (later, 2, "tiingo")],
        PriceJumps=[(AT, 4.1, "yahoo"), (AT + timedelta(days=2), 9.9, "alpaca")],
    )
    found = await reconcile(market, ["AAPL"], "intraday", FIRST, LAST)
    at = AT.replace(tzinfo=UTC)
    assert found == Reconciliation(
        (Duplicate("AAPL", "yahoo", 2, 3),),
        (Disagreement("AAPL", at, "Close", 1.0, "yahoo", 2.5, "tiingo"),),
        (
            Split("AAPL", date(2025, 11, 25), (("yahoo", 4.0), ("tiingo", 3.0))),
            Split("AAPL", date(2025, 11, 26), (("yahoo", 2.0), ("tiingo", 2.0))),
        ),
        # A jump on the day of a split is that split.
        (SuspectedSplit("AAPL", date(2025, 11, 27), 9.9, "alpaca"),),
    )
    assert [each.is_disputed for each in found.splits] == [True, False]
    assert market.asked[1][1]["_tolerance"] == 0.001


def test_a_market_that_never_closes_has_every_date() -> None:
    dates = AlwaysOpen(timedelta(hours=5))
    day = date(2025, 11, 29)
    start = datetime(2025, 11, 29, 5, tzinfo=UTC)
    following = Session(day + timedelta(1), start + timedelta(1), start + timedelta(2))
    assert list(dates.sessions(day, day + timedelta(1))) == [Session(day, start, start + timedelta(1)), following]
    assert list(dates.sessions(day, day - timedelta(1))) == []
    closes = start + timedelta(days=1)
    assert [dates.is_settled(day, now) for now in (closes - timedelta(microseconds=1), closes)] == [False, True]
