"""How a producer is doing: a line on the terminal, and a file in its data folder for `tickhouse producer status`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from producer.clock import SystemClock
from producer.pipeline.status import Status, StatusMeter, report_status

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
