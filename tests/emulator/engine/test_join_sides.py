"""How many rows the sides of joins may have, told by the tables that they are made of."""

from typing import cast

import pytest

from emulator.binder.bind import bind_query
from emulator.engine.session import join_sides
from emulator.engine.session.join_sides import MANY, JoinSides
from emulator.syntax.parser import parse_query
from tests.emulator.binder.database import SampleDatabase

T, C = ("id-Trades",), ("id-Companies",)


def sides(query: str) -> list[object]:
    (plan,) = bind_query(parse_query(query), SampleDatabase()).results
    return [*JoinSides.of(plan).sides]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Trades", []),
        ("Trades | join kind=inner Companies on Symbol", [((T,), (C,))]),
        ("Trades | where Price > 1 | take 5 | join kind=inner (print Symbol = 'a') on Symbol", [((T,), ((),))]),
        (
            "Trades | join kind=inner Companies on Symbol | join kind=inner (Trades | project Symbol) on Symbol",
            [((T,), (C,)), ((T + C,), (T,))],
        ),
        (
            "union (Trades | project Symbol), (Companies | project Symbol) | join kind=inner Companies on Symbol",
            [((T, C), (C,))],
        ),
        (
            "Trades | join kind=leftsemi Companies on Symbol | join kind=inner (print Symbol = '') on Symbol",
            [((T,), (C,)), ((T,), ((),))],
        ),
        (
            "Trades | join kind=rightsemi Companies on Symbol | join kind=inner (print Symbol = '') on Symbol",
            [((T,), (C,)), ((C,), ((),))],
        ),
        (
            "Trades | join kind=leftanti Companies on Symbol | join kind=inner (print Symbol = '') on Symbol",
            [((T,), (C,)), ((T,), ((),))],
        ),
        (
            "Trades | join kind=rightanti Companies on Symbol | join kind=inner (print Symbol = '') on Symbol",
            [((T,), (C,)), ((C,), ((),))],
        ),
        (
            "Events | mv-expand Tags | project Symbol = tostring(Tags) | join kind=inner Companies on Symbol",
            [(None, (C,))],
        ),
        (
            "range X from 1 to 9 step 1 | project Symbol = tostring(X) | join kind=inner Companies on Symbol",
            [(None, (C,))],
        ),
        ("datatable(Symbol: string)['a', 'b'] | join kind=inner Companies on Symbol", [(((),), (C,))]),
    ],
)
def test_the_sides_of_each_join(query: str, found: list[object]) -> None:
    assert sides(query) == found


@pytest.mark.parametrize(("most", "left"), [(4, (T, T, C, C)), (3, None)])
def test_a_sum_of_more_than_so_many_products_is_any_number(
    monkeypatch: pytest.MonkeyPatch, most: int, left: object
) -> None:
    monkeypatch.setattr(join_sides, "_MOST_PRODUCTS", most)
    legs = ", ".join(f"({name} | project Symbol)" for name in ("Trades", "Trades", "Companies", "Companies"))
    assert sides(f"union {legs} | join kind=inner Companies on Symbol") == [(left, (C,))]


@pytest.mark.parametrize(("most", "product"), [(4, (T + T, T + C, C + T, C + C)), (3, None)])
def test_a_product_of_more_than_so_many_is_any_number(
    monkeypatch: pytest.MonkeyPatch, most: int, product: object
) -> None:
    monkeypatch.setattr(join_sides, "_MOST_PRODUCTS", most)
    both = "(union (Trades | project Symbol), (Companies | project Symbol))"
    query = f"{both} | join kind=inner {both} on Symbol | join kind=inner Companies on Symbol"
    assert sides(query) == [((T, C), (T, C)), (product, (C,))]


@pytest.mark.parametrize(("most", "left"), [(2, ((),)), (1, None)])
def test_a_table_of_more_than_so_many_values_is_any_number(
    monkeypatch: pytest.MonkeyPatch, most: int, left: object
) -> None:
    monkeypatch.setattr(join_sides, "MANY", most)
    assert sides("datatable(Symbol: string)['a', 'b'] | join kind=inner Companies on Symbol") == [(left, (C,))]


@pytest.mark.parametrize(
    ("both", "rows", "are_large"),
    [
        (((T,), (C,)), {"id-Trades": MANY + 1, "id-Companies": MANY + 1}, True),
        (((T,), (C,)), {"id-Trades": MANY + 1, "id-Companies": MANY}, False),
        (((T,), None), {"id-Trades": MANY + 1}, True),
        ((((),), None), {}, False),
        (((T + C,), (T, C)), {"id-Trades": 1, "id-Companies": MANY}, False),
        (((T + C,), (T, C)), {"id-Trades": 2, "id-Companies": MANY}, True),
    ],
)
def test_both_sides_are_large_with_the_rows_of_now(both: object, rows: dict[str, int], are_large: bool) -> None:
    found = JoinSides((cast(tuple[join_sides.Rows, join_sides.Rows], both),))
    assert found.are_large(rows.__getitem__) is are_large
    assert JoinSides(()).are_large(rows.__getitem__) is False
