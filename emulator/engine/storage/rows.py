"""Rows that were read from payloads, on their way into the staged batch of a table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from emulator.engine.session.temporary import TemporaryTables
from emulator.sql.ast import From, Item, Parameter, Rendered, Select, SubqueryRef, TableRef
from emulator.sql.build import call, table
from emulator.sql.render import render
from emulator.sql.statements import ColumnDefinition, CreateTable, Insert

LINES = TableRef(("$lines",), "p")

_LINES = LINES.parts[0]
_DEFINITION = render(
    CreateTable(
        _LINES,
        (ColumnDefinition("line", "VARCHAR"), ColumnDefinition("number", "BIGINT")),
        temporary=True,
        or_replace=True,
    )
)
_FILL = render(
    Insert(
        _LINES,
        Select(
            (
                Item(call("unnest", Parameter("lines", "VARCHAR[]")), "line"),
                Item(call("unnest", Parameter("numbers", "BIGINT[]")), "number"),
            )
        ),
    )
)
# DuckDB finds an Arrow table by the name of the variable: a registered name would make all plans stale.
_ARROW = table("staged_rows")


class Rows(Protocol):
    """Rows with the physical columns of a table, in DuckDB's types for them or such that convert."""

    def __len__(self) -> int: ...

    def insert(self, tables: TemporaryTables, insertion: Callable[[From], str]) -> None:
        """Run the insertion of what is read from the rows, within a transaction."""


@dataclass(frozen=True, slots=True)
class ArrowRows:
    """Rows that are converted already."""

    table: pa.Table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def insert(self, tables: TemporaryTables, insertion: Callable[[From], str]) -> None:
        """Insert the rows."""
        staged_rows = self.table  # noqa: F841 - read by DuckDB, see `_ARROW`
        tables.session.connection.execute(insertion(_ARROW))


@dataclass(frozen=True, slots=True)
class LineRows:
    """A few lines of text with their numbers, and the SELECT that makes rows of them: over `LINES`.

    They are converted where they are stored: to move rows between connections costs more than to make them.
    """

    lines: tuple[str, ...]
    numbers: tuple[int, ...]
    projection: str

    def __len__(self) -> int:
        return len(self.lines)

    def insert(self, tables: TemporaryTables, insertion: Callable[[From], str]) -> None:
        """Insert the rows that the lines make."""
        tables.define(_LINES, _DEFINITION)
        tables.empty(_LINES)
        tables.session.plain(_FILL, {"lines": self.lines, "numbers": self.numbers})
        tables.session.run(insertion(SubqueryRef(Rendered(self.projection), "p")), {}, len(self))


def merged(rows: Sequence[Rows]) -> list[Rows]:
    """Put rows of one kind together, so that they are staged at once."""
    tables = [each.table for each in rows if isinstance(each, ArrowRows)]
    together: list[Rows] = [ArrowRows(pa.concat_tables(tables))] if tables else []
    by_projection: dict[str, list[LineRows]] = {}
    for each in rows:
        if isinstance(each, LineRows):
            by_projection.setdefault(each.projection, []).append(each)
    for projection, group in by_projection.items():
        lines = tuple(line for each in group for line in each.lines)
        numbers = tuple(number for each in group for number in each.numbers)
        together.append(LineRows(lines, numbers, projection))
    return together
