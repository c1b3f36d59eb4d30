"""A copy of a database as of its last commit, also while a process serves it.

Who may read the folder may copy it; nothing is asked of the process that serves it, and no door is opened in it. That
process folds its log only while nobody copies. In between DuckDB only appends to the log, and writes into parts of the
file that nothing points to, so that the file and the log up to the last commit are a database.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from emulator.engine.data_folder.commits import COMMITS_FILE, read_commits, require_all
from emulator.engine.data_folder.log import COPYING_FILE
from emulator.engine.data_folder.opening import DATABASE_FILE, LOG_FILE, checkpoint_of, connect, log_size, unopened
from emulator.engine.folder_lock import LOCK_FILE, FolderLock
from emulator.errors import EngineFault, FolderFault

# What belongs to the database, or to the process that has it open.
OWN_FILES = frozenset({DATABASE_FILE, LOG_FILE, COMMITS_FILE, COPYING_FILE, LOCK_FILE})
_CHUNK = 1 << 20


def copy_database(folder: Path, target: Path) -> None:
    """Copy the database of a folder into another, where it is opened once, so that a copy is known to be good.

    Raises KustoError where there is none, where something is missing, and OSError.
    """
    if not (folder / DATABASE_FILE).is_file():
        require_all(folder)
        raise FolderFault(f"There is no Eventhouse in '{folder}'.", "TH_NoFolder")
    with _no_folding(folder) as log:
        before = checkpoint_of(folder)
        _copy(folder / DATABASE_FILE, target / DATABASE_FILE)
        if log:
            _copy(folder / LOG_FILE, target / LOG_FILE, log)
        if checkpoint_of(folder) != before:
            raise EngineFault(
                f"The log of '{folder}' was folded amid the copy, which took too long.",
                "TH_CopyTooLong",
                hint="try again",
            )
    try:
        connection = connect(target)
        try:
            connection.checkpoint()
        finally:
            connection.close()
    except duckdb.Error as error:
        raise unopened(target, error) from error


@contextmanager
def _no_folding(folder: Path) -> Iterator[int]:
    """Keep the log of a folder from being folded; tell how many bytes of it are acknowledged."""
    descriptor = os.open(folder / COPYING_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        try:
            lock = FolderLock.acquire(folder)
        except FolderFault:
            commits = read_commits(folder)
            if commits is None:
                raise
            yield commits.log
            return
        try:
            require_all(folder)
            yield log_size(folder)
        finally:
            lock.release()
    finally:
        os.close(descriptor)


def _copy(source: Path, target: Path, size: int | None = None) -> None:
    with source.open("rb") as read, target.open("wb") as written:
        if size is None:
            shutil.copyfileobj(read, written, _CHUNK)
        else:
            while size and (chunk := read.read(min(size, _CHUNK))):
                written.write(chunk)
                size -= len(chunk)
        written.flush()
        os.fsync(written.fileno())
