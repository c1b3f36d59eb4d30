"""Filling a database with the past: a few days before live trades begin, or any range, as far as it is missing.

`plan_backfill` compares the database with a calendar of sessions, `run_backfill` asks a provider for what is missing
and reports what it found.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import assert_never

from kql.client import Eventhouse
from producer.clock import Clock
from producer.coverage import CoverageRequest, Gap, missing_sessions, split_gaps
from producer.errors import ProducerError
from producer.landing import TRADES
from producer.load import store_history
from producer.market_time import TradingDates
from producer.model import History
from producer.reconciliation import Reconciliation, Tolerances, reconcile
from producer.retry import RetryPolicy, with_retries
from producer.source import HistorySource
from producer.sources.files import BarKind
from producer.store import LandingStore, OnProgress

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
    """Which of the planned ranges was dealt with, and how many rows were new so far."""

    done: int
    total: int
    current: Gap
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
    than there is, is asked no more.
    """
    settings = settings or RunSettings()
    random = random or Random()  # noqa: S311 - jitter, not secrets
    request = plan.request
    written = 0
    failures: list[Failure] = []
    refusal: ProducerError | None = None
    for number, gap in enumerate(plan.ranges, start=1):
        if refusal:
            failures.append(Failure(gap, refusal.message, is_asked=False, retry_after=refusal.retry_after))
            continue
        try:
            history = await with_retries(partial(_fetch, source, gap), settings.retry, clock, random)
        except ProducerError as error:
            logger.warning("no bars for %s: %s", gap, error)
            failures.append(Failure(gap, error.message, retry_after=error.retry_after))
            refusal = error if error.retryable else None
        else:
            written += (await store_history(store, gap.interval, history)).written
        if on_progress:
            on_progress(BackfillProgress(number, len(plan.ranges), gap, written))
    left = await missing_sessions(eventhouse, request, dates, clock.now())
    findings = await reconcile(
        eventhouse, request.symbols, request.interval, request.first, request.last, settings.tolerances
    )
    return Report(plan, written, tuple(failures), left, findings)


async def _fetch(source: HistorySource, gap: Gap) -> History:
    match gap.interval:
        case "daily":
            return await source.daily(gap.symbol, gap.start, gap.end)
        case "intraday":
            return await source.intraday(gap.symbol, gap.start, gap.end)
        case _:
            assert_never(gap.interval)
