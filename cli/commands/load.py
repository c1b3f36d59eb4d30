"""`tickhouse load`: historical prices from files into an Eventhouse."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from cli.composition.eventhouses import find_target, open_eventhouse
from cli.composition.files import require_files
from cli.composition.market import require_market
from cli.composition.sources import refuse_mixing
from cli.settings.target import TargetSettings
from cli.terminal import messages
from kql.client import Eventhouse
from producer.clock import SystemClock
from producer.history.load import LoadKind, LoadReport, LoadRequest, load_file
from producer.history.store import LandingStore
from producer.history.store import Progress as Written
from producer.sources.files.reading import FileOptions


def run_load(
    *,
    files: tuple[Path, ...],
    kind: LoadKind,
    options: FileOptions,
    target: TargetSettings,
    mix: bool,
) -> None:
    """Load every file; a file with a fault writes nothing and ends the command."""
    require_files(files)
    asyncio.run(_load(files, kind, options, target, mix))


async def _load(
    files: tuple[Path, ...], kind: LoadKind, options: FileOptions, given: TargetSettings, mix: bool
) -> None:
    console, target = messages(), find_target(given)
    target.tell(console)
    eventhouse = await open_eventhouse(target, create=True)
    try:
        await require_market(eventhouse)
        if not mix:
            await refuse_mixing(eventhouse, simulated=False)
        clock = SystemClock()
        for file in files:
            request = LoadRequest(file, kind, options)
            started = time.perf_counter()
            with progress_bar(console) as bar:
                task = bar.add_task(file.name, total=None)

                def show(written: Written, bar: Progress = bar, task: TaskID = task) -> None:
                    bar.update(task, completed=written.done, total=written.total)

                report = await load_file(LandingStore(eventhouse, clock), request, clock, show)
            seconds = time.perf_counter() - started
            rejected = await _rejected(eventhouse, report) if kind == "trades" else {}
            console.print(describe(file, report, seconds, rejected), highlight=False)
            for doubt in report.doubts:
                console.print(f"{file.name}: {doubt}", style="yellow", markup=False, highlight=False)
    finally:
        await eventhouse.close()


def progress_bar(console: Console) -> Progress:
    """Return a bar that counts rows and vanishes at the end."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


async def _rejected(eventhouse: Eventhouse, report: LoadReport) -> dict[str, int]:
    """Return how many trades of a load the database rejected, by reason."""
    query = "declare query_parameters(received: datetime); RejectionsOf(received)"
    rows = (await eventhouse.query(query, parameters={"received": report.received_at})).rows()
    return {str(reason): int(str(count)) for reason, count in rows}


def describe(file: Path, report: LoadReport, seconds: float, rejected: Mapping[str, int] | None = None) -> str:
    """Say what a load changed; what was rejected is not counted as new."""
    refused = rejected or {}
    lost = sum(refused.values())
    reasons = ", ".join(f"{count:,} for {reason}" for reason, count in refused.items())
    refusals = f", rejected {lost:,} ({reasons})," if lost else ""
    actions = f", {report.actions_written:,} new of {report.actions:,} splits and dividends" if report.actions else ""
    rate = f"{report.rows / seconds:,.0f} rows/s" if seconds else ""
    counts = f"{report.written - lost:,} new of {report.rows:,} rows{actions}{refusals}"
    return f"{file.name}: {counts} in {seconds:.1f} s ({rate})"
