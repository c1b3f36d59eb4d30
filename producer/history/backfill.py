"""Filling a database with the past: a few days before live trades begin, or any range, as far as it is missing.

`plan_backfill` compares the database with a calendar of sessions, `run_backfill` asks a provider for what is missing
and reports what it found.
"""

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from random import Random
from typing import TypeVar, assert_never

from kql.client import Eventhouse
from producer.clock import Clock
from producer.errors import ProducerError, UnknownSymbol
from producer.history.coverage import CoverageRequest, Gap, missing_sessions, split_gaps
from producer.history.load import store_history
from producer.history.reconciliation import Reconciliation, Tolerances, reconcile
from producer.history.store import LandingStore, OnProgress
from producer.landing import CORPORATE_ACTIONS, TRADES
from producer.market_time import TradingDates
from producer.model import BarKind, History
from producer.retry import RetryPolicy, with_retries
from producer.source import HistorySource

T = TypeVar("T")
Fetch = Callable[[str, datetime, datetime], Awaitable[History]]

logger = logging.getLogger(__name__)

# One request of a provider: four years of days, or a week of minutes. Each is stored before the next is asked for.
_SESSIONS_PER_RANGE: dict[BarKind, int] = {"daily": 1_000, "intraday": 5}


@dataclass(frozen=True, slots=True)
class BackfillSettings:
    """How far to look back. Four hundred days hold the 252 trading dates of a year and its warm-up."""

    daily: timedelta = timedelta(days=400)
    intraday: timedelta = timedelta(days=5)
    trades: timedelta = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class BackfillReport:
    """Rows that were new, and what a provider had to say of symbols it could not serve."""

    daily_written: int = 0
    intraday_written: int = 0
    trades_written: int = 0
    failures: tuple[str, ...] = ()


async def backfill(
    store: LandingStore,
    source: HistorySource,
    symbols: Sequence[str],
    clock: Clock,
    settings: BackfillSettings,
    on_progress: OnProgress | None = None,
) -> BackfillReport:
    """Fetch and store the past of every symbol; what the database already holds is left out.

    A symbol that the provider cannot serve is reported and passed over. A provider that refuses or is out of reach is
    reported and asked no more; a database that fails is an error.
    """
    now = clock.now()
    trades = source.recent_trades(settings.trades)
    # Minutes that trades cover must not come twice.
    minutes_end = trades[0].timestamp.replace(second=0, microsecond=0) if trades else now
    written: dict[BarKind, int] = {"daily": 0, "intraday": 0}
    failures = []
    parts: tuple[tuple[BarKind, Fetch, datetime, datetime], ...] = (
        ("daily", source.daily, now - settings.daily, now),
        ("intraday", source.intraday, minutes_end - settings.intraday, minutes_end),
    )
    # Days of all symbols come first: the most for the fewest requests, should the provider refuse.
    for kind, fetch, start, end in parts:
        for symbol in symbols:
            try:
                history = await fetch(symbol, start, end)
            except ProducerError as error:
                logger.warning("no %s history of %s: %s", kind, symbol, error)
                failures.append(f"{symbol} {kind}: {error.message}")
                if error.retryable:
                    break
            else:
                written[kind] += (await store_history(store, kind, history, on_progress)).written
    trades_written = await store.write(TRADES, TRADES.rows(trades), on_progress)
    return BackfillReport(written["daily"], written["intraday"], trades_written, tuple(failures))


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """What is missing, and the ranges that providers will be asked for to fill it."""

    request: CoverageRequest
    missing: tuple[Gap, ...]
    ranges: tuple[Gap, ...]

    @property
    def sessions(self) -> int:
        """How many sessions of symbols are missing."""
        return sum(gap.sessions for gap in self.missing)


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """How many of the planned ranges were dealt with, which is being asked for, and how many bars were new so far."""

    done: int
    total: int
    current: Gap | None
    written: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A range that a provider could not serve; `retry_after` says in how many seconds it may."""

    gap: Gap
    reason: str
    is_asked: bool = True
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a backfill did, and what the database says of the whole range now."""

    plan: BackfillPlan
    bars_written: int
    actions_written: int
    failures: tuple[Failure, ...]
    gaps: tuple[Gap, ...]
    findings: Reconciliation

    @property
    def is_complete(self) -> bool:
        """Whether no session lacks bars any more."""
        return not self.gaps


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How patient a backfill is: a longer wait than `patience_seconds` is left to the next run."""

    retry: RetryPolicy = field(
        default_factory=lambda: RetryPolicy(attempts=5, base_seconds=1.0, patience_seconds=120.0)
    )
    tolerances: Tolerances = field(default_factory=Tolerances)


async def plan_backfill(
    eventhouse: Eventhouse, request: CoverageRequest, dates: TradingDates, now: datetime
) -> BackfillPlan:
    """Compare what is there with the sessions of a calendar; a plan made again after a run leaves out what it did."""
    missing = await missing_sessions(eventhouse, request, dates, now)
    return BackfillPlan(request, missing, tuple(split_gaps(missing, dates, _SESSIONS_PER_RANGE[request.interval])))


async def run_backfill(
    eventhouse: Eventhouse,
    store: LandingStore,
    source: HistorySource,
    plan: BackfillPlan,
    dates: TradingDates,
    clock: Clock,
    settings: RunSettings | None = None,
    *,
    on_progress: Callable[[BackfillProgress], None] | None = None,
    random: Random | None = None,
) -> Report:
    """Fetch and store the ranges of a plan, one by one, and look at the result.

    What is stored stays: a run that is cut off is continued by planning anew. A provider that asks for more patience
    than there is, is asked no more. Splits and dividends of the whole range are asked for even where no bar is missing,
    for they may be told later than the bars.
    """
    random = random or Random()  # noqa: S311 - jitter, not secrets
    run = _Run(store, source, dates, clock, settings or RunSettings(), random)
    request = plan.request
    total = len(plan.ranges)
    for number, gap in enumerate(plan.ranges):
        if on_progress:
            on_progress(BackfillProgress(number, total, gap, run.bars_written))
        await run.fill(gap)
    if on_progress:
        on_progress(BackfillProgress(total, total, None, run.bars_written))
    sessions = list(dates.sessions(request.first, min(request.last, clock.now().date())))
    if "actions" in source.capabilities and not request.simulated and sessions:
        for symbol in request.symbols:
            await run.refresh_actions(Gap(symbol, "daily", sessions[0], sessions[-1], len(sessions)))
    left = await missing_sessions(eventhouse, request, dates, clock.now())
    findings = await reconcile(
        eventhouse, request.symbols, request.interval, request.first, request.last, run.settings.tolerances
    )
    return Report(plan, run.bars_written, run.actions_written, tuple(run.failures), left, findings)


@dataclass(slots=True)
class _Run:
    """What a backfill has done so far, and whom it asks no more."""

    store: LandingStore
    source: HistorySource
    dates: TradingDates
    clock: Clock
    settings: RunSettings
    random: Random
    bars_written: int = 0
    actions_written: int = 0
    failures: list[Failure] = field(default_factory=list)
    days_told: dict[str, set[date]] = field(default_factory=lambda: defaultdict(set))
    refusal: ProducerError | None = None
    unknown: dict[str, ProducerError] = field(default_factory=dict)

    async def fill(self, gap: Gap) -> None:
        """Fetch and store one range."""
        if error := self.refusal or self.unknown.get(gap.symbol):
            self.failures.append(Failure(gap, error.message, is_asked=False, retry_after=error.retry_after))
            return
        history = await self._asked(gap, partial(_fetch, self.source, gap))
        if history is None:
            return
        report = await store_history(self.store, gap.interval, history)
        self.bars_written += report.written
        self.actions_written += report.actions_written
        if gap.interval == "daily":
            self.days_told[gap.symbol].update(each.date for each in self.dates.sessions(gap.first.date, gap.last.date))

    async def refresh_actions(self, gap: Gap) -> None:
        """Fetch and store the splits and dividends of a range, unless its bars have told them."""
        is_told = self.days_told[gap.symbol].issuperset(
            each.date for each in self.dates.sessions(gap.first.date, gap.last.date)
        )
        if is_told or self.refusal or gap.symbol in self.unknown:
            return
        ask = partial(self.source.actions, gap.symbol, gap.start, gap.end)
        actions = await self._asked(gap, ask, "splits and dividends: ")
        if actions:
            self.actions_written += await self.store.write(CORPORATE_ACTIONS, CORPORATE_ACTIONS.rows(actions))

    async def _asked(self, gap: Gap, ask: Callable[[], Awaitable[T]], what: str = "") -> T | None:
        try:
            return await with_retries(ask, self.settings.retry, self.clock, self.random)
        except ProducerError as error:
            logger.info("no answer for %s: %s", gap, error)
            self.failures.append(Failure(gap, what + error.message, retry_after=error.retry_after))
            if error.retryable:
                self.refusal = error
            elif isinstance(error, UnknownSymbol):
                self.unknown[gap.symbol] = error
            return None


async def _fetch(source: HistorySource, gap: Gap) -> History:
    match gap.interval:
        case "daily":
            return await source.daily(gap.symbol, gap.start, gap.end)
        case "intraday":
            return await source.intraday(gap.symbol, gap.start, gap.end)
        case _:
            assert_never(gap.interval)
