"""What parameters alone decide is computed once, before the rows are read, and nothing else is."""

import math
from dataclasses import replace

import pytest

from emulator.context import RequestProperties
from emulator.engine.running.execute import execute
from emulator.engine.running.query import CompiledQuery
from emulator.errors import SemanticFault
from tests.emulator.prices import Prices

PARAMETERS = (
    "declare query_parameters(p: long, symbol: string = 'A', span: timespan = 1d, at: datetime = datetime(null));"
)


@pytest.fixture(scope="module")
def prices() -> Prices:
    return Prices()


def statements(compiled: CompiledQuery) -> tuple[str, str]:
    """Return the SQL of the values and that of the rows."""
    (result,) = compiled.results
    return "" if result.request_values is None else result.request_values.statement.sql, result.statement.sql


def whole(compiled: CompiledQuery) -> CompiledQuery:
    """Return a query whose statement computes all values itself."""
    (result,) = compiled.results
    assert result.request_values is not None
    return replace(compiled, results=(result.request_values.whole(),))


def test_what_is_used_often_is_computed_once(prices: Prices) -> None:
    columns = ", ".join(f"v{n} = (p + 1) * {n}" for n in range(41))
    values, rows = statements(prices.compiled(f"{PARAMETERS} Days | project {columns}"))
    multiples = ", ".join(f'("t1"."$column_0" * CAST({n} AS BIGINT)) AS "$column_{n}"' for n in range(41))
    assert values.split(" FROM ") == [
        f"SELECT {multiples}",
        '(SELECT (CAST($q_1 AS BIGINT) + CAST(1 AS BIGINT)) AS "$column_0") AS "t1"',
    ]
    shown = ", ".join(f'CAST($q_{n + 1} AS BIGINT) AS "v{n}"' for n in range(41))
    assert rows.split(" FROM ") == [f"SELECT {shown}", '"Days" AS "t1" LIMIT CAST($limit AS BIGINT)']


def test_what_is_used_seldom_stays_where_it_is(prices: Prices) -> None:
    columns = ", ".join(f"v{n} = (p + 1) * {n}" for n in range(40))
    assert statements(prices.compiled(f"{PARAMETERS} Days | project {columns}"))[0] == ""


def test_results_of_one_request_have_values_of_their_own(prices: Prices) -> None:
    columns = [", ".join(f"v{n} = p + {added}" for n in range(42)) for added in (1, 9223372036854775807)]
    text = f"{PARAMETERS} Days | where Size == 1 | project {columns[0]}; Days | where Size > 99 | project {columns[1]}"
    compiled = prices.compiled(text)
    assert [each.request_values is None for each in compiled.results] == [False, False]
    found = execute(compiled, prices.connection, RequestProperties({"p": 1}))
    assert [list(each.rows()) for each in found] == [[(2,) * 42], []]


@pytest.mark.parametrize(
    "value",
    [
        "Size + p",
        "tolong(rand()) + p",
        "tolong(new_guid()) + p",
        "toscalar(Days | count) + p",
        "1 + 1",
        "todecimal(p)",
        "p",
    ],
)
def test_what_parameters_do_not_decide_alone_stays_where_it_is(prices: Prices, value: str) -> None:
    conditions = " or ".join([f"Size == {value}"] * 60)
    assert statements(prices.compiled(f"{PARAMETERS} Days | where {conditions}"))[0] == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("p > 1", True),
        ("toint(p + 1)", 3),
        ("p * 4611686018427387903", 9223372036854775806),
        ("p / 10.0", 0.2),
        ("1.0 / (p - 2)", math.inf),
        ("strcat(symbol, 'b')", "Ab"),
        ("strcat('', substring(symbol, 9))", ""),
        ("span + 1tick", 864_000_000_001),
        ("iff(isnull(at + 1d), at + 1d, at)", None),
        ("format_datetime(now() + span, 'yyyy-MM-dd HH:mm')", "2026-01-06 12:00"),
        ("tostring(pack_array(p, p + 1)[1])", "3"),
    ],
)
def test_values_are_those_of_a_single_statement(prices: Prices, value: str, expected: object) -> None:
    values = ", ".join(f"v{n} = v" for n in range(42))
    compiled = prices.compiled(f"{PARAMETERS} let v = {value}; Days | where Size == 1 | project {values}")
    assert prices.rows(compiled, p=2) == [(expected,) * 42]
    assert prices.rows(whole(compiled), p=2) == [(expected,) * 42]


def test_a_value_that_cannot_be_computed_fails_only_where_a_row_asks_for_it(prices: Prices) -> None:
    beyond = ", ".join(
        ["n = Size + (p + 9223372036854775807)"] + [f"n{n} = p + 9223372036854775807" for n in range(42)]
    )
    assert prices.rows(f"{PARAMETERS} Days | where Size > 100 | extend {beyond} | project n", p=1) == []
    with pytest.raises(SemanticFault, match="cannot be computed"):
        prices.rows(f"{PARAMETERS} Days | where Size > 1 | extend {beyond} | project n", p=1)
    assert prices.rows(f"{PARAMETERS} Days | where Size == 1 | extend {beyond} | project n", p=-1) == [
        (9223372036854775807,)
    ]
