"""Aggregates with FILTER or DISTINCT: as many as DuckDB computes well in one SELECT, the others in the next."""

from collections.abc import Iterator

import pytest

from emulator.engine.eventhouse import Eventhouse
from tests.emulator.prices import Prices

ROWS = (
    "datatable(K:string, A:long)['a', 1, 'a', 2, 'b', 3, 'b', 3, 'b', long(null)]"
    " | extend G = iff(K == 'b', 1, int(null))"
)


@pytest.fixture(scope="module")
def eventhouse() -> Iterator[Eventhouse]:
    opened = Eventhouse.open(None)
    yield opened
    opened.close()


def columns(aggregate: str, count: int) -> str:
    return ", ".join(f"C{number} = {aggregate.format(number)}" for number in range(count))


def in_each_select(sql: str, word: str) -> list[int]:
    return [count for count in (part.count(word) for part in sql.split("SELECT")) if count]


@pytest.mark.slow
@pytest.mark.parametrize("by", ["", " by Symbol", " by bin(At, 1d), Symbol"])
@pytest.mark.parametrize(
    ("aggregate", "word"),
    [
        ("dcount(Size + {})", "(DISTINCT "),
        ("make_set_if(Size, Size > {})", "(DISTINCT "),
        ("make_list(Size + {})", "FILTER "),
    ],
)
def test_a_select_has_no_more_of_them_than_are_well_computed_together(aggregate: str, word: str, by: str) -> None:
    prices = Prices()
    for count, expected in [(64, [64]), (65, [64, 1]), (130, [64, 64, 2])]:
        sql = prices.sql(f"Days | extend At = now() | summarize {columns(aggregate, count)}{by}")
        assert in_each_select(sql, word) == expected
        # The rows are read once.
        assert sql.count('FROM "Days"') == 1


@pytest.mark.slow
def test_others_stay_together() -> None:
    sql = Prices().sql(f"Days | summarize {columns('sum(Size + {})', 100)}")
    assert in_each_select(sql, "sum(") == [100]


@pytest.mark.slow
def test_keys_that_differ_each_time_are_computed_once() -> None:
    sql = Prices().sql(f"Days | summarize {columns('dcount(Size + {})', 100)} by rand(9)")
    assert in_each_select(sql, "(DISTINCT ") == [100]


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 70, 140])
@pytest.mark.parametrize(
    ("aggregate", "of_a", "of_b", "of_all"),
    [
        ("dcount(A)", 2, 1, 3),
        ("make_list_if(A, A > 1)", "[2]", "[3,3]", "[3,3,2]"),
        ("array_sort_asc(make_set(A))", "[1,2]", "[3]", "[1,2,3]"),
        ("array_sort_asc(make_set(todynamic(tostring(A))))", "[1,2]", "[3]", "[1,2,3]"),
    ],
)
def test_many_have_the_values_of_few(
    eventhouse: Eventhouse, aggregate: str, of_a: object, of_b: object, of_all: object, count: int
) -> None:
    def rows(text: str) -> list[tuple[object, ...]]:
        return list(eventhouse.query(f"{ROWS} | {text}")[0].rows())

    many = columns(aggregate, count)
    a, b = (of_a,) * count, (of_b,) * count
    assert rows(f"sort by A desc | summarize {many}") == [(of_all,) * count]
    assert rows(f"summarize {many} by K | sort by K asc") == [("a", *a), ("b", *b)]
    # A null key is a group too.
    assert rows(f"summarize {many} by G, K | sort by K asc") == [(None, "a", *a), (1, "b", *b)]
    assert rows(f"where A > 9 | summarize {many} by K") == []
