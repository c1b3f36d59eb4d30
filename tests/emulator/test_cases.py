"""The case files under tests/cases/operators: tables, and queries with the schema and the rows they give.

The payloads before the cases are the tables of all of them: `Name(Column:type, …)` and rows with cells between bars,
`null` for a null, nothing for the empty string. An answer is the schema, and the rows, sorted unless `(in order)`.
"""

import math
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import duckdb
import pytest

from emulator.binder.bind_expressions.constants import read_datetime
from emulator.binder.entities import NoEntities, StoredTable
from emulator.binder.expression import Constant
from emulator.binder.plan import Stored, Values
from emulator.emit.relations import emit_query
from emulator.engine.running.execute import execute, prepare_connection
from emulator.engine.running.query import compile_query
from emulator.result import ResultTable
from emulator.sql.ast import From, TableRef
from emulator.sql.render import render
from emulator.sql.render_query import identifier
from emulator.syntax.literals import typed_literal
from emulator.text import NOWHERE
from emulator.types import ALIASES, Column, KqlType, Scalar, Schema
from tests.casefiles import Case, Fault, cases_in, check, outcome, read
from tests.conftest import CheckCase
from tests.emulator.conformance_adapter import timespan_text

NOW = datetime(2026, 1, 5, 14, 30)  # noqa: DTZ001 - the engine's datetimes are naive UTC
IN_ORDER = "(in order)"


class Tables(NoEntities):
    """The tables of a case file, in DuckDB under their own names."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("SET threads = 1")
        prepare_connection(self.connection)
        self._schemas: dict[str, Schema] = {}

    def add(self, name: str, schema: Schema, rows: tuple[tuple[Constant, ...], ...]) -> None:
        self._schemas[name] = schema
        query = render(emit_query(Values(schema, rows), self).query)
        self.connection.execute(f"CREATE TABLE {identifier(name)} AS {query}")

    def table(self, name: str) -> StoredTable | None:
        return StoredTable(Stored(name, name, self._schemas[name])) if name in self._schemas else None

    def table_names(self) -> tuple[str, ...]:
        return tuple(self._schemas)

    def relation(self, stored: Stored, alias: str, names: tuple[str, ...]) -> From:
        return TableRef((stored.identity,), alias)

    def run(self, query: str) -> ResultTable:
        (result,) = execute(compile_query(query, self, self), self.connection, now=NOW)
        return result


def is_ordered(case: Case) -> bool:
    return (case.step.answer or "").split("\n")[1:2] == [IN_ORDER]


@cache
def load_tables(path: Path) -> Tables:
    tables = Tables()
    for step in read(path).preparation:
        header, *lines = step.text.split("\n")
        name, _, columns = header.rstrip(")").partition("(")
        pairs = [column.strip().partition(":") for column in columns.split(",")]
        schema = Schema(tuple(Column(column, KqlType(ALIASES[type_])) for column, _, type_ in pairs))
        tables.add(name, schema, tuple(read_row(line, schema) for line in lines))
    return tables


def read_row(line: str, schema: Schema) -> tuple[Constant, ...]:
    cells = [cell.strip() for cell in line.split("|")]
    return tuple(
        Constant(read_cell(cell, column.type.scalar), column.type, NOWHERE)
        for cell, column in zip(cells, schema, strict=True)
    )


def read_cell(cell: str, scalar: Scalar) -> object:
    if cell == "null":
        return None
    match scalar:
        case Scalar.STRING | Scalar.DYNAMIC:
            return cell
        case Scalar.DATETIME:
            return read_datetime(cell, NOWHERE)
        case _:
            return typed_literal(scalar.value, cell)[1]


def shown(value: object, scalar: Scalar) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case datetime():
            return f"{value.isoformat()}Z"
        case int() if scalar is Scalar.TIMESPAN:
            return timespan_text(value)
        case float():
            return "NaN" if math.isnan(value) else f"{value:.12g}"
        case Decimal():
            return format(value.normalize(), "f")
        case _:
            return str(value).replace("\n", "\\n")


def answer_of(case: Case, tables: Tables) -> str | Fault:
    return outcome(lambda: _shown(tables.run(case.step.text), ordered=is_ordered(case)))


def _shown(result: ResultTable, *, ordered: bool) -> str:
    scalars = [column.type.scalar for column in result.schema]
    rows = [" | ".join(map(shown, row, scalars)).rstrip() for row in result.rows()]
    return "\n".join([result.schema.csl(), *([IN_ORDER, *rows] if ordered else sorted(rows))])


def assert_answer(case: Case, found: str | Fault) -> None:
    """Compare the whole answer; of a fault, the words that the case names."""
    check(case, 0, found)


@pytest.mark.parametrize("case", cases_in("operators"), ids=str)
def test_a_query_gives_its_rows(case: Case, check_case: CheckCase) -> None:
    check_case(case, answer_of(case, load_tables(case.path)))
