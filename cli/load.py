"""`tickhouse load` and `tickhouse replay`: prices from files into an Eventhouse."""

import asyncio
import math
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from cli.errors import CliError
from cli.eventhouses import open_eventhouse
from cli.sources import refuse_mixing
from emulator.errors import KustoError
from kql.client import Eventhouse
from kql.deploy import deploy
from kql.loader import Kind, load_database
from producer.clock import SystemClock
from producer.history.load import LoadKind, LoadReport, LoadRequest, load_file
from producer.history.store import LandingStore
from producer.history.store import Progress as Written
from producer.pipeline.pipeline import Pipeline, PipelineSettings
from producer.sinks.eventhouse import EventhouseSink
from producer.sources.files.reading import FileOptions
from producer.sources.files.replay import ReplaySettings, ReplaySource

# What a deployment makes last.
LAST_DEPLOYED = "VolumeAnalytics_v1"
_SHOWN = {
    Kind.TABLE: ".show tables | project TableName",
    Kind.VIEW: ".show materialized-views | project Name",
    Kind.FUNCTION: ".show functions | project Name",
}


def run_load(
    *,
    files: tuple[Path, ...],
    kind: LoadKind,
    options: FileOptions,
    data: Path | None,
    url: str | None,
    database: str,
    mix: bool,
) -> None:
    """Load every file; a file with a fault writes nothing and ends the command."""
    require_files(files)
    asyncio.run(_load(files, kind, options, data, url, database, mix))


async def _load(
    files: tuple[Path, ...],
    kind: LoadKind,
    options: FileOptions,
    data: Path | None,
    url: str | None,
    database: str,
    mix: bool,
) -> None:
    console = Console(stderr=True)
    eventhouse = await open_eventhouse(url=url, data=data, database=database, create=True)
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
            console.print(describe(file, report, time.perf_counter() - started))
    finally:
        await eventhouse.close()


def progress_bar(console: Console) -> Progress:
    """Return a bar that counts rows and vanishes at the end."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


def describe(file: Path, report: LoadReport, seconds: float) -> str:
    """Say what a load changed."""
    actions = f", {report.actions_written:,} new of {report.actions:,} splits and dividends" if report.actions else ""
    rate = f"{report.rows / seconds:,.0f} rows/s" if seconds else ""
    return f"{file.name}: {report.written:,} new of {report.rows:,} rows{actions} in {seconds:.1f} s ({rate})"


async def require_market(eventhouse: Eventhouse) -> None:
    """Deploy the market database where it is missing, or was cut off on the way; any other is left as it is.

    A deployment runs in order: what one leaves that was cut off are the first of its entities, without a gap. Whoever
    made some of them on purpose, such as the landing tables alone, has others of them before those missing.
    """
    functions = await _names(eventhouse, Kind.FUNCTION)
    if LAST_DEPLOYED in functions:
        return
    found = {
        Kind.FUNCTION: functions,
        Kind.TABLE: await _names(eventhouse, Kind.TABLE),
        Kind.VIEW: await _names(eventhouse, Kind.VIEW),
    }
    standard = load_database()
    is_there = [each.name in found[each.kind] for each in standard.statements if each.kind in found]
    if not any(is_there[is_there.index(False) :]):
        await deploy(eventhouse, standard)


async def _names(eventhouse: Eventhouse, kind: Kind) -> set[str]:
    return {str(row[0]) for row in (await eventhouse.command(_SHOWN[kind])).rows()}


def require_files(files: tuple[Path, ...]) -> None:
    """Refuse files that do not exist before anything is opened."""
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise CliError(f"no such file: {', '.join(missing)}")


def run_replay(
    *, file: Path, speed: float, options: FileOptions, data: Path | None, url: str | None, database: str
) -> None:
    """Send the trades of a file through the producer's pipeline."""
    require_files((file,))
    asyncio.run(_replay(file, speed, options, data, url, database))


async def _replay(
    file: Path, speed: float, options: FileOptions, data: Path | None, url: str | None, database: str
) -> None:
    clock = SystemClock()
    source = ReplaySource(file, clock, ReplaySettings(speed=speed or math.inf, options=options))
    eventhouse = await open_eventhouse(url=url, data=data, database=database, create=True)
    try:
        await require_market(eventhouse)
        counters = await Pipeline(source, EventhouseSink(eventhouse), clock, PipelineSettings()).run()
    except KustoError as error:
        raise CliError(str(error)) from error
    finally:
        await eventhouse.close()
    Console(stderr=True).print(f"{file.name}: {counters.sent:,} trades sent in {counters.batches:,} batches")
