"""How a producer is doing: a line on the terminal, and a file in its data folder for `tickhouse producer status`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape

from cli.liveness import describe_state, is_running, latest_folder
from producer.clock import SystemClock
from producer.pipeline.status import Status, StatusMeter, read_status, report_status

STATUS_FILE = "producer.json"
STATUS_SECONDS = 1.0


@asynccontextmanager
async def reported(
    meter: StatusMeter,
    data: Path,
    sink: str,
    console: Console,
    *,
    role: Callable[[], str],
    landing: Callable[[], str] | None = None,
) -> AsyncIterator[None]:
    """Keep the status file up to date for the duration, and a line on a terminal.

    `role` says whether the producer is active or stands by, `landing` how the way behind the sink does.
    """
    tasks = [asyncio.create_task(report_status(meter, data / STATUS_FILE, SystemClock(), role, STATUS_SECONDS))]
    if console.is_terminal:
        tasks.append(asyncio.create_task(_show(meter, sink, console, landing)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _show(meter: StatusMeter, sink: str, console: Console, landing: Callable[[], str] | None) -> None:
    with console.status("") as line:
        while True:
            parts = [one_line(meter.look(), sink), landing() if landing else ""]
            line.update(escape(", ".join(filter(None, parts))))
            await asyncio.sleep(STATUS_SECONDS)


def one_line(status: Status, sink: str) -> str:
    """Say how a producer does in one line."""
    parts = [f"{status.source} → {sink}: {status.sent:,} trades sent, {status.per_second:,.0f}/s"]
    if status.last_event is not None:
        parts.append(f"last {status.last_event:%H:%M:%S}")
    if status.spooled:
        parts.append(f"{status.spooled:,} in the spool")
    if status.last_error:
        parts.append(status.last_error)
    return ", ".join(parts)


def run_producer_status(*, data: Path | None) -> None:
    """Print the status of the producer of a data folder; exit code 1 where it does not run."""
    status = read_status((data or latest_folder(STATUS_FILE, "producer")) / STATUS_FILE)
    now = datetime.now(UTC)
    running = is_running(status, now)
    delay = "" if status.delay_seconds is None else f", last delivery {status.delay_seconds:.3f} s after its trade"
    rows = (
        ("state", describe_state(status, now)),
        ("source", status.source),
        ("since", f"{status.started_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("lag", f"{status.lag_seconds:.3f} s{delay}"),
        ("rate", f"{status.per_second:,.1f} trades/s"),
        ("received", f"{status.received:,}"),
        ("sent", f"{status.sent:,}"),
        ("drops", f"{status.drops:,}"),
        ("dead letters", f"{status.dead_letters:,}"),
        ("queue", f"{status.queued:,} of {status.queue_capacity:,}"),
        ("spool", f"{status.spooled:,} trades, {status.spool_bytes:,} bytes"),
        ("retries", f"{status.sink_retries:,} of the sink, {status.source_failures:,} of the source"),
        ("last event", f"{status.last_event:%Y-%m-%d %H:%M:%S.%f} UTC" if status.last_event else "none"),
        ("last error", status.last_error or "none"),
    )
    for name, value in rows:
        typer.echo(f"{name:<13} {value}")
    if not running:
        raise typer.Exit(1)
