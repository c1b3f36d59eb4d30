"""Predicates in filters: cheap forms that keep the rows that are true, and nothing else."""

import itertools

import duckdb
import pytest

from emulator.sql.ast import ColumnRef, Item, Literal, Operation, Select, Sql, ValuesRef
from emulator.sql.build import FALSE, NULL, TRUE, and_, case, coalesce, is_null, not_, op, or_
from emulator.sql.filters import as_filter, conjuncts
from emulator.sql.render import render
from emulator.sql.render_query import expression

X, Y = ColumnRef("x", "t"), ColumnRef("y", "t")
EQUAL = op("=", X, Y)
KUSTO_EQUAL = case((EQUAL, TRUE), (and_((is_null(X), is_null(Y))), NULL), otherwise=FALSE)
CASES = [
    KUSTO_EQUAL,
    coalesce(EQUAL, FALSE),
    coalesce(op("<>", X, Y), TRUE),
    and_((KUSTO_EQUAL, coalesce(op(">", X, Y), FALSE))),
    or_((KUSTO_EQUAL, not_(coalesce(op(">", X, Y), FALSE)))),
    case((op(">", X, Y), FALSE), (op("<", X, Y), TRUE), otherwise=FALSE),
    case((op(">", X, Y), TRUE), otherwise=coalesce(EQUAL, FALSE)),
    not_(KUSTO_EQUAL),
]


def kept(predicate: Sql) -> list[tuple[object, ...]]:
    cells = [Literal(value, "INTEGER") for value in (None, 1, 2)]
    rows = ValuesRef(tuple(itertools.product(cells, cells)), ("x", "y"), "t")
    query = render(Select((Item(X, "x"), Item(Y, "y")), rows, predicate))
    return duckdb.connect().execute(query).fetchall()


@pytest.mark.parametrize("predicate", CASES, ids=expression)
def test_the_cheap_form_keeps_the_same_rows(predicate: Sql) -> None:
    assert kept(as_filter(predicate)) == kept(predicate)


def test_an_equality_is_left_bare() -> None:
    assert as_filter(KUSTO_EQUAL) == EQUAL
    assert as_filter(and_((KUSTO_EQUAL, coalesce(EQUAL, FALSE)))) == Operation("AND", (EQUAL, EQUAL))


def test_a_conjunction_is_split_for_pushdown() -> None:
    assert conjuncts(and_((EQUAL, and_((X, Y))))) == (EQUAL, X, Y)
