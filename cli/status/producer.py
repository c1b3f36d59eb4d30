"""How a producer is doing: a line on the terminal, and a file in its data folder for `tickhouse producer status`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from producer.clock import Clock, SystemClock
from producer.pipeline.status import Status, StatusMeter, report_status

STATUS_FILE = "producer.json"
STATUS_SECONDS = 1.0
LOG_SECONDS = 60.0


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
    """Keep the status file up to date for the duration, and a line on a terminal, or in a log one a minute.

    `role` says whether the producer is active or stands by, `landing` how the way behind the sink does.
    """
    tasks = [asyncio.create_task(report_status(meter, data / STATUS_FILE, SystemClock(), role, STATUS_SECONDS))]
    shown = _show if console.is_terminal else log
    tasks.append(asyncio.create_task(shown(meter, sink, console, landing, SystemClock())))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _show(
    meter: StatusMeter, sink: str, console: Console, landing: Callable[[], str] | None, clock: Clock
) -> None:
    with console.status("") as line:
        while True:
            line.update(escape(_joined(one_line(meter.look(), sink), landing)))
            await clock.sleep(STATUS_SECONDS)


async def log(meter: StatusMeter, sink: str, console: Console, landing: Callable[[], str] | None, clock: Clock) -> None:
    """Print how a producer does once a minute, each time on a line of its own with its time."""
    while True:
        await clock.sleep(LOG_SECONDS)
        status = meter.look()
        line = f"{status.at:%Y-%m-%dT%H:%M:%SZ} {one_line(status, sink)}, lag {status.lag_seconds:.1f} s"
        console.print(_joined(line, landing), markup=False, highlight=False)


def _joined(line: str, landing: Callable[[], str] | None) -> str:
    return ", ".join(filter(None, (line, landing() if landing else "")))


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}" if per_second >= 10 or not per_second else f"{per_second:.1f}"


def one_line(status: Status, sink: str) -> str:
    """Say how a producer does in one line."""
    parts = [f"{status.source} → {sink}: {status.sent:,} trades sent, {_rate(status.per_second)}/s"]
    if status.last_event is not None:
        parts.append(f"last {status.last_event:%H:%M:%S}")
    if status.spooled:
        parts.append(f"{status.spooled:,} in the spool")
    if status.last_error:
        # It stays after it has passed; what follows its first line are hints.
        parts.append(f"last error: {status.last_error.splitlines()[0]}")
    return ", ".join(parts)
