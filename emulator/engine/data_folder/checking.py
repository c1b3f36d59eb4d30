"""A folder's database read to its last byte, and a log cut where it is damaged."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from emulator.engine.data_folder.commits import COMMITS_FILE, read_commits, unreadable_record, what_is_lost
from emulator.engine.data_folder.log_form import entry_ends, first_damage
from emulator.engine.data_folder.opening import DATABASE_FILE, LOG_FILE, connect, log_size
from emulator.engine.folder_lock import FolderLock
from emulator.sql.ast import ColumnRef, FunctionRef, Item, Select, Star
from emulator.sql.build import call, columns, not_, table
from emulator.sql.render import render

DAMAGED_SUFFIX = ".damaged"

_TABLES = render(Select(columns(("table_name",)), FunctionRef(call("duckdb_tables"), "t"), not_(ColumnRef("internal"))))
_COLUMNS = render(
    Select(
        columns(("table_name", "column_name")), FunctionRef(call("duckdb_columns"), "c"), not_(ColumnRef("internal"))
    )
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A part of a folder: what it has, or what is wrong with it."""

    part: str
    text: str
    is_problem: bool = False


def check_database(folder: Path) -> Iterator[Finding]:
    """Read all that the database of a folder holds, and change nothing; raises KustoError for one that is in use."""
    lock = FolderLock.acquire(folder)
    try:
        if lost := what_is_lost(folder):
            yield Finding("completeness", lost, is_problem=True)
        elif unknown := unreadable_record(folder):
            yield Finding("completeness", unknown, is_problem=True)
        if not (folder / DATABASE_FILE).exists():
            return
        try:
            connection = connect(folder, read_only=True)
        except duckdb.Error as error:
            yield Finding(DATABASE_FILE, _first_line(error), is_problem=True)
            return
        try:
            yield from _tables(connection)
        finally:
            connection.close()
    finally:
        lock.release()


def accept_loss(folder: Path) -> Iterator[str]:
    """Make of what is left of a database one that opens; tell what is done. Nothing is deleted but the record of it."""
    lock = FolderLock.acquire(folder)
    try:
        log = folder / LOG_FILE
        if not (folder / DATABASE_FILE).exists():
            if log.exists():
                yield f"{LOG_FILE} belongs to a file that is missing: put aside as {_aside(log).name}"
        elif log.exists():
            keep = _readable(folder)
            if keep is None:
                yield f"{DATABASE_FILE} cannot be opened without its log either: restore a backup"
                return
            if keep < log_size(folder):
                whole = _aside(log)
                if keep:
                    _copy_beginning(whole, log, keep)
                yield f"{LOG_FILE} goes on with its first {keep:,} bytes; all of it is in {whole.name}"
        if (folder / COMMITS_FILE).exists():
            (folder / COMMITS_FILE).unlink()
            yield "what was stored last is no longer asked for"
    finally:
        lock.release()


def _tables(connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    names: dict[str, list[str]] = {name: [] for (name,) in connection.execute(_TABLES).fetchall()}
    for name, column in connection.execute(_COLUMNS).fetchall():
        if name in names:
            names[name].append(column)
    rows = 0
    for name, each in sorted(names.items()):
        values = call("bit_xor", call("hash", *map(ColumnRef, each)))
        try:
            ((count, _),) = connection.execute(
                render(Select((Item(call("count", Star()), "rows"), Item(values, "values")), table(name)))
            ).fetchall()
        except duckdb.Error as error:
            yield Finding(name, _first_line(error), is_problem=True)
        else:
            rows += int(count)
    yield Finding(DATABASE_FILE, f"{len(names):,} tables read, {rows:,} rows")


def _readable(folder: Path) -> int | None:
    """Return how many bytes of the log DuckDB can go by; None where it cannot do without the log either."""
    size, commits = log_size(folder), read_commits(folder)
    ends = [end for end in entry_ends(folder) if end <= size]
    if commits is not None and commits.log <= size and (damage := first_damage(folder, commits.log)) is not None:
        ends = [end for end in ends if end <= damage]
    elif _opens(folder, size):
        return size
    low, high = -1, len(ends) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _opens(folder, ends[middle]) else (low, middle - 1)
    if low >= 0:
        return ends[low]
    return 0 if _opens(folder, 0) else None


def _opens(folder: Path, log: int) -> bool:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".check-") as name:
        beside = Path(name)
        # Not by a symbolic link, which DuckDB follows to the log beside its end.
        try:
            (beside / DATABASE_FILE).hardlink_to(folder / DATABASE_FILE)
        except OSError:
            shutil.copyfile(folder / DATABASE_FILE, beside / DATABASE_FILE)
        if log:
            _copy_beginning(folder / LOG_FILE, beside / LOG_FILE, log)
        try:
            connect(beside, read_only=True).close()
        except duckdb.Error:
            return False
    return True


def _copy_beginning(source: Path, target: Path, size: int) -> None:
    shutil.copyfile(source, target)
    os.truncate(target, size)


def _aside(path: Path) -> Path:
    number = 0
    while (aside := path.with_name(f"{path.name}{DAMAGED_SUFFIX}{number or ''}")).exists():
        number += 1
    return path.rename(aside)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
