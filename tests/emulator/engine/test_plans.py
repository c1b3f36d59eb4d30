"""KeptPlans that a connection keeps: their arguments, and that answers are those of statements planned at each run."""

import math
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import duckdb
import pytest

from emulator.binder.entities import NoEntities
from emulator.context import RequestProperties
from emulator.engine.catalog.records import Database
from emulator.engine.commands.dispatch import run_command
from emulator.engine.core import Core
from emulator.engine.ingestion.payload import Payload
from emulator.engine.running.execute import CompiledQuery, Compiler, compile_query, execute
from emulator.engine.running.reader import Reader
from emulator.engine.session.cores import Cores
from emulator.engine.session.kept_plans import KeptPlans, argument
from emulator.engine.session.workload import SMALL, Sizes
from emulator.result import ResultTable, TruncationFault
from tests.emulator import test_cases as operators
from tests.emulator.conformance_adapter import NoStorage
from tests.emulator.conformance_adapter import connection as printing
from tests.emulator.functions import test_cases as functions
from tests.emulator.functions.printed import printed_table

TEXTS = [
    "",
    "AAPL",
    "it's",
    "'); DROP TABLE t; --",
    "\\x27 $p1 $$ \\",
    'say "x"',
    "a\0b",
    "line\r\nline\t",
    "Zürich – 東京 😀",
    "x" * 1_024,
]


@pytest.fixture
def core() -> Iterator[Core]:
    opened = Core.open(None)
    opened.writer.change(lambda transaction: transaction.put(Database("D")))
    run_command(opened, ".create table T (X: long)", "D")
    add(opened, 1, 2, 3, 4, 5)
    opened.query("T", "D")
    yield opened
    opened.close()


def add(core: Core, *numbers: int) -> None:
    core.ingest("D", "T", Payload("\n".join(map(str, numbers)).encode(), "csv", None))


def rows(core: Core, text: str, **parameters: str | int) -> list[tuple[object, ...]]:
    return list(core.query(text, "D", RequestProperties(parameters=parameters))[0].rows())


def kept(core: Core) -> int:
    """Return how many plans the connection keeps that the next request gets."""
    ((count,),) = core._idle[-1].cursor.execute("SELECT count(*) FROM duckdb_prepared_statements()").fetchall()
    return int(count)


def thrice(query: CompiledQuery, connection: duckdb.DuckDBPyConnection) -> ResultTable:
    """Run a query as an Eventhouse does, by plans that are kept from the second time on; return the last answer."""
    reader = Reader(connection, Cores(connection), Sizes(connection))
    try:
        for _ in range(3):
            (table,) = execute(query, connection, now=operators.NOW, run=reader.run)
        return table
    finally:
        reader.begin(1)
        reader.optimizer.turn(on=True)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_arrives_as_it_is(text: str) -> None:
    with duckdb.connect() as connection:
        plans = KeptPlans(connection.execute)
        literal = argument(text, "VARCHAR")
        assert literal is not None
        ran = connection.execute(plans.execution("SELECT CAST($p1 AS VARCHAR)", {"p1": literal}))
        assert ran.fetchall() == [(text,)]


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        (None, "VARCHAR"),
        (None, "TIMESTAMP"),
        (True, "BOOLEAN"),
        (0, "BIGINT"),
        (-(1 << 63), "BIGINT"),
        ((1 << 63) - 1, "BIGINT"),
        (-(1 << 31), "INTEGER"),
        (1.5, "DOUBLE"),
        (-0.0, "DOUBLE"),
        (5e-324, "DOUBLE"),
        (1.7976931348623157e308, "DOUBLE"),
        (math.inf, "DOUBLE"),
        (-math.inf, "DOUBLE"),
        (math.nan, "DOUBLE"),
        (Decimal("-12345678901234567890.12345678901234567"), "DECIMAL(38,17)"),
        (datetime(1, 1, 1), "TIMESTAMP"),  # noqa: DTZ001 - the engine's datetimes are naive UTC
        (datetime(2026, 1, 5, 14, 30, 0, 1), "TIMESTAMP"),  # noqa: DTZ001 - the engine's datetimes are naive UTC
    ],
)
def test_a_value_arrives_as_a_bound_one_does(value: object, type_: str) -> None:
    with duckdb.connect() as connection:
        sql = f"SELECT CAST($p1 AS {type_})"
        literal = argument(value, type_)
        assert literal is not None
        ran = connection.execute(KeptPlans(connection.execute).execution(sql, {"p1": literal})).fetchall()
        assert repr(ran) == repr(connection.execute(sql, {"p1": value}).fetchall())


@pytest.mark.parametrize("value", ["x" * 1_025, "\ud800", b"x", [1], {"a": 1}])
def test_what_is_no_literal_is_bound(value: object) -> None:
    assert argument(value, "VARCHAR") is None


@pytest.mark.parametrize("text", [*TEXTS, "x" * 2_000])
def test_a_query_that_comes_again_keeps_its_plan_and_sees_its_own_parameters(core: Core, text: str) -> None:
    query = "declare query_parameters(a: string, b: long); T | where X <= b | extend A = a, B = b, C = a"
    before = kept(core)
    for number in (1, 2, 3, 2):
        expected = [(each + 1, text, number, text) for each in range(number)]
        assert sorted(rows(core, query, a=text, b=number)) == expected
    assert kept(core) - before == (len(text) <= 1_024)


def test_a_query_that_comes_once_keeps_no_plan(core: Core) -> None:
    before = kept(core)
    for number in range(3):
        assert rows(core, f"T | where X == {number} | count") == [(1 if number else 0,)]
    assert kept(core) == before


def test_a_plan_that_is_kept_sees_new_rows_and_another_moment(core: Core) -> None:
    moments, numbers = set(), set()
    for count in range(5, 10):
        ((found, moment, number),) = rows(core, "T | summarize count() | extend now(), rand()")
        assert found == count
        moments.add(moment)
        numbers.add(number)
        add(core, count + 1)
    assert len(moments) == len(numbers) == 5


def test_a_changed_schema_ends_the_plans_before_it(core: Core) -> None:
    for _ in range(3):
        assert rows(core, "T | top 1 by X") == [(5,)]
    assert kept(core)
    run_command(core, ".alter-merge table T (Y: string)", "D")
    assert rows(core, "print 1") == [(1,)]
    assert not kept(core)
    for _ in range(3):
        assert rows(core, "T | top 1 by X") == [(5, "")]
    run_command(core, ".drop table T", "D")
    run_command(core, ".create table T (X: long)", "D")
    add(core, 7)
    for _ in range(3):
        assert rows(core, "T | top 1 by X") == [(7,)]


def test_a_result_ends_at_its_limit_by_a_plan_that_is_kept_too(core: Core) -> None:
    for _ in range(3):
        with pytest.raises(TruncationFault, match="limit of 3 records") as caught:
            core.query("T | sort by X asc", "D", RequestProperties(options={"truncationmaxrecords": 3}))
        (table,) = caught.value.tables
        assert list(table.rows()) == [(1,), (2,), (3,)]
        assert rows(core, "T | sort by X asc") == [(1,), (2,), (3,), (4,), (5,)]


def test_a_table_that_grew_is_read_by_plans_of_its_own_size(core: Core) -> None:
    for _ in range(3):
        assert rows(core, "T | summarize max(X)") == [(5,)]
    before = kept(core)
    add(core, *range(SMALL + 1))
    for _ in range(3):
        assert rows(core, "T | summarize min(X)") == [(0,)]
        assert rows(core, "T | summarize max(X)") == [(SMALL,)]
    assert kept(core) == before


@pytest.mark.parametrize("case", operators.read_cases(), ids=str)
def test_operators_answer_alike_by_plans_that_are_kept(case: operators.Case, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = operators.load_tables(case.path)
    monkeypatch.setattr(tables, "run", lambda query: thrice(compile_query(query, tables, tables), tables.connection))
    operators.assert_answer(case, operators.answer_of(case, tables))


@pytest.mark.parametrize(("kql", "answer"), functions.cases(" =>"))
def test_functions_answer_alike_by_plans_that_are_kept(kql: str, answer: str) -> None:
    query = Compiler().compile(kql, NoEntities(), NoStorage(), 0)
    found = thrice(query, printing())
    (plain,) = execute(query, printing(), now=operators.NOW)
    assert printed_table(found) == answer
    assert (found.schema, found.arrow.schema) == (plain.schema, plain.arrow.schema)
