"""How many rows the sides of a plan's joins may have, by the tables that they are made of."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from emulator.binder.plan import Expand, ForEachGroup, GroupInput, Join, OneRow, Plan, Range, Scan, Union, Values
from emulator.optimize.walk import nodes, parts

Rows: TypeAlias = tuple[str, ...] | None
"""The tables whose rows add up; None for any number."""

# What is put together of more is taken for any number.
_MOST_TABLES = 64
_OF_ONE_SIDE = {"leftsemi": 0, "leftanti": 0, "rightsemi": 1, "rightanti": 1}
# Up to so many rows, a join that compares its sides answers an interrupt in a second: DuckDB compares 2,048 rows with
# all of the other side that have their keys before it looks, some 5 ns for each pair.
MANY = 65_536


@dataclass(frozen=True, slots=True)
class JoinSides:
    """The rows of both sides of each join."""

    sides: tuple[tuple[Rows, Rows], ...]

    @classmethod
    def of(cls, joins: Iterable[Join]) -> "JoinSides":
        """Return those of joins."""
        return cls(tuple((_rows_of(join.left), _rows_of(join.right)) for join in joins))

    def are_large(self, rows_of: Callable[[str], int]) -> bool:
        """Tell whether both sides of one of them may be large, with the rows that tables have now."""
        return any(all(_may_be_many(side, rows_of) for side in both) for both in self.sides)


def _rows_of(plan: Plan) -> Rows:
    rows: dict[int, Rows] = {}
    for node in nodes(plan):
        rows[id(node)] = _rows(node, [rows[id(each)] for each in parts(node)[0]])
    return rows[id(plan)]


def _rows(node: Plan, inputs: list[Rows]) -> Rows:
    match node:
        case Scan():
            return (node.stored.identity,)
        case OneRow():
            return ()
        case Values():
            return () if len(node.rows) <= MANY else None
        case Range() | Expand() | ForEachGroup() | GroupInput():
            return None
        case Join() if node.kind in _OF_ONE_SIDE:
            return inputs[_OF_ONE_SIDE[node.kind]]
        case Union() | Join():
            # Most joins find one row for each of the larger side.
            return _sum(inputs)
        case _:
            return inputs[0]


def _sum(terms: Iterable[Rows]) -> Rows:
    found: tuple[str, ...] = ()
    for each in terms:
        if each is None or len(found) + len(each) > _MOST_TABLES:
            return None
        found += each
    return found


def _may_be_many(rows: Rows, rows_of: Callable[[str], int]) -> bool:
    return rows is None or sum(map(rows_of, rows)) > MANY
