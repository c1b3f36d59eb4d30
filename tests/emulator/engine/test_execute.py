"""Running compiled queries: parameters, limits, time, and errors in Kusto's words."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import duckdb
import pytest

from emulator.binder.entities import NoEntities
from emulator.context import ParameterValue, RequestProperties
from emulator.engine.running.execute import execute, prepare_connection
from emulator.engine.running.query import CompiledQueries, CompiledQuery, compile_query
from emulator.errors import KustoError, LimitFault, SemanticFault
from tests.emulator.conformance_adapter import NoStorage

NOON = datetime(2026, 1, 5, 12)  # noqa: DTZ001 - the engine's datetimes are naive UTC


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    opened = duckdb.connect()
    prepare_connection(opened)
    return opened


def compiled(text: str) -> CompiledQuery:
    return compile_query(text, NoEntities(), NoStorage())


def rows(connection: duckdb.DuckDBPyConnection, text: str, **properties: object) -> list[tuple[object, ...]]:
    found = execute(compiled(text), connection, RequestProperties(**properties), NOON)[0]  # type: ignore[arg-type] # by name
    return list(found.rows())


def echo(connection: duckdb.DuckDBPyConnection, declaration: str, value: ParameterValue) -> object:
    text = f"declare query_parameters(p:{declaration}); print p"
    return rows(connection, text, parameters={"p": value})[0][0]


TICKS_OF_AN_HOUR = 36_000_000_000


@pytest.mark.parametrize(
    ("declaration", "sent", "expected"),
    [
        ("long", 10, 10),
        ("long", "10", 10),
        ("long", "long(10)", 10),
        ("long", 10.0, 10),
        ("long", -(2**63), -(2**63)),
        ("int", "int(null)", None),
        ("real", 1, 1.0),
        ("real", "real(1.5)", 1.5),
        ("decimal", "decimal(1.25)", Decimal("1.25")),
        ("bool", True, True),
        ("bool", "true", True),
        ("string", 'it\'s "q"; drop', 'it\'s "q"; drop'),
        ("string", "long(1)", "long(1)"),
        ("string", None, ""),
        ("datetime", "datetime(2026-01-02)", datetime(2026, 1, 2)),  # noqa: DTZ001 - naive UTC
        ("datetime", "2026-01-02 00:00:00+00:00", datetime(2026, 1, 2)),  # noqa: DTZ001 - naive UTC
        ("datetime", datetime(2026, 1, 2, 3, tzinfo=UTC), datetime(2026, 1, 2, 3)),  # noqa: DTZ001 - naive UTC
        ("timespan", "1h", TICKS_OF_AN_HOUR),
        ("timespan", "time(1h)", TICKS_OF_AN_HOUR),
        ("timespan", "1 day, 2:00:00", 26 * TICKS_OF_AN_HOUR),
        ("timespan", "1:00:00", TICKS_OF_AN_HOUR),
        ("timespan", timedelta(hours=-1), -TICKS_OF_AN_HOUR),
        ("guid", "74BE27DE-1E4E-49D9-B579-FE0B331D3642", "74be27de-1e4e-49d9-b579-fe0b331d3642"),
        ("dynamic", 'dynamic([1, "a"])', '[1,"a"]'),
        ("dynamic", '{"k": 1}', '{"k":1}'),
    ],
)
def test_a_parameter_is_read_by_its_declared_type(
    connection: duckdb.DuckDBPyConnection, declaration: str, sent: ParameterValue, expected: object
) -> None:
    assert echo(connection, declaration, sent) == expected


@pytest.mark.parametrize(
    ("declaration", "sent", "words"),
    [
        ("long", "ten", "'p' is not a valid long"),
        ("int", 2**31, "32 bits"),
        ("long", 1.5, "not a whole number"),
        ("long", "datetime(2026-01-01)", "is of type datetime"),
        ("datetime", "yesterday", "'p' is not a valid datetime"),
        ("datetime", "infinity", "'p' is not a valid datetime"),
        ("datetime", "epoch", "'p' is not a valid datetime"),
        ("datetime", "5", "'p' is not a valid datetime"),
        ("datetime", "2026-11-29T10:00:00+25:00", "is no offset from UTC"),
        ("datetime", "datetime(9999-12-31T23:59:59-10:00)", "from the year 1 to the year 9999"),
        ("datetime", datetime.max.replace(tzinfo=timezone(timedelta(hours=-10))), "from the year 1 to the year 9999"),
        ("datetime", datetime.min.replace(tzinfo=timezone(timedelta(hours=10))), "from the year 1 to the year 9999"),
        ("string", 5, "not a string"),
        ("bool", "maybe", "not true or false"),
        ("dynamic", "[1,", "'p' is not a valid dynamic"),
    ],
)
def test_a_value_of_another_type_is_refused(
    connection: duckdb.DuckDBPyConnection, declaration: str, sent: ParameterValue, words: str
) -> None:
    with pytest.raises(SemanticFault, match=words):
        echo(connection, declaration, sent)


def test_a_missing_parameter_is_named_and_a_default_stands_in(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(SemanticFault, match=r"'p' of type long has no value") as raised:
        rows(connection, "declare query_parameters(p:long); print p")
    assert "1:26" in str(raised.value)
    assert rows(connection, "declare query_parameters(p:long = 7); print p", parameters={"unknown": 1}) == [(7,)]


def test_parameters_that_differ_only_in_case_are_two(connection: duckdb.DuckDBPyConnection) -> None:
    text = "declare query_parameters(a:long, A:long); print a, A"
    assert rows(connection, text, parameters={"a": 1, "A": 2}) == [(1, 2)]


def test_now_is_the_instant_of_the_request(connection: duckdb.DuckDBPyConnection) -> None:
    assert rows(connection, "print now(), ago(1d), now() + 1h") == [
        (NOON, NOON - timedelta(days=1), NOON + timedelta(hours=1))
    ]


@pytest.mark.slow
def test_a_result_that_is_too_large_is_refused_unless_allowed(connection: duckdb.DuckDBPyConnection) -> None:
    text = "range x from 1 to 600000 step 1"
    with pytest.raises(LimitFault, match="limit of 500000 records"):
        rows(connection, text)
    with pytest.raises(LimitFault, match="limit of 10 records"):
        rows(connection, "range x from 1 to 11 step 1", options={"truncationmaxrecords": 10})
    ten = rows(connection, "range x from 1 to 10 step 1", options={"truncationmaxrecords": "10"})
    assert ten == [(x,) for x in range(1, 11)]
    assert rows(connection, f"set notruncation; {text} | count") == [(600_000,)]
    assert rows(connection, text, options={"notruncation": True}) == [(x,) for x in range(1, 600_001)]


@pytest.mark.slow
def test_size_counts_as_well_as_rows(connection: duckdb.DuckDBPyConnection) -> None:
    text = "range x from 1 to 400000 step 1 | project s = strcat_array(repeat('0123456789', 30), '')"
    with pytest.raises(LimitFault, match="allowed size of 67108864 bytes"):
        rows(connection, text)


@pytest.mark.slow
@pytest.mark.parametrize("timeout", ["00:00:00.2", "0:00:00.2", "200ms", timedelta(milliseconds=200)])
def test_a_query_ends_with_its_time(connection: duckdb.DuckDBPyConnection, timeout: object) -> None:
    cross = "range x from 1 to 300000 step 1 | extend k = 1"
    text = f"{cross} | join kind=inner ({cross}) on k | summarize sum(x * x1)"
    with pytest.raises(LimitFault, match="timeout") as raised:
        rows(connection, text, options={"servertimeout": timeout})
    assert not raised.value.permanent
    assert rows(connection, "print 1") == [(1,)]


def test_a_timeout_that_is_none_is_refused(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(SemanticFault, match="servertimeout"):
        rows(connection, "print 1", options={"servertimeout": "soon"})


def test_a_value_that_cannot_be_computed_is_the_users_error(connection: duckdb.DuckDBPyConnection) -> None:
    text = "range x from 1 to 2 step 1 | make-series n = count() on x from 0 to 2000000 step 1"
    with pytest.raises(SemanticFault, match="more than 1048576 bins"):
        rows(connection, text)


def test_a_fault_carries_the_text_it_points_into() -> None:
    with pytest.raises(KustoError) as raised:
        compiled("print 1 | where Missing > 1")
    assert "Missing" in str(raised.value)
    assert "1:17" in str(raised.value)


def test_a_text_is_compiled_once_per_version() -> None:
    queries = CompiledQueries(capacity=2)

    def compile_(text: str, version: int) -> CompiledQuery:
        return queries.of(text, NoEntities(), NoStorage(), version)

    first = compile_("print 1", 1)
    assert compile_("print 1", 1) is first
    assert compile_("print 1", 2) is not first
    compile_("print 2", 1)
    assert compile_("print 1", 1) is not first, "the capacity is two texts"


def test_several_results_keep_their_order(connection: duckdb.DuckDBPyConnection) -> None:
    found = execute(compiled("print a = 1; print b = 'x'"), connection, now=NOON)
    assert [table.schema.csl() for table in found] == ["a:long", "b:string"]


def test_columns_are_of_the_canonical_types(connection: duckdb.DuckDBPyConnection) -> None:
    text = (
        "print b = true, i = int(1), l = 1, r = 1.5, d = decimal(1.5), s = 'x', t = datetime(2026-01-05), "
        "p = 1h, g = guid(74be27de-1e4e-49d9-b579-fe0b331d3642), j = dynamic([1])"
    )
    (table,) = execute(compiled(text), connection, now=NOON)
    assert [str(field.type) for field in table.arrow.schema] == [
        *("bool", "int32", "int64", "double", "decimal128(38, 17)", "string"),
        *("timestamp[us]", "int64", "string", "string"),
    ]
