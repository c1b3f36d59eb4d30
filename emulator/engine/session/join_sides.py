"""How many rows the sides of a plan's joins may have, by the tables that they are made of."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

from emulator.binder.plan import Expand, ForEachGroup, GroupInput, Join, OneRow, Plan, Range, Scan, Union, Values
from emulator.optimize.walk import nodes, parts

Rows: TypeAlias = tuple[tuple[str, ...], ...] | None
"""A sum of products of the rows of tables; None for any number."""

_ONE: Rows = ((),)
# What is put together of more is taken for any number.
_MOST_PRODUCTS = 64
_OF_ONE_SIDE = {"leftsemi": 0, "leftanti": 0, "rightsemi": 1, "rightanti": 1}
# Up to so many rows, a join that compares its sides answers an interrupt in a second: DuckDB compares 2,048 rows with
# all of the other side that have their keys before it looks, some 5 ns for each pair.
MANY = 65_536


@dataclass(frozen=True, slots=True)
class JoinSides:
    """The rows of both sides of each join."""

    sides: tuple[tuple[Rows, Rows], ...]

    @classmethod
    def of(cls, plan: Plan) -> "JoinSides":
        """Return those of a plan."""
        rows: dict[int, Rows] = {}
        sides: list[tuple[Rows, Rows]] = []
        for node in nodes(plan):
            if isinstance(node, Join):
                sides.append((rows[id(node.left)], rows[id(node.right)]))
            rows[id(node)] = _rows(node, [rows[id(each)] for each in parts(node)[0]])
        return cls(tuple(sides))

    def are_large(self, rows_of: Callable[[str], int]) -> bool:
        """Tell whether both sides of one of them may be large, with the rows that tables have now."""
        return any(all(_may_be_many(side, rows_of) for side in both) for both in self.sides)


def _rows(node: Plan, inputs: list[Rows]) -> Rows:
    match node:
        case Scan():
            return ((node.stored.identity,),)
        case OneRow():
            return _ONE
        case Values():
            return _ONE if len(node.rows) <= MANY else None
        case Range() | Expand() | ForEachGroup() | GroupInput():
            return None
        case Union():
            return _sum(inputs)
        case Join() if node.kind in _OF_ONE_SIDE:
            return inputs[_OF_ONE_SIDE[node.kind]]
        case Join():
            return _product(*inputs)
        case _:
            return inputs[0]


def _sum(terms: Iterable[Rows]) -> Rows:
    found: tuple[tuple[str, ...], ...] = ()
    for each in terms:
        if each is None or len(found) + len(each) > _MOST_PRODUCTS:
            return None
        found += each
    return found


def _product(left: Rows, right: Rows) -> Rows:
    if left is None or right is None or len(left) * len(right) > _MOST_PRODUCTS:
        return None
    return tuple(one + other for one in left for other in right)


def _may_be_many(rows: Rows, rows_of: Callable[[str], int]) -> bool:
    return rows is None or sum(prod(map(rows_of, product)) for product in rows) > MANY
