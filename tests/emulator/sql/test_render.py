"""SQL text: literals and names survive the way through DuckDB, and clauses stand where they belong."""

import math
from decimal import Decimal

import duckdb
import pytest

from emulator.sql.ast import (
    Call,
    Cte,
    InList,
    Item,
    JoinRef,
    Literal,
    Operation,
    OrderBy,
    Query,
    Select,
    Sql,
    Star,
    TableRef,
    UnionAll,
    ValuesRef,
    Window,
    With,
)
from emulator.sql.build import lit
from emulator.sql.render import render
from emulator.sql.render_query import identifier


def run(query: Query) -> list[tuple[object, ...]]:
    return duckdb.connect().execute(render(query)).fetchall()


def value(sql: Sql) -> object:
    return run(Select((Item(sql, "x"),)))[0][0]


@pytest.mark.parametrize(
    "text", ["", "it's", 'a "b"', "a\0b", "\0", "\\n", "line\nbreak", "-- no comment", "$q_1", "žluťoučký 🐎", "%?;"]
)
def test_a_string_comes_back_as_it_was(text: str) -> None:
    assert value(Literal(text)) == text


def test_half_of_a_surrogate_pair_becomes_the_replacement_character() -> None:
    assert value(Literal("a\ud83db")) == "a\ufffdb"


@pytest.mark.parametrize(
    "number", [0.0, -0.0, 0.1, 1e300, 5e-324, 1.7976931348623157e308, 123456789.123, math.inf, -math.inf]
)
def test_a_real_comes_back_to_the_last_bit(number: float) -> None:
    found = value(Literal(number))
    assert (found, math.copysign(1, found)) == (number, math.copysign(1, number))  # type: ignore[arg-type] # a float


def test_a_real_is_a_double_even_without_a_fraction() -> None:
    assert value(Call("typeof", (Literal(2.0),))) == "DOUBLE"
    assert math.isnan(value(Literal(math.nan)))  # type: ignore[arg-type] # a float


@pytest.mark.parametrize("number", [-(2**63), 2**63 - 1, 0])
def test_whole_numbers_keep_their_type(number: int) -> None:
    assert value(Literal(number, "BIGINT")) == number
    assert value(Call("typeof", (Literal(number, "BIGINT"),))) == "BIGINT"


def test_decimals_are_exact() -> None:
    assert value(Literal(Decimal("12345678901234567890.00000000000000001"), "DECIMAL(38,17)")) == Decimal(
        "12345678901234567890.00000000000000001"
    )


@pytest.mark.parametrize("name", ['a"b', "select", "a b", "a.b", "$x", "Ünïcode", "a;--"])
def test_any_name_can_be_a_column(name: str) -> None:
    query = Select((Item(lit(1), name),))
    assert duckdb.connect().execute(render(query)).description[0][0] == name


def test_a_name_cannot_hold_nul() -> None:
    with pytest.raises(ValueError, match="NUL"):
        identifier("a\0b")


def test_a_list_without_elements_holds_nothing() -> None:
    assert value(InList(lit(1), ())) is False


def test_operations_bind_as_the_tree_says() -> None:
    assert value(Operation("*", (Operation("+", (lit(1), lit(2))), lit(3)))) == 9
    assert value(Operation("-", (Operation("-", (lit(1),)),))) == 1


def test_clauses_stand_in_order() -> None:
    rows = ValuesRef(((lit("a"), lit(1)), (lit("a"), lit(2)), (lit("b"), lit(5))), ("k", "v"), "t")
    query = Select(
        (Item(Operation("+", (lit(0), Call("count", ()))), "n"),),
        rows,
        where=Operation(">", (lit(1), lit(0))),
        group_by=(lit("k"),),
        having=Operation(">", (Call("count", ()), lit(0))),
        order_by=(OrderBy(lit(1), ascending=False),),
        limit=lit(5),
    )
    assert run(query) == [(3,)]


def test_a_union_of_ordered_parts_keeps_their_limits() -> None:
    part = Select((Star(),), ValuesRef(((lit(1),), (lit(2),)), ("v",), "t"), order_by=(OrderBy(lit(1)),), limit=lit(1))
    assert run(UnionAll((part, part))) == [(1,), (1,)]


def test_a_common_table_expression_is_joined_with_itself() -> None:
    rows = Select((Star(),), ValuesRef(((lit(1),), (lit(2),)), ("v",), "t"))
    pairs = JoinRef("CROSS", TableRef(("r",), "a"), TableRef(("r",), "b"), None)
    query = With((Cte("r", rows, materialized=True),), Select((Item(Call("count", ()), "n"),), pairs))
    assert run(query) == [(4,)]


def test_a_window_counts_rows_in_order() -> None:
    number = Window(Call("row_number", ()), (), (OrderBy(Call("abs", (lit(1),))),))
    rows = ValuesRef(((lit(1),), (lit(2),)), ("v",), "t")
    assert run(Select((Item(number, "n"),), rows)) == [(1,), (2,)]
