"""`tickhouse producer status`: what the status file of a producer says."""

from datetime import UTC, datetime
from pathlib import Path

import typer

from cli.status.liveness import describe_state, is_running, latest_folder
from cli.status.producer import STATUS_FILE
from producer.pipeline.status import read_status


def run_producer_status(*, data: Path | None) -> None:
    """Print the status of the producer of a data folder; exit code 1 where it does not run."""
    file = (data or latest_folder(STATUS_FILE, "producer")) / STATUS_FILE
    status = read_status(file)
    now = datetime.now(UTC)
    running = is_running(status, file, now)
    delay = "" if status.delay_seconds is None else f", last delivery {status.delay_seconds:.3f} s after its trade"
    rows = (
        ("state", describe_state(status, file, now)),
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
