"""`tickhouse backfill`: the bars of a range that the Eventhouse lacks, and a reconciliation of what is there then."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cli.composition.eventhouses import find_target, open_eventhouse
from cli.composition.history_sources import history_source
from cli.composition.market import require_market
from cli.composition.sources import refuse_mixing
from cli.errors import CliError
from cli.settings.folders import DEFAULT_DATA, SIMULATED_DATA
from cli.settings.target import TargetSettings
from cli.terminal import messages, print_whole, results
from kql.reference import SIMULATED, known_symbols
from producer.clock import SystemClock
from producer.history.backfill import BackfillPlan, BackfillProgress, Failure, Report, plan_backfill, run_backfill
from producer.history.coverage import CoverageRequest, Gap
from producer.history.store import LandingStore
from producer.market_time import MARKET, AlwaysOpen, TradingDates, load_calendar
from producer.model import BarKind
from producer.source import HistorySource

# A table of findings is for reading; the rest is a query away.
ROWS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class BackfillOrder:
    """What `backfill` was asked for; both dates are trading dates and included."""

    source: str
    first: date
    last: date | None
    interval: BarKind
    target: TargetSettings
    mix: bool = False
    symbols: tuple[str, ...] = field(default_factory=known_symbols)


def run_backfill_command(order: BackfillOrder) -> None:
    """Fill the range and print the reconciliation; exit code 1 where sessions are still missing."""
    console = messages()
    try:
        report = asyncio.run(_backfill(order, console))
    except KeyboardInterrupt:
        console.print("Interrupted: what was fetched is stored, and the same command goes on from there.")
        raise
    print_report(report, results())
    if not report.is_complete:
        raise typer.Exit(1)


async def _backfill(order: BackfillOrder, console: Console) -> Report:
    clock = SystemClock()
    today = clock.now().date()
    if order.first > today:
        raise CliError(f"--from {order.first} lies in the future", hint=f"today is {today} in UTC")
    if order.last is not None and order.last < order.first:
        raise CliError(f"--to {order.last} lies before --from {order.first}")
    source = await history_source(order.source, order.symbols)
    simulated = order.source == SIMULATED
    dates: TradingDates = AlwaysOpen(MARKET.day_starts) if simulated else load_calendar()
    target = find_target(order.target, SIMULATED_DATA if simulated else DEFAULT_DATA)
    target.tell(console)
    request = CoverageRequest(order.symbols, order.interval, order.first, order.last or today, simulated=simulated)
    try:
        eventhouse = await open_eventhouse(target, create=True)
        try:
            await require_market(eventhouse)
            if not order.mix:
                await refuse_mixing(eventhouse, simulated=simulated)
            plan = await plan_backfill(eventhouse, request, dates, clock.now())
            console.print(describe_plan(plan, source))
            with _bars(console) as bars:
                task = bars.add_task("", total=len(plan.ranges), written=0)

                def show(progress: BackfillProgress) -> None:
                    current = "splits and dividends" if progress.current is None else str(progress.current)
                    bars.update(task, completed=progress.done, description=current, written=progress.written)

                return await run_backfill(
                    eventhouse, LandingStore(eventhouse, clock), source, plan, dates, clock, on_progress=show
                )
        finally:
            await eventhouse.close()
    finally:
        await source.close()


def describe_plan(plan: BackfillPlan, source: HistorySource) -> str:
    """Say what is missing and how many requests will fill it."""
    if not plan.missing:
        return "Nothing is missing."
    return f"{plan.sessions:,} sessions are missing; {source.name} is asked for {plural(len(plan.ranges), 'range')}."


def print_report(report: Report, console: Console) -> None:
    """Print what was written, what could not be had, and the findings as one table."""
    findings = report.findings
    rows = [
        *_unserved(report.failures),
        *(("gap", gap.symbol, _sessions(gap), plural(gap.sessions, "session")) for gap in report.gaps),
        *(
            ("duplicates", each.symbol, "", f"{each.surplus:,} more statements of {each.bars:,} bars by {each.source}")
            for each in findings.duplicates
        ),
        *(
            (
                "disagreement",
                each.symbol,
                f"{each.timestamp:%Y-%m-%d %H:%M}",
                f"{each.column} {each.low:,.6g} ({each.low_source}), {each.high:,.6g} ({each.high_source})",
            )
            for each in findings.disagreements
        ),
        *(
            (
                "split, disputed" if each.is_disputed else "split",
                each.symbol,
                f"{each.ex_date}",
                ", ".join(f"{ratio:g}:1 ({source})" for source, ratio in each.ratios),
            )
            for each in findings.splits
        ),
        *(
            ("suspected split", each.symbol, f"{each.ex_date}", f"{each.ratio:.2f}:1 by a jump of {each.source}")
            for each in findings.suspected_splits
        ),
    ]
    actions = f", and {plural(report.actions_written, 'split or dividend', 'splits and dividends')}"
    are_new = "was new" if report.bars_written == 1 and not report.actions_written else "were new"
    console.print(f"{plural(report.bars_written, 'bar')}{actions if report.actions_written else ''} {are_new}.")
    if rows:
        print_whole(console, _table(rows))
    waits = [each.retry_after for each in report.failures if each.retry_after is not None]
    if waits:
        console.print(f"The same command goes on where this one ended, in {min(waits):,.0f} s at the earliest.")
    elif report.is_complete:
        console.print("No session is missing.")


def plural(count: int, one: str, several: str = "") -> str:
    """Return a number with its noun."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def _unserved(failures: Sequence[Failure]) -> Iterator[tuple[str, str, str, str]]:
    """What could not be had, one row for the ranges of a symbol that failed alike."""
    for (symbol, reason), group in groupby(failures, key=lambda each: (each.gap.symbol, each.reason)):
        gaps = [each.gap for each in group]
        first, last = gaps[0].first.date, gaps[-1].last.date
        yield "not served", symbol, f"{first}" if first == last else f"{first} to {last}", escape(reason)


def _table(rows: Sequence[tuple[str, str, str, str]]) -> Table:
    table = Table("finding", "symbol", "when", "what")
    for kind in dict.fromkeys(row[0] for row in rows):
        found = [row for row in rows if row[0] == kind]
        for row in found[:ROWS_SHOWN]:
            table.add_row(*row)
        if len(found) > ROWS_SHOWN:
            table.add_row(kind, "", "", f"… and {len(found) - ROWS_SHOWN:,} more")
    return table


def _sessions(gap: Gap) -> str:
    return f"{gap.first.date}" if gap.first == gap.last else f"{gap.first.date} to {gap.last.date}"


def _bars(console: Console) -> Progress:
    numbers = (MofNCompleteColumn(), TextColumn("{task.fields[written]:,} bars"), TimeElapsedColumn())
    columns = (BarColumn(bar_width=20), *numbers, TextColumn("{task.description}"))
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
