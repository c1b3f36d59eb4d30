"""`join` and `union`."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from emulator.binder.plan import Join, Union
from emulator.emit.aggregates import all_groups, same_group
from emulator.emit.context import Emission
from emulator.emit.expressions import Scope, value
from emulator.emit.relation import Relation, over
from emulator.errors import EngineFault
from emulator.sql.ast import (
    ColumnRef,
    From,
    InQuery,
    JoinRef,
    Literal,
    Query,
    Sql,
    Subquery,
    SubqueryRef,
    UnionAll,
    ValuesRef,
    Window,
)
from emulator.sql.build import and_, coalesce, op
from emulator.sql.walk import contains
from emulator.types import Scalar

_LEFT, _RIGHT = 0, 1
# DuckDB takes time by the square of the legs of one UNION ALL.
_MOST_LEGS = 64

# Per kind: DuckDB's join, the sides whose columns may be missing, and whether the inputs change places.
_KINDS: dict[str, tuple[str, frozenset[int], bool]] = {
    "innerunique": ("INNER", frozenset(), False),
    "inner": ("INNER", frozenset(), False),
    "leftouter": ("LEFT", frozenset({_RIGHT}), False),
    "rightouter": ("RIGHT", frozenset({_LEFT}), False),
    "fullouter": ("FULL", frozenset({_LEFT, _RIGHT}), False),
    "leftsemi": ("SEMI", frozenset(), False),
    "leftanti": ("ANTI", frozenset(), False),
    "rightsemi": ("SEMI", frozenset(), True),
    "rightanti": ("ANTI", frozenset(), True),
}


def join(emission: Emission, plan: Join, left: Relation, right: Relation) -> Relation:
    """Emit a join; inside a subplan rows match within their group only."""
    if plan.kind not in _KINDS:
        raise EngineFault(f"no emission for join kind {plan.kind}", "TH0902")
    kind, missing, swapped = _KINDS[plan.kind]
    sides = [_joinable(emission, left), _joinable(emission, right)]
    if sides[0].groups or sides[1].groups:
        sides = [_in_groups(emission, side) for side in sides]
    if plan.kind == "innerunique":
        sides[_LEFT] = _first_per_key(emission, sides[_LEFT], plan)
    left, right = sides
    scope = Scope((left.by_name, right.by_name))
    conditions: list[Sql] = [
        op("=", value(emission, scope, key.left), value(emission, scope, key.right)) for key in plan.keys
    ]
    if left.groups:
        conditions.append(same_group(left.groups, right.groups))
    first, second = (right, left) if swapped else (left, right)
    condition = and_(conditions)
    source = JoinRef(kind, _from(first), _from(second), condition)
    emission.has_joins = True
    emission.joins[id(source)] = source, plan
    columns = tuple(
        _output(sides[side].by_name[name], side in missing, column.type.scalar)
        for (side, name), column in zip(plan.outputs, plan.schema, strict=True)
    )
    kept = first
    if kind in ("RIGHT", "FULL") and left.groups:
        kept = replace(
            right,
            groups=_either(left.groups, right.groups),
            carried=_either(left.carried, right.carried),
        )
    return Relation(plan.schema, columns, source, groups=kept.groups, carried=kept.carried)


def union(emission: Emission, plan: Union, inputs: tuple[Relation, ...]) -> Relation:
    """Emit a concatenation."""
    if any(rows.groups for rows in inputs):
        inputs = tuple(_in_groups(emission, _joinable(emission, rows)) for rows in inputs)
    legs = tuple(replace(rows, schema=plan.schema, order=None, is_total=False) for rows in inputs)
    if not legs:
        raise EngineFault("a union without inputs", "TH0903")
    legs = tuple(_with_rows_as_values(emission, legs))
    if len(legs) == 1:
        return legs[0]
    alias = emission.alias()
    queries: tuple[Query, ...] = tuple(leg.select() for leg in legs)
    while len(queries) > _MOST_LEGS:
        queries = tuple(
            UnionAll(queries[start : start + _MOST_LEGS]) if start + 1 < len(queries) else queries[start]
            for start in range(0, len(queries), _MOST_LEGS)
        )
    return over(legs[0], SubqueryRef(UnionAll(queries), alias), alias)


def _with_rows_as_values(emission: Emission, legs: Iterable[Relation]) -> Iterator[Relation]:
    """Yield the legs, single rows after each other as one table of values.

    A union of 5,000 `print` takes DuckDB 5 s as selections, and 0.2 s so (2026-11-29).
    """
    for is_row, some in groupby(legs, _is_row):
        run = tuple(some)
        if not is_row or len(run) == 1:
            yield from run
            continue
        alias = emission.alias()
        names = tuple(f"c{number}" for number in range(len(run[0].columns)))
        values = ValuesRef(tuple(leg.columns for leg in run), names, alias)
        yield replace(run[0], columns=tuple(ColumnRef(name, alias) for name in names), source=values)


def _is_row(rows: Relation) -> bool:
    if rows.source is not None or rows.where or not rows.columns or rows.groups or rows.carried:
        return False
    return not any(contains(sql, kind) for sql in rows.columns for kind in (Subquery, InQuery, Window))


def _joinable(emission: Emission, rows: Relation) -> Relation:
    """Return a relation without order that reads one table, all its columns too: an outer join makes them null."""
    rows = replace(rows, order=None, is_total=False)
    is_simple = rows.source is not None and not isinstance(rows.source, JoinRef) and not rows.where
    if is_simple and all(isinstance(sql, ColumnRef) for sql in (*rows.columns, *rows.groups, *rows.carried)):
        return rows
    return emission.subquery(rows, rows.select())


def _from(rows: Relation) -> From:
    if rows.source is None:
        raise EngineFault("a join of nothing", "TH0904")
    return rows.source


def _in_groups(emission: Emission, rows: Relation) -> Relation:
    """Give each group of the subplan its own copy of rows that do not depend on the group."""
    if rows.groups:
        return rows
    alias = emission.alias()
    groups = all_groups(emission, alias)
    scope = emission.groups[-1].rows
    combined = replace(
        rows,
        source=JoinRef("CROSS", _from(rows), groups, None),
        groups=tuple(ColumnRef(f"$group_{n}", alias) for n in range(len(scope.groups))),
        carried=tuple(ColumnRef(f"$carried_{n}", alias) for n in range(len(scope.carried))),
    )
    return emission.subquery(combined, combined.select())


def _first_per_key(emission: Emission, rows: Relation, plan: Join) -> Relation:
    scope = Scope((rows.by_name, rows.by_name))
    keys = tuple(value(emission, scope, key.left) for key in plan.keys)
    return emission.subquery(rows, replace(rows.select(), distinct_on=(*keys, *rows.groups)))


def _output(sql: Sql, may_be_missing: bool, scalar: Scalar) -> Sql:
    # Strings have no null: null-values.md.
    return coalesce(sql, Literal("")) if may_be_missing and scalar is Scalar.STRING else sql


def _either(left: Iterable[Sql], right: Iterable[Sql]) -> tuple[Sql, ...]:
    return tuple(coalesce(a, b) for a, b in zip(left, right, strict=True))
