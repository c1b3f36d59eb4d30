"""Whether the process that keeps a status file up to date is still there."""

from datetime import datetime
from pathlib import Path
from typing import Protocol

from cli.errors import CliError
from cli.settings.folders import DEFAULT_DATA, SIMULATED_DATA
from producer.durable_files import is_held

# A process that has not written for so long is gone or stands still.
STALE_SECONDS = 15.0
ENDED = "ended"


class Sign(Protocol):
    """What a status file says of its process: who wrote it, when, and in which role; `ended` is its last word."""

    @property
    def pid(self) -> int:
        """The process."""

    @property
    def at(self) -> datetime:
        """When it wrote."""

    @property
    def role(self) -> str:
        """What it did then."""


def is_running(sign: Sign, file: Path, now: datetime) -> bool:
    """Whether the process that wrote a status is alive and still writes; a copy of the file is no sign of that."""
    return sign.role != ENDED and is_held(file) and (now - sign.at).total_seconds() <= STALE_SECONDS


def describe_state(sign: Sign, file: Path, now: datetime) -> str:
    """Say in a few words whether the process runs."""
    if is_running(sign, file, now):
        return f"running ({sign.role}), process {sign.pid}"
    state = ENDED if sign.role == ENDED else "not running"
    if sign.role != ENDED and is_held(file):
        state = f"process {sign.pid} stands still, or its disk is full"
    return f"{state}; last heard of {(now - sign.at).total_seconds():,.0f} s ago"


def latest_folder(file: str, who: str) -> Path:
    """Return the folder, of those that are taken where none is named, in which a status was written last."""
    found = [folder for folder in (DEFAULT_DATA, SIMULATED_DATA) if (folder / file).exists()]
    if not found:
        command = f"tickhouse {who.replace(' ', '-')} run"
        raise CliError(
            f"no {who} has run in '{DEFAULT_DATA}' or '{SIMULATED_DATA}'",
            hint=f"start one with `tickhouse up` or `{command}`, or name its folder with --data",
        )
    return max(found, key=lambda folder: (folder / file).stat().st_mtime)
