"""Queries over materialized views: of the columns that they read, whatever those are called and happens to the view."""

import pytest

from emulator import Eventhouse
from emulator.engine.catalog.entities import Entities
from emulator.engine.catalog.records import Database
from emulator.engine.derived.shown_views import ShownViews
from emulator.engine.running.query import compile_query
from emulator.engine.storage.relations import DuckStorage


@pytest.fixture
def eventhouse(empty_database: Eventhouse) -> Eventhouse:
    opened = empty_database
    opened.command(".create table T (Key: string, key: long, Value: real, Text: string)")
    opened.command(
        ".create materialized-view V on table T"
        " { T | summarize Least = min(Value), least = max(Value), take_anyif(Text, Value > 0) by Key, key }"
    )
    opened.command(".set-or-append T <| datatable(a: string, b: long, c: real, d: string)"
                   "['x', 1, 2.0, 'two', 'x', 1, 3.0, 'three', 'x', 2, 5.0, 'five']")  # fmt: skip
    return opened


def rows(eventhouse: Eventhouse, query: str) -> list[tuple[object, ...]]:
    return sorted(eventhouse.query(query)[0].rows(), key=str)


def snapshot(eventhouse: Eventhouse) -> Database:
    return eventhouse._core.database(eventhouse._default)


def sql_of(eventhouse: Eventhouse, query: str) -> str:
    database = snapshot(eventhouse)
    storage = DuckStorage(shown=ShownViews(eventhouse._core.cursor).of(database))
    return compile_query(query, Entities(database), storage).results[0].statement.sql


def test_only_the_columns_that_are_read_are_made(eventhouse: Eventhouse) -> None:
    parts = snapshot(eventhouse).views["V"].parts
    assert sql_of(eventhouse, "V | project Key, least").replace(parts, "parts") == (
        'SELECT "t1"."$column_0" AS "Key", "t1"."$column_3" AS "least"'
        ' FROM (SELECT "$key_0" AS "$column_0", "$least#1$extreme" AS "$column_3"'
        ' FROM "parts" AS "v") AS "t1" LIMIT CAST($limit AS BIGINT)'
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("V", [("x", 1, 2.0, 3.0, "two"), ("x", 2, 5.0, 5.0, "five")]),
        ("V | project key", [(1,), (2,)]),
        ("V | project least, Key", [(3.0, "x"), (5.0, "x")]),
        ("V | count", [(2,)]),
        ("V | where Least > 3 | project key", [(2,)]),
        ("V | join kind=inner V on key | summarize count() by Key1", [("x", 2)]),
        ("print total = toscalar(V | summarize sum(least))", [(8.0,)]),
    ],
)
def test_rows_are_those_of_the_whole_view(
    eventhouse: Eventhouse, query: str, expected: list[tuple[object, ...]]
) -> None:
    assert rows(eventhouse, query) == expected


def test_a_view_shows_what_it_had_when_its_query_no_longer_fits(eventhouse: Eventhouse) -> None:
    before = rows(eventhouse, "V")
    eventhouse.command(".alter table T (Key: string, key: long)")
    assert rows(eventhouse, "V") == before
    assert rows(eventhouse, "V | project least, key") == [(3.0, 1), (5.0, 2)]


@pytest.mark.slow
def test_an_altered_view_shows_its_new_columns_at_once(eventhouse: Eventhouse) -> None:
    assert rows(eventhouse, "V | count") == [(2,)]
    eventhouse.command(
        ".alter materialized-view V on table T { T | summarize Least = min(Value), least = max(Value),"
        " take_anyif(Text, Value > 0), Values = count() by Key, key }"
    )
    eventhouse.command(".set-or-append T <| print 'x', 2, 9.0, 'nine'")
    assert rows(eventhouse, "V | where key == 2 | project Values, least") == [(1, 9.0)]


@pytest.mark.slow
def test_a_view_shows_what_it_had_when_its_function_is_another_one(eventhouse: Eventhouse) -> None:
    eventhouse.command(".create function F() { T | summarize Most = max(Value) by Key }")
    eventhouse.command(".create materialized-view W on table T { F() }")
    eventhouse.command(".set-or-append T <| print 'x', 2, 9.0, 'nine'")
    eventhouse.command(".create-or-alter function F() { T | summarize Most = sum(Value) by Key }")
    assert rows(eventhouse, "W") == [("x", 9.0)]
