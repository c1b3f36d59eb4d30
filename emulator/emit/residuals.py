"""Conditions on both sides of a join: kept above it, where the query can be ended.

DuckDB 2.0 takes such a condition into a hash join, and then goes through all pairs of equal keys of 2,048 rows without
a look at whether it was interrupted: 300,000 rows by 300,000 with three keys went on for 4 to 10 s, 3,000,000 that
are compared by `a > b and a < b + 2` for 20 s. It
leaves a condition above the join that might raise an error and stands beside one that differs each time, while others
still go below. That costs 10 ns for each pair of equal keys (1.2 million pairs: 11 to 23 ms; 2026-11-29).
"""

from collections.abc import Iterable, Iterator

from emulator.emit.context import Emission
from emulator.sql.ast import (
    Case,
    ColumnRef,
    From,
    IsNull,
    Item,
    JoinRef,
    Operation,
    Select,
    Sql,
    SubqueryRef,
    TableRef,
    UnionAll,
)
from emulator.sql.build import EMPTY, FALSE, TRUE, and_, call, lit, op
from emulator.sql.walk import children
from emulator.work import check_work

_KINDS = frozenset({"INNER", "LEFT", "RIGHT", "FULL"})


def across_joins(emission: Emission, source: From | None, conditions: tuple[Sql, ...]) -> frozenset[int]:
    """Return the positions of the conditions on both sides of a join, in a source or in the subqueries below it.

    Sides that are to be equal are none of them, since they are one more key of the join. Nor are other comparisons of
    the sides where the emission lets them into joins, which DuckDB does in half the time: joins with periods of time.
    """
    if not emission.has_joins or source is None:
        return frozenset()
    return frozenset(
        position
        for position, each in enumerate(conditions)
        if _spans(emission, (each,), source) and not _is_of_the_join(emission, each, source)
    )


def staying(conditions: Iterable[Sql]) -> tuple[Sql, Sql]:
    """Return conditions in a form that DuckDB leaves where it is."""
    # True of every row, which DuckDB does not know.
    always = op(">=", call("random"), lit(0))
    return Case(((and_(conditions), Case(((always, TRUE),), IsNull(call("error", EMPTY)))),), FALSE), always


def _is_of_the_join(emission: Emission, condition: Sql, source: From) -> bool:
    match condition:
        case Operation("=" | "<" | "<=" | ">" | ">=" as operator, operands):
            if any(_spans(emission, (each,), source) for each in operands):
                return False
            if operator == "=":
                return True
            if emission.compares_in_joins:
                for join in _spanned(emission, (condition,), source):
                    if join in emission.joins:
                        emission.compared_joins[join] = emission.joins[join][1]
            return emission.compares_in_joins
        case _:
            return False


def _spans(emission: Emission, expressions: Iterable[Sql], source: From) -> bool:
    """Tell whether expressions read columns of both sides of one join, however far below."""
    return any(True for _ in _spanned(emission, expressions, source))


def _spanned(emission: Emission, expressions: Iterable[Sql], source: From) -> Iterator[int]:
    """Yield the joins of which expressions read columns of both sides, some of them again."""
    found: set[tuple[int, int]] = set()
    seen: set[tuple[int, str]] = set()
    waiting = [(name, leaf, sides) for each in expressions for name, leaf, sides in _read(each, source)]
    while waiting:
        check_work()
        name, leaf, sides = waiting.pop()
        found |= sides
        yield from (join for join, side in sides if (join, 1 - side) in found)
        if (id(leaf), name) not in seen:
            seen.add((id(leaf), name))
            for select, expression in _made_from(emission, leaf, name):
                if select.source is not None:
                    waiting += _read(expression, select.source)


def _read(sql: Sql, source: From) -> Iterator[tuple[str, From, frozenset[tuple[int, int]]]]:
    """Yield the columns that an expression reads, each with its table and the sides of joins that the table is on."""
    leaves = dict(_leaves(source))
    waiting: list[object] = [sql]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ColumnRef):
            if node.table in leaves:
                yield node.name, *leaves[node.table]
        else:
            waiting += children(node)


def _leaves(
    source: From, sides: frozenset[tuple[int, int]] = frozenset()
) -> Iterator[tuple[str, tuple[From, frozenset[tuple[int, int]]]]]:
    if not isinstance(source, JoinRef):
        yield source.alias, (source, sides)
        return
    for number, side in enumerate((source.left, source.right)):
        yield from _leaves(side, sides | {(id(source), number)} if source.kind in _KINDS else sides)


def _made_from(emission: Emission, leaf: From, name: str) -> Iterator[tuple[Select, Sql]]:
    """Yield what a column of a subquery, or of a common table expression, is computed as, and in which SELECT."""
    query: object = None
    match leaf:
        case SubqueryRef(query, columns=()):
            pass
        case TableRef((cte,)):
            query = next((each.query for each in emission.ctes if each.name == cte), None)
        case _:
            return
    match query:
        case Select():
            legs: tuple[object, ...] = (query,)
        case UnionAll(queries):
            legs = queries
        case _:
            return
    for leg in legs:
        if isinstance(leg, Select):
            item = next((each for each in leg.items if isinstance(each, Item) and each.alias == name), None)
            if item is not None:
                yield leg, item.expression
