"""How far a folder is acknowledged, written beside DuckDB's files, so that one of them that goes missing is missed.

A record of fixed size is written over after each commit, without waiting for the disk: the log reaches that before an
ingestion is acknowledged, so that it is never behind the record, unless somebody has removed or shortened it.
"""

import logging
import os
import struct
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from emulator.engine.data_folder.log_form import first_damage
from emulator.engine.data_folder.opening import DATABASE_FILE, LOG_FILE, checkpoint_of, log_size
from emulator.errors import EngineFault

COMMITS_FILE = "eventhouse.commits"
_LOG = logging.getLogger(__name__)

_RECORD = struct.Struct("<4sQQqq")
_SUM = struct.Struct("<I")
_MAGIC = b"THC1"
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC, as the engine has its times


@dataclass(frozen=True, slots=True)
class Commits:
    """The number of the checkpoint, the bytes of log since, when that was, and the time of the last commit; UTC."""

    checkpoint: int
    log: int
    since: datetime
    until: datetime


class CommitsFile:
    """The record of one folder, kept open by its owner."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder / COMMITS_FILE, os.O_RDWR | os.O_CREAT, 0o600)

    def write(self, commits: Commits) -> None:
        """Put a record in the place of the one before."""
        packed = _RECORD.pack(_MAGIC, commits.checkpoint, commits.log, _micros(commits.since), _micros(commits.until))
        os.pwrite(self._descriptor, packed + _SUM.pack(zlib.crc32(packed)), 0)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def read_commits(folder: Path) -> Commits | None:
    """Return what a folder's record says; None where there is none, or none that is whole."""
    try:
        data = (folder / COMMITS_FILE).read_bytes()
        packed, check = data[: _RECORD.size], data[_RECORD.size :]
        magic, checkpoint, log, since, until = _RECORD.unpack(packed)
        if magic != _MAGIC or _SUM.unpack(check) != (zlib.crc32(packed),):
            return None
    except (FileNotFoundError, struct.error):
        return None
    return Commits(checkpoint, log, _EPOCH + timedelta(microseconds=since), _EPOCH + timedelta(microseconds=until))


def what_is_lost(folder: Path) -> str:
    """Say what was acknowledged and is not in a folder's files any more; empty where nothing is known to be lost."""
    commits, has_file, log = read_commits(folder), (folder / DATABASE_FILE).exists(), log_size(folder)
    if not has_file:
        if commits is None and not log:
            return ""
        last = f", the last of it at {_shown(commits.until)}" if commits is not None else ""
        return f"'{DATABASE_FILE}' is missing, and with it all that was stored{last}"
    if commits is None:
        return ""
    checkpoint = checkpoint_of(folder)
    # Another shape is for DuckDB to refuse. A later checkpoint than the record's has all that the record knows of.
    if checkpoint is None or checkpoint > commits.checkpoint:
        return ""
    stretch = f"stored from {_shown(commits.since)} to {_shown(commits.until)}"
    if checkpoint < commits.checkpoint:
        return f"'{DATABASE_FILE}' is older than what was stored last: what was {stretch}, and some before it, is lost"
    if log < commits.log:
        kind = "is missing" if not log else f"is {commits.log - log:,} bytes short"
        return f"'{LOG_FILE}' {kind}: what was {stretch}, or the last part of it, is lost"
    if commits.log and (damage := first_damage(folder, commits.log)) is not None:
        return f"'{LOG_FILE}' is damaged at byte {damage:,}: the last part of what was {stretch} is lost"
    return ""


def unreadable_record(folder: Path) -> str:
    """Say that a folder's record is damaged; empty where it is not, or was never written.

    A machine that goes down may leave an empty one of a new folder, or zeros. Without it the folder opens: what is
    damaged may be this record alone.
    """
    try:
        was_written = any((folder / COMMITS_FILE).read_bytes())
    except FileNotFoundError:
        return ""
    if not was_written or read_commits(folder) is not None:
        return ""
    return f"'{COMMITS_FILE}' is damaged, which tells what was stored: whether all of it is there is not known"


def require_all(folder: Path) -> None:
    """Refuse a folder in which something is missing that was acknowledged; warn of one that does not tell."""
    if unknown := unreadable_record(folder):
        _LOG.warning("%s: %s", folder, unknown)
    if lost := what_is_lost(folder):
        raise EngineFault(
            f"The data folder '{folder}' is not complete: {lost}.",
            "TH_DataMissing",
            hint="put the file back, or restore a backup; `tickhouse check-data --accept-loss` goes on without it",
        )


def _micros(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)


def _shown(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
