"""The embedded Eventhouse as the conformance runner calls it: one query, in memory, no tables."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

import duckdb

from emulator.binder.entities import NoEntities
from emulator.binder.plan import Stored
from emulator.engine.running.execute import execute, prepare_connection
from emulator.engine.running.query import CompiledQueries
from emulator.result import ResultTable
from emulator.sql.ast import From
from emulator.types import TICKS_PER_DAY, TICKS_PER_SECOND, Scalar

Columns = list[tuple[str, str]]
Rows = list[list[object]]


class NoStorage:
    """A database without tables: the binder finds none, so none is asked for."""

    def relation(self, stored: Stored, alias: str, names: tuple[str, ...]) -> From:
        raise LookupError(stored.name)


@cache
def connection() -> duckdb.DuckDBPyConnection:
    opened = duckdb.connect()
    opened.execute("SET threads = 1")
    prepare_connection(opened)
    return opened


def run(kql: str, fixtures_dir: str) -> tuple[Columns, Rows]:
    """Run a query and return its first result's columns as (name, KQL type), and its rows."""
    compiled = CompiledQueries().of(kql, NoEntities(), NoStorage(), 0)
    table = execute(compiled, connection(), now=datetime.now(UTC).replace(tzinfo=None))[0]
    return [(column.name, str(column.type)) for column in table.schema], rows_of(table)


def rows_of(table: ResultTable) -> Rows:
    """Return the rows as a client sees them: dynamic values decoded, timespans in Kusto's text form."""
    readers = [_READERS.get(column.type.scalar) for column in table.schema]
    return [
        [cell if cell is None or read is None else read(cell) for read, cell in zip(readers, row, strict=True)]
        for row in table.rows()
    ]


def timespan_text(ticks: int) -> str:
    sign, ticks = ("-", -ticks) if ticks < 0 else ("", ticks)
    days, rest = divmod(ticks, TICKS_PER_DAY)
    seconds, fraction = divmod(rest, TICKS_PER_SECOND)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{sign}{f'{days}.' if days else ''}{clock}{f'.{fraction:07d}' if fraction else ''}"


_READERS: dict[Scalar, Callable[..., object]] = {Scalar.TIMESPAN: timespan_text, Scalar.DYNAMIC: json.loads}
