"""`summarize`: grouping, one row without keys, and lists that follow the order of their input."""

from collections.abc import Iterable
from dataclasses import replace

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
from emulator.sql.walk import rewrite

# DuckDB aggregates whose result shows the order of the rows.
_ORDERED_AGGREGATES = frozenset({"list", "array_agg", "string_agg"})


def aggregate(emission: Emission, plan: Aggregate, rows: Relation) -> Relation:
    """Emit a grouping; in a subplan every group of it is grouped on its own."""
    rows, emitted = computed(emission, rows, (*plan.keys, *plan.aggregates))
    keys = emitted[: len(plan.keys)]
    calls = tuple(in_order(sql, rows.order) for sql in emitted[len(plan.keys) :])
    alias = emission.alias()
    names = physical_names(plan.schema)
    items = [Item(sql, name) for sql, name in zip((*keys, *calls), names, strict=True)]
    grouping = (*keys, *rows.groups)
    items[len(keys) : len(keys)] = [Item(sql, f"$group_{n}") for n, sql in enumerate(rows.groups)]
    items.extend(Item(call("first", sql), f"$carried_{n}") for n, sql in enumerate(rows.carried))
    # Keys are named by position, since a literal would be taken for one.
    positions = tuple(Literal(n + 1) for n in range(len(grouping)))
    select = Select(tuple(items), rows.source, rows.condition, group_by=positions)
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
