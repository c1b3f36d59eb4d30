"""Conditions on both sides of a join: which rows they keep, and that a query with them can be ended."""

import json
import time
from collections.abc import Iterator

import duckdb
import pytest

from emulator.binder.bind import bind_query
from emulator.binder.plan import Join, Scan, Stored
from emulator.context import RequestProperties
from emulator.engine.eventhouse import Eventhouse
from emulator.engine.running.query import compile_query
from emulator.engine.running.stored_query import compile_rows
from emulator.engine.session import join_sides
from emulator.engine.session.join_sides import JoinSides, Rows
from emulator.errors import LimitFault
from emulator.optimize.walk import nodes
from emulator.sql.ast import TableRef
from emulator.syntax.parser import parse_query

LEFT = "L | join kind={} R on K"
# Each with what it keeps of the rows (A, K, B) of an inner join.
ACROSS = {
    "greater": ("where A > B", [(3, 1, 2), (5, 1, 2), (5, 1, 4)]),
    "sum": ("where (A + B) % 5 == 0", [(1, 1, 4), (3, 1, 2)]),
    "unlike": ("where A != B - 1", [(1, 1, 4), (3, 1, 2), (5, 1, 2), (5, 1, 4)]),
    "column": ("extend D = A - B | where D between (1 .. 2) | project-away D", [(3, 1, 2), (5, 1, 4)]),
    "either": ("where A > B or A == 1", [(1, 1, 2), (1, 1, 4), (3, 1, 2), (5, 1, 2), (5, 1, 4)]),
    "both": ("where A > B and B > 2 and A < 9", [(5, 1, 4)]),
    "later": ("where A > B | where B == 2 | where A > 3", [(5, 1, 2)]),
    "sorted": ("sort by A desc | where A > B", [(5, 1, 2), (5, 1, 4), (3, 1, 2)]),
    "as": ("as J | where A > B", [(3, 1, 2), (5, 1, 2), (5, 1, 4)]),
}


@pytest.fixture(scope="module")
def eventhouse() -> Iterator[Eventhouse]:
    opened = Eventhouse.open(None)
    opened.command(".create table L (A: long, K: long)")
    opened.command(".create table R (B: long, K: long)")
    opened.ingest("L", b"1,1\n3,1\n5,1\n7,2\n", format="csv")
    opened.ingest("R", b"2,1\n4,1\n8,3\n", format="csv")
    yield opened
    opened.close()


@pytest.mark.parametrize("condition", ACROSS)
def test_a_condition_on_both_sides_of_a_join_keeps_its_rows(eventhouse: Eventhouse, condition: str) -> None:
    text, expected = ACROSS[condition]
    rows = eventhouse.query(f"{LEFT.format('inner')} | {text} | project A, K, B")[0].rows()
    assert sorted(rows) == sorted(expected)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("leftouter", [(3, 2), (5, 2), (5, 4), (7, None)]),
        ("rightouter", [(3, 2), (5, 2), (5, 4), (None, 8)]),
        ("fullouter", [(3, 2), (5, 2), (5, 4), (7, None), (None, 8)]),
    ],
)
def test_rows_without_a_partner_are_asked_too(
    eventhouse: Eventhouse, kind: str, expected: list[tuple[int | None, ...]]
) -> None:
    rows = eventhouse.query(f"{LEFT.format(kind)} | where A > B or isnull(A) or isnull(B) | project A, B")[0].rows()
    assert sorted(rows, key=str) == sorted(expected, key=str)


class InTables:
    """The rows of relations under their own names."""

    def relation(self, stored: Stored, alias: str, names: tuple[str, ...]) -> TableRef:
        return TableRef((stored.name,), alias)


def joined_by(eventhouse: Eventhouse, text: str, *, are_large: bool | None = None) -> tuple[object, object]:
    """Return the conditions of the join that DuckDB makes of a query, and the filters of its left table.

    None is for a stored query, which is made once for tables of any size.
    """
    if are_large is None:
        sql = compile_rows(text, eventhouse.entities(), InTables()).sql
    else:
        (result,) = compile_query(text, eventhouse.entities(), InTables()).results
        sql = result.fitting(lambda _: bool(are_large)).statement.sql.replace("$limit", "5")
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE L AS SELECT i AS A, i % 3 AS K FROM range(3000) t(i)")
        connection.execute("CREATE TABLE R AS SELECT i AS B, i % 3 AS K FROM range(3000) t(i)")
        ((_, plan),) = connection.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()
    waiting, found = json.loads(plan), {}
    while waiting:
        node = waiting.pop()
        waiting += node["children"]
        if node["name"].strip() == "HASH_JOIN":
            found["join"] = node["extra_info"]["Conditions"]
        elif node["extra_info"].get("Table", "").endswith(".L"):
            found["table"] = node["extra_info"].get("Filters")
    return found["join"], found["table"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["inner", "leftouter"])
@pytest.mark.parametrize(
    "condition",
    [
        "where max_of(A, B) > 7",
        "extend D = A - B | where D between (1 .. 2)",
        "where A != B | extend E = 1",
        "extend D = A * B | extend D = D + 1 | where D > 3 or D == B",
        "where A > 7 or B > 7",
        "where B > 3 and A - B < 5",
    ],
)
def test_it_stays_above_the_join_and_conditions_on_one_side_go_below(
    eventhouse: Eventhouse, kind: str, condition: str
) -> None:
    assert joined_by(eventhouse, f"{LEFT.format(kind)} | {condition} | where A < 50") == ("K = K", "(A < 50)")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("condition", "joined"), [("A == B", ["A = B", "K = K"]), ("A * 7 > B", ["K = K", "(A * 7) > B"])]
)
def test_a_comparison_of_the_sides_is_part_of_the_join(
    eventhouse: Eventhouse, condition: str, joined: list[str]
) -> None:
    text = f"{LEFT.format('inner')} | where {condition}"
    assert joined_by(eventhouse, text, are_large=False) == (joined, None)


@pytest.mark.slow
@pytest.mark.parametrize("are_large", [True, None])
@pytest.mark.parametrize(
    ("condition", "joined"),
    [("A == B", ["A = B", "K = K"]), ("A * 7 > B", "K = K"), ("A >= B and B > 3 and A < B + 2", "K = K")],
)
def test_of_large_tables_sides_are_compared_above_the_join(
    eventhouse: Eventhouse, condition: str, joined: object, are_large: bool | None
) -> None:
    text = f"{LEFT.format('inner')} | where {condition} | where A < 50"
    assert joined_by(eventhouse, text, are_large=are_large) == (joined, "(A < 50)")


@pytest.mark.slow
@pytest.mark.parametrize("condition", ACROSS)
@pytest.mark.parametrize("kind", ["inner", "leftouter", "fullouter"])
def test_large_tables_are_answered_alike(
    eventhouse: Eventhouse, condition: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{LEFT.format(kind)} | {ACROSS[condition][0]}"
    answers = []
    for many in (100, 0):
        monkeypatch.setattr(join_sides, "MANY", many)
        answer = eventhouse.query(text)[0]
        answers.append((answer.schema, sorted(answer.rows(), key=str)))
    assert answers[0] == answers[1]


def relation_of(eventhouse: Eventhouse, table: str) -> str:
    (scan,) = bind_query(parse_query(table), eventhouse.entities()).results
    assert isinstance(scan, Scan)
    return scan.stored.identity


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("L | join kind=inner L on K", [(3, 3)]),
        ("L | where A > 1 | sort by A | take 1 | join kind=inner (R | summarize count() by K) on K", [(3, 5)]),
        ("union L, R | join kind=leftouter (print K = 1) on K", [(8, 0)]),
        ("L | join kind=inner R on K | join kind=inner R on K", [(3, 5), (8, 5)]),
        (
            "L | join kind=leftanti R on K | join kind=rightsemi R on K | join kind=inner L on K",
            [(3, 5), (3, 5), (5, 3)],
        ),
        (
            "range K from 1 to 9 step 1 | join kind=inner (L | mv-expand B = range(1, A) to typeof(long)) on K",
            [(-1, -1)],
        ),
        ("L | join kind=inner (datatable(K: long)[1, 2]) on K", [(3, 0)]),
        ("L | partition by K (top 1 by A) | join kind=inner R on K", [(-1, 5)]),
    ],
)
def test_the_rows_of_the_sides_of_joins(eventhouse: Eventhouse, text: str, expected: list[tuple[int, int]]) -> None:
    (plan,) = bind_query(parse_query(text), eventhouse.entities()).results
    rows = {relation_of(eventhouse, "L"): 3, relation_of(eventhouse, "R"): 5}

    def counted(side: Rows) -> int:
        """Count the rows of a side, -1 for any number."""
        return -1 if side is None else sum(rows[each] for each in side)

    joins = [node for node in nodes(plan) if isinstance(node, Join)]
    found = [(counted(left), counted(right)) for left, right in JoinSides.of(joins).sides]
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "sides"),
    [
        ("L | join kind=inner R on K | where A > B", [("L", "R")]),
        ("L | join kind=inner R on K | where A > 3 and A == B", []),
        (
            "L | join kind=inner R on K | join kind=leftouter (range K from 1 to 9 step 1) on K | where A > B",
            [("L", "R")],
        ),
        ("L | join kind=inner R on K | where A > B | join kind=inner L on K", [("L", "R")]),
        ("L | join kind=inner R on K | extend C = A | summarize by C, B | where C > B", [("L", "R")]),
        ("L | join kind=inner R on K | join kind=inner (L | project K, D = A) on K | where B < D", [("LR", "L")]),
    ],
)
def test_joins_whose_sides_are_compared(eventhouse: Eventhouse, text: str, sides: list[tuple[str, str]]) -> None:
    (result,) = compile_query(text, eventhouse.entities(), InTables()).results
    names = {relation_of(eventhouse, name): name for name in "LR"}
    found = result.joins.sides if result.joins is not None else ()
    assert [tuple("".join(names[each] for each in side or ("?",)) for side in both) for both in found] == sides


@pytest.mark.slow
def test_three_million_rows_that_are_compared_end_in_time(eventhouse: Eventhouse) -> None:
    for table, column, factor in (("Many", "A", 7919), ("Others", "B", 104729)):
        rows = f"range I from 0 to 2999999 step 1 | project {column} = I * {factor} % 1000003, K = I % 3"
        eventhouse.command(f".set-or-replace {table} <| {rows}")
    began = time.monotonic()
    with pytest.raises(LimitFault):
        eventhouse.query(
            "Many | join kind=leftouter Others on K | where A > B and A < B + 2 | count",
            properties=RequestProperties(options={"servertimeout": "00:00:01"}),
        )
    # Within the join it goes on for 20 s.
    assert time.monotonic() - began < 6


@pytest.mark.slow
@pytest.mark.parametrize("condition", ["A - B between (999990 .. 999991)", "hash(strcat(A, B)) == 17"])
def test_a_query_with_many_pairs_and_few_matches_ends_in_time(eventhouse: Eventhouse, condition: str) -> None:
    for table, column, factor in (("Many", "A", 7919), ("Others", "B", 104729)):
        rows = f"range I from 0 to 299999 step 1 | project {column} = I * {factor} % 1000003, K = I % 3"
        eventhouse.command(f".set-or-replace {table} <| {rows}")
    began = time.monotonic()
    with pytest.raises(LimitFault):
        eventhouse.query(
            f"Many | join kind=inner Others on K | where {condition}",
            properties=RequestProperties(options={"servertimeout": "00:00:01"}),
        )
    # Without it the join goes on for 5 to 10 s, on a busy machine longer.
    assert time.monotonic() - began < 4
