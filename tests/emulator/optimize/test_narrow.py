"""Columns that nobody reads: left out wherever a row set is made, without a change of the rows."""

import pytest

from tests.emulator.prices import Prices


@pytest.fixture(scope="module")
def prices() -> Prices:
    return Prices()


def test_unread_columns_are_not_made(prices: Prices) -> None:
    sql = prices.sql(
        "union Days, Minutes"
        " | summarize arg_max(Timestamp, *), Highest = max(Price) by Symbol"
        " | extend Twice = Price * 2, Half = Size / 2"
        " | project Symbol, Twice"
    )
    assert '"Size"' not in sql
    assert "Highest" not in sql
    assert "Half" not in sql


def test_a_datatable_keeps_the_columns_that_are_read(prices: Prices) -> None:
    sql = prices.sql("datatable(a: long, b: string, c: string)[1, 'one', 'x', 2, 'two', 'y'] | project a")
    assert "'one'" not in sql
    assert prices.rows("datatable(a: long, b: string)[1, 'one', 2, 'two'] | count") == [(2,)]


CASES: dict[str, list[object]] = {
    "Days | summarize count() by Symbol, Size | count": [10],
    "Days | distinct Symbol | extend n = 1 | project n": [1, 1],
    "Days | sort by Size desc | extend n = row_number() | project n | take 2": [1, 2],
    "Days | top 1 by Price | project Symbol": ["B"],
    "Days | join kind=inner (Minutes | extend k = Size * 2) on $left.Size == $right.k | project Size1": [0, 1, 2, 3, 4],
    "Days | join kind=leftsemi (Minutes | where Size < 2) on Size | project Symbol": ["A", "B"],
    "Days | where Symbol in ((Minutes | where Size == 1 | project Symbol, Size)) | count": [5],
    "Days | mv-expand i = range(0, 1) to typeof(long) | where Size == 3 | project i": [0, 1],
    "Days | mv-expand with_itemindex=n i = range(5, 6) to typeof(long) | where Size == 3 | project n": [0, 1],
    "Days | where Size == 2 | mv-apply i = range(1, 3) to typeof(long) on (summarize s = sum(i)) | project s": [6],
    "Days | partition by Symbol (top 1 by Size | project Price) | summarize sum(Price)": [25.5],
    "print a = 1, b = 2 | project b": [2],
    "range n from 1 to 2 step 1 | extend unread = n * 2 | project one = 1": [1, 1],
    "let m = materialize(Days | project Symbol, Size); union (m | project Symbol), (m | project Size) | count": [20],
    "Days | summarize make_list(Size), n = count() | project n": [10],
    "Days | summarize arg_max(Timestamp, *), take_any(*) by Symbol | project Size": [8, 9],
    "Days | sort by Size asc | scan declare (s: long) with (step a: true => s = Size + coalesce(a.s, 0);)"
    " | summarize max(s)": [45],
}


@pytest.mark.parametrize("text", CASES)
def test_rows_stay_the_same(prices: Prices, text: str) -> None:
    assert sorted((cell for (cell,) in prices.rows(text)), key=str) == CASES[text]
