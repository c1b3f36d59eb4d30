"""`tickhouse data-connection status`: what the status file of a data connection says."""

from datetime import UTC, datetime
from pathlib import Path

import typer

from cli.status.connection import STATUS_FILE, read_connection_status
from cli.status.liveness import describe_state, is_running, latest_folder


def run_connection_status(*, data: Path | None) -> None:
    """Print the status of the data connection of a data folder; exit code 1 where it does not run, or has problems."""
    file = (data or latest_folder(STATUS_FILE, "data connection")) / STATUS_FILE
    status = read_connection_status(file)
    now = datetime.now(UTC)
    standby = f", {status.standby} of them read by another connection" if status.standby else ""
    rows = (
        ("state", describe_state(status, file, now)),
        ("hub", f"{status.hub}, {status.partitions} partitions{standby}"),
        ("eventhouse", f"{status.eventhouse}, table {status.table}"),
        ("since", f"{status.started_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("lag", f"{status.lag:,} events, the oldest came {status.lag_seconds:.3f} s ago" if status.lag else "0 events"),
        ("rate", f"{status.per_second:,.1f} records/s"),
        ("stored", f"{status.stored:,}"),
        ("dead letters", f"{status.dead_letters:,}"),
        ("expired", f"{status.expired:,}"),
        *(("problem", problem) for problem in status.problems),
        *(("failure", failure) for failure in status.failures if failure not in status.problems),
    )
    for name, value in rows:
        typer.echo(f"{name:<13} {value}")
    if not is_running(status, file, now) or status.problems:
        raise typer.Exit(1)
