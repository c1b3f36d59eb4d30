"""Statements with and without DuckDB's optimizer: chosen by their load, and of the same answer."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pytest

from emulator.binder.bind import bind_query
from emulator.engine.catalog.entities import Entities
from emulator.engine.catalog.records import Database
from emulator.engine.commands.dispatch import run_command
from emulator.engine.core import Core
from emulator.engine.ingestion.payload import Payload
from emulator.engine.running.reader import Reader
from emulator.engine.session.cores import Cores
from emulator.engine.session.workload import SMALL, Load, Sizes
from emulator.syntax.parser import parse_query
from tests.emulator import test_cases as operators
from tests.emulator.conformance_adapter import connection as printing
from tests.emulator.functions import test_cases as functions
from tests.emulator.functions.printed import printed


@pytest.fixture
def core() -> Iterator[Core]:
    opened = Core.open(None)
    opened.writer.change(lambda transaction: transaction.put(Database("D")))
    run_command(opened, ".create table T (X: long)", "D")
    yield opened
    opened.close()


def is_optimizing(cursor: duckdb.DuckDBPyConnection) -> bool:
    return bool(cursor.execute("SELECT current_setting('enable_optimizer')").fetchall()[0][0])


@contextmanager
def without_optimizer(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.execute("SET SESSION enable_optimizer = false")
    try:
        yield
    finally:
        connection.execute("SET SESSION enable_optimizer = true")


@pytest.mark.parametrize(
    ("rows", "is_plain", "expected"), [(SMALL, True, False), (SMALL + 1, True, True), (1, False, True)]
)
def test_few_rows_are_read_as_the_statement_is_written(rows: int, is_plain: bool, expected: bool) -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS a FROM range($rows)", {"rows": rows})
        reader = Reader(connection.cursor(), Cores(connection), Sizes(connection))
        for _ in range(2):
            with reader.fit(Load(frozenset({"t"}), multiplies=False, is_plain=is_plain)):
                assert is_optimizing(reader.cursor) is expected
        reader.optimizer.turn(on=True)
        assert is_optimizing(reader.cursor)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("T | where X > toscalar(T | count) | summarize count() by bin(X, 10) | top 3 by X | extend Y = prev(X)", True),
        ("union T, (datatable(X: long)[1]) | where X in (T)", True),
        ("print 1", True),
        ("T | lookup T on X", False),
        ("T | where X in (T | join T on X | project X)", False),
        ("T | mv-expand Y = dynamic([1])", False),
        ("T | partition by X (top 1 by X)", False),
        ("T | sort by X asc | scan declare (Y: long = 0) with (step s: true => Y = X;)", False),
    ],
)
def test_what_the_optimizer_has_to_turn_into_something_else_is_not_plain(
    core: Core, query: str, expected: bool
) -> None:
    (plan,) = bind_query(parse_query(query), Entities(core.database("D"))).results
    assert Load.of(plan, ()).is_plain is expected


def test_an_eventhouse_knows_at_once_that_a_table_is_no_longer_small(core: Core) -> None:
    def plan_of_count() -> bool:
        core.query("T | where X > 1", "D")
        return is_optimizing(core._idle[-1].cursor)

    core.ingest("D", "T", Payload(b'{"X": 1}', "json", None))
    core.query("T", "D")
    assert not plan_of_count()
    core.ingest("D", "T", Payload("\n".join(map(str, range(SMALL + 1))).encode(), "csv", None))
    assert plan_of_count()
    core.query("print 1", "D")
    with core.cursor() as cursor:
        assert is_optimizing(cursor)


@pytest.mark.parametrize("case", operators.read_cases(), ids=str)
def test_operators_answer_alike_without_the_optimizer(case: operators.Case) -> None:
    tables = operators.load_tables(case.path)
    with without_optimizer(tables.connection):
        found = operators.answer_of(case, tables)
    operators.assert_answer(case, found)


@pytest.mark.parametrize(("kql", "answer"), functions.cases(" =>"))
def test_functions_answer_alike_without_the_optimizer(kql: str, answer: str) -> None:
    with without_optimizer(printing()):
        assert printed(kql) == answer
