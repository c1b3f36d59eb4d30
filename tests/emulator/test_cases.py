"""Operator cases, text in and text out: tables, a query, the schema and the rows it gives.

A file starts with notes and, under `-- tables --`, the tables of all its cases: `Name(Column:type, …)` and rows with
cells between bars. A case is `== title`, the query, `-- schema --` and `-- rows --`, or `-- rows in order --`, or
`-- fault --` with words of the error. `null` is a null, nothing is the empty string. With the environment variable
TICKHOUSE_UPDATE_CASES the answers are written into the files, to be read before they are kept.
"""

import math
import os
import re
from dataclasses import dataclass
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
from emulator.errors import KustoError
from emulator.result import ResultTable
from emulator.sql.ast import From, TableRef
from emulator.sql.render import identifier, render
from emulator.syntax.literals import typed_literal
from emulator.text import NOWHERE
from emulator.types import ALIASES, Column, KqlType, Scalar, Schema
from tests.emulator.conformance_adapter import timespan_text

FOLDER = Path(__file__).parents[1] / "cases" / "operators"
NOW = datetime(2026, 1, 5, 14, 30)  # noqa: DTZ001 - the engine's datetimes are naive UTC
FAULT = "-- fault --\n"
UPDATE = "TICKHOUSE_UPDATE_CASES"


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


@dataclass(frozen=True, slots=True)
class Case:
    path: Path
    title: str
    query: str
    answer: str

    def __str__(self) -> str:
        return f"{self.path.stem}: {self.title}"


def read_cases() -> list[Case]:
    return [case for path in sorted(FOLDER.glob("*.txt")) for case in cases_of(path)]


def cases_of(path: Path) -> list[Case]:
    found = []
    for block in path.read_text(encoding="utf-8").split("\n== ")[1:]:
        title, _, rest = block.partition("\n")
        query, mark, answer = rest.partition("\n-- ")
        found.append(Case(path, title, query, f"{mark}{answer}".strip()))
    return found


@cache
def load_tables(path: Path) -> Tables:
    tables = Tables()
    prepare = path.read_text(encoding="utf-8").partition("\n== ")[0].partition("-- tables --\n")[2]
    for block in filter(None, re.split(r"\n\s*\n", prepare.strip())):
        header, *lines = block.splitlines()
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


def answer_of(case: Case, tables: Tables) -> str:
    try:
        result = tables.run(case.query)
    except KustoError as fault:
        return f"-- fault --\n{str(fault).splitlines()[0]}"
    scalars = [column.type.scalar for column in result.schema]
    rows = [" | ".join(map(shown, row, scalars)).rstrip() for row in result.rows()]
    is_ordered = "-- rows in order --" in case.answer
    listed = rows if is_ordered else sorted(rows)
    schema = f"-- schema --\n{result.schema.csl()}"
    return "\n".join([schema, "-- rows in order --" if is_ordered else "-- rows --", *listed])


def assert_answer(case: Case, found: str) -> None:
    """Compare the whole answer; of a fault, the words that the case names."""
    if case.answer.startswith(FAULT) and found.startswith(FAULT):
        assert case.answer.removeprefix(FAULT) in found.removeprefix(FAULT)
    else:
        assert found == case.answer


@pytest.mark.parametrize("case", read_cases(), ids=str)
def test_a_query_gives_its_rows(case: Case) -> None:
    found = answer_of(case, load_tables(case.path))
    if UPDATE in os.environ:
        text = case.path.read_text(encoding="utf-8")
        old = f"\n== {case.title}\n{case.query}\n{case.answer}".rstrip()
        case.path.write_text(text.replace(old, f"\n== {case.title}\n{case.query}\n{found}"), encoding="utf-8")
        return
    assert_answer(case, found)
