"""DuckDB's file and its write-ahead log: their names, how they are opened, and why they cannot be."""

import errno
import os
import struct
import time
from pathlib import Path

import duckdb

from emulator.engine.faults import is_disk_full, is_invalidated, kusto_fault
from emulator.errors import EngineFault, FolderFault, KustoError
from emulator.sql.render import render
from emulator.sql.statements import Pragma

DATABASE_FILE = "eventhouse.duckdb"
LOG_FILE = f"{DATABASE_FILE}.wal"
CHECK = "`tickhouse check-data` says what is damaged and what can be saved; else restore a backup"

# The engine folds the log into the file itself (see `log`): where DuckDB does so in a commit, or when it closes, and
# fails for want of room, it gives up the whole instance, after the commit that it reports as failed.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {"checkpoint_threshold": "1TB"}
_NO_FOLDING = render(Pragma("disable_checkpoint_on_shutdown"))
# The file has two headers in turn, behind the main one: a checksum, and the number of the checkpoint, of 64 bits each.
_HEADERS = (4096, 8192)
_HEADER = struct.Struct("<QQ")
_WRITABLE = "it has to be writable, even to be read: make it so, or give a copy of it"
_PATIENCE_SECONDS = 30.0
# What the operating system says of a file that is not damaged, but cannot be had.
_REFUSALS = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.ELOOP,
    errno.EMFILE,
    errno.ENFILE,
)


def connect(folder: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Open the database of a folder; raises duckdb.Error.

    An instance that has failed stays so until the last connection to it is closed, which is waited for. A new file that
    cannot be finished, for want of room, is removed: the next attempt would take it for a damaged one.
    """
    file = folder / DATABASE_FILE
    is_new = not file.exists()
    try:
        return _connect(file, read_only=read_only)
    except duckdb.Error:
        if is_new:
            file.unlink(missing_ok=True)
        raise


def _connect(file: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        connection = duckdb.connect(file, read_only=read_only, config=_CONFIG)
        try:
            connection.execute(_NO_FOLDING)
        except duckdb.Error as error:
            connection.close()
            if not is_invalidated(error) or time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            if not read_only:
                file.chmod(0o600)
            return connection


def checkpoint_of(folder: Path) -> int | None:
    """Return the number of the checkpoint that a folder's file is of; None without a file, or one of another shape."""
    numbers: list[int] = []
    try:
        with (folder / DATABASE_FILE).open("rb") as file:
            for position in _HEADERS:
                file.seek(position)
                numbers.append(_HEADER.unpack(file.read(_HEADER.size))[1])
    except (OSError, struct.error):
        return None
    return max(numbers, default=0)


def log_size(folder: Path) -> int:
    """Return the bytes of a folder's write-ahead log, 0 where there is none."""
    try:
        return (folder / LOG_FILE).stat().st_size
    except FileNotFoundError:
        return 0


def unusable(folder: Path, error: OSError) -> KustoError:
    """Return the fault of a folder that the operating system does not let us use."""
    if is_disk_full(error):
        return kusto_fault(error)
    name = os.fsdecode(error.filename) if error.filename is not None else str(folder)
    place = "" if name == str(folder) else f" ('{name}')"
    hint = _WRITABLE if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM) else ""
    return FolderFault(
        f"The data folder '{folder}' cannot be used: {error.strerror}{place}.", "TH_FolderUnusable", hint=hint
    )


def unopened(folder: Path, error: duckdb.Error) -> KustoError:
    """Return the fault of a database that DuckDB does not open."""
    text = str(error).partition("\n")[0]
    if is_disk_full(error):
        return kusto_fault(error)
    for number in _REFUSALS:
        if (words := os.strerror(number)) in text:
            return unusable(folder, OSError(number, words, str(folder / DATABASE_FILE)))
    return EngineFault(f"The data folder '{folder}' cannot be opened: {text}", "TH_FolderDamaged", hint=CHECK)
