"""`summarize`: grouping, one row without keys, and lists that follow the order of their input."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from emulator.binder.expression import VOLATILE
from emulator.binder.plan import Aggregate, Expand, GroupInput, Materialized, Plan, Project, Serialize, Sort
from emulator.emit.context import Emission
from emulator.emit.names import physical_names
from emulator.emit.relation import Relation
from emulator.emit.scalars import computed
from emulator.sql.ast import (
    Call,
    ColumnRef,
    Item,
    JoinRef,
    Literal,
    OrderBy,
    Select,
    Sql,
    SubqueryRef,
)
from emulator.sql.build import FALSE, TRUE, and_, call, case, is_not_null, op
from emulator.sql.walk import children, rewrite

# DuckDB aggregates whose result shows the order of the rows.
_ORDERED_AGGREGATES = frozenset({"list", "array_agg", "string_agg"})
# DuckDB keeps 16 KB for each argument of a SELECT beside each FILTER, and takes time by the cube of their number for
# DISTINCT: 500 in one take 8 GB or 10 s, eight times 64 take 0.4 s. Shipped functions have fewer.
_TOGETHER = 64


def aggregate(emission: Emission, plan: Aggregate, rows: Relation) -> Relation:
    """Emit a grouping; in a subplan every group of it is grouped on its own."""
    whole = rows
    rows, keys, calls = _computed(emission, plan, rows)
    if sum(map(_is_apart, calls)) > _TOGETHER and _may_be_parted(plan, rows):
        once = emission.cte(whole.select(), "m", materialized=True)
        return _in_parts(emission, plan, *_computed(emission, plan, emission.read(whole, once)))
    alias = emission.alias()
    names = physical_names(plan.schema)
    items = [Item(sql, name) for sql, name in zip((*keys, *calls), names, strict=True)]
    grouping = (*keys, *rows.groups)
    items[len(keys) : len(keys)] = [Item(sql, f"$group_{n}") for n, sql in enumerate(rows.groups)]
    items.extend(Item(call("first", sql), f"$carried_{n}") for n, sql in enumerate(rows.carried))
    select = Select(tuple(items), rows.source, rows.condition, group_by=_positions(len(grouping)))
    result = Relation(
        plan.schema,
        tuple(ColumnRef(name, alias) for name in names),
        SubqueryRef(select, alias),
        groups=tuple(ColumnRef(f"$group_{n}", alias) for n in range(len(rows.groups))),
        carried=tuple(ColumnRef(f"$carried_{n}", alias) for n in range(len(rows.carried))),
    )
    if plan.keys or not rows.groups or _keeps_groups(plan.input):
        return result
    empty = Select(tuple(Item(sql, name) for sql, name in zip(calls, names, strict=True)), rows.source, FALSE)
    return _with_empty_groups(emission, result, empty)


def _positions(count: int) -> tuple[Sql, ...]:
    # Keys are named by position, since a literal would be taken for one.
    return tuple(Literal(n + 1) for n in range(count))


def _computed(emission: Emission, plan: Aggregate, rows: Relation) -> tuple[Relation, tuple[Sql, ...], tuple[Sql, ...]]:
    """Emit keys and aggregates, and return them with the relation that they are over."""
    rows, emitted = computed(emission, rows, (*plan.keys, *plan.aggregates))
    calls = tuple(in_order(sql, rows.order) for sql in emitted[len(plan.keys) :])
    return rows, emitted[: len(plan.keys)], calls


def _may_be_parted(plan: Aggregate, rows: Relation) -> bool:
    """Tell whether several groupings have the same groups; groups of a subplan have more than keys."""
    return not rows.groups and not any(key.traits & VOLATILE for key in plan.keys)


def _is_apart(node: object) -> bool:
    """Tell whether an aggregate has a FILTER or a DISTINCT."""
    if isinstance(node, Call) and (node.distinct or node.filter is not None):
        return True
    return any(map(_is_apart, children(node)))


def _in_parts(
    emission: Emission, plan: Aggregate, rows: Relation, keys: Sequence[Sql], calls: Sequence[Sql]
) -> Relation:
    """Emit a grouping as several of the same rows, joined by the keys."""
    names = physical_names(plan.schema)
    key_names, call_names = names[: len(keys)], names[len(keys) :]
    grouped = [Item(sql, name) for sql, name in zip(keys, key_names, strict=True)]
    first = emission.alias()
    columns = [ColumnRef(name, first) for name in key_names]
    source: SubqueryRef | JoinRef | None = None
    for start in range(0, len(calls), _TOGETHER):
        part = slice(start, start + _TOGETHER)
        items = [*grouped, *(Item(sql, name) for sql, name in zip(calls[part], call_names[part], strict=True))]
        alias = emission.alias() if source else first
        select = Select(tuple(items), rows.source, rows.condition, group_by=_positions(len(keys)))
        side = SubqueryRef(select, alias)
        if source is None:
            source = side
        elif keys:
            there = (ColumnRef(name, alias) for name in key_names)
            source = JoinRef("INNER", source, side, same_group(columns[: len(keys)], there))
        else:
            source = JoinRef("CROSS", source, side, None)
        columns.extend(ColumnRef(name, alias) for name in call_names[part])
    # Closed, as no table is read whose rows a filter above could skip.
    joined = Relation(plan.schema, tuple(columns), source)
    return emission.subquery(joined, joined.select())


def in_order(sql: Sql, order: Iterable[OrderBy] | None) -> Sql:
    """Make lists in an aggregate follow the order of a serialized input."""
    keys = tuple(order or ())
    if not keys:
        return sql

    def ordered(node: Sql) -> Sql:
        if isinstance(node, Call) and node.function in _ORDERED_AGGREGATES and not (node.order_by or node.distinct):
            return replace(node, order_by=keys)
        return node

    return rewrite(sql, ordered)


def all_groups(emission: Emission, alias: str) -> SubqueryRef:
    """Return the groups of the subplan being emitted, one row each, with their hidden columns."""
    scope = emission.groups[-1]
    inner = emission.alias()
    groups = [Item(ColumnRef(f"$group_{n}", inner), f"$group_{n}") for n in range(len(scope.rows.groups))]
    carried = [
        Item(call("first", ColumnRef(f"$carried_{n}", inner)), f"$carried_{n}") for n in range(len(scope.rows.carried))
    ]
    positions = tuple(Literal(n + 1) for n in range(len(groups)))
    return SubqueryRef(Select((*groups, *carried), emission.table(scope.cte, inner), group_by=positions), alias)


def same_group(left: Iterable[Sql], right: Iterable[Sql]) -> Sql:
    """Compare groups; nulls form a group."""
    return and_(op("IS NOT DISTINCT FROM", a, b) for a, b in zip(left, right, strict=True))


def _with_empty_groups(emission: Emission, result: Relation, empty: Select) -> Relation:
    groups, found, default = emission.alias(), emission.alias(), emission.alias()
    keys = tuple(ColumnRef(f"$group_{n}", groups) for n in range(len(result.groups)))
    inner = result.select(("$found", TRUE))
    source = JoinRef(
        "CROSS",
        JoinRef(
            "LEFT",
            all_groups(emission, groups),
            SubqueryRef(inner, found),
            same_group(keys, (ColumnRef(f"$group_{n}", found) for n in range(len(keys)))),
        ),
        SubqueryRef(empty, default),
        None,
    )
    names = physical_names(result.schema)
    is_found = is_not_null(ColumnRef("$found", found))
    return Relation(
        result.schema,
        tuple(case((is_found, ColumnRef(name, found)), otherwise=ColumnRef(name, default)) for name in names),
        source,
        groups=keys,
        carried=tuple(ColumnRef(f"$carried_{n}", groups) for n in range(len(result.carried))),
    )


def _keeps_groups(plan: Plan) -> bool:
    """Tell whether every group of a subplan still has rows in this plan."""
    match plan:
        case GroupInput():
            return True
        case Expand(GroupInput()):
            return True
        case Project() | Serialize() | Materialized() | Sort(limit=None):
            return _keeps_groups(plan.input)
        case Aggregate():
            return not plan.keys or _keeps_groups(plan.input)
        case _:
            return False
