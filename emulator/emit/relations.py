"""The typed plan as SQL: one case per node; the families of larger nodes have modules of their own."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import assert_never

from emulator.binder.expression import BoundExpression
from emulator.binder.plan import (
    Aggregate,
    Expand,
    Filter,
    ForEachGroup,
    GroupInput,
    Join,
    Limit,
    MakeSeries,
    Materialized,
    OneRow,
    Plan,
    Project,
    Range,
    Scan,
    ScanMatch,
    Serialize,
    Sort,
    Union,
    Values,
)
from emulator.emit.aggregates import aggregate
from emulator.emit.combine import join, union
from emulator.emit.context import NOW_PARAMETER, Emission, Storage
from emulator.emit.expand import expand
from emulator.emit.expressions import Scope, has_window_call, literal, scalar_table, value
from emulator.emit.groups import for_each_group, group_input
from emulator.emit.names import physical_names
from emulator.emit.relation import Relation
from emulator.emit.residuals import across_joins, staying
from emulator.emit.scalar_types import duckdb_type, exported, storable
from emulator.emit.scalars import computed, projected
from emulator.emit.scan import scan_match
from emulator.emit.series import make_series
from emulator.emit.values import number_range
from emulator.functions.physical import convert
from emulator.sql.ast import (
    Call,
    Cast,
    ColumnRef,
    Item,
    OrderBy,
    Query,
    Select,
    Sql,
    SubqueryRef,
    ValuesRef,
    Window,
)
from emulator.sql.build import FALSE, call, lit, op
from emulator.sql.filters import conjuncts
from emulator.sql.walk import parameters
from emulator.types import Schema


@dataclass(frozen=True, slots=True)
class EmittedQuery:
    """A query for DuckDB with the columns of `schema` under their physical names.

    `parameters` maps declared query parameters to the DuckDB parameters that the text names; `uses_now` says
    whether it names `$now` too. DuckDB wants exactly these. Comparisons of the sides of `compared_joins` may keep
    it from being ended in time.
    """

    query: Query
    schema: Schema
    parameters: dict[str, str]
    uses_now: bool
    compared_joins: tuple[Join, ...] = ()


def emit_query(
    plan: Plan,
    storage: Storage,
    *,
    for_result: bool = False,
    separate: Iterable[Plan] = (),
    compares_in_joins: bool = False,
) -> EmittedQuery:
    """Emit a plan: in the storable types of a table, or in the canonical forms of a result.

    A deep plan is emitted in the steps that it is `separate` in; `compares_in_joins` is for tables of few rows.
    """
    emission = Emission(storage, relation, compares_in_joins=compares_in_joins)
    for each in separate:
        if isinstance(each, Materialized):
            emission.plan(each)
        else:
            scalar_table(emission, each, materialized=True)
    rows = emission.plan(plan)
    schema = storable(rows.schema)
    columns: list[Sql] = []
    for sql, column in zip(rows.columns, rows.schema, strict=True):
        stored = convert(sql, column.type, column.type.kql)
        columns.append(exported(stored, column.type.kql) if for_result else stored)
    items = tuple(Item(sql, name) for sql, name in zip(columns, physical_names(schema), strict=True))
    rows = _as_they_arrive(rows, plan)
    select = Select(items or rows.items, rows.source, rows.condition, order_by=rows.order or ())
    query = emission.complete(select)
    # What nobody reads is left out on the way, and DuckDB takes no value for a parameter that is not there.
    named = parameters(query)
    declared = {value: parameter for value, parameter in emission.parameters.items() if parameter in named}
    return EmittedQuery(query, schema, declared, NOW_PARAMETER in named, tuple(emission.compared_joins.values()))


def relation(emission: Emission, plan: Plan) -> Relation:  # noqa: C901 - one branch per node of the closed union
    """Emit one node over its emitted inputs."""
    match plan:
        case Scan():
            return _stored(emission, plan)
        case Values():
            return _values(emission, plan)
        case OneRow():
            return Relation(plan.schema, (), order=())
        case Range():
            return number_range(emission, plan)
        case Filter(input_, predicate):
            return _filter(emission, emission.plan(input_), predicate)
        case Project():
            rows, columns = projected(emission, emission.plan(plan.input), plan.expressions)
            return replace(rows, schema=plan.schema, columns=columns)
        case Aggregate():
            return aggregate(emission, plan, emission.plan(plan.input))
        case Sort():
            return _sort(emission, plan)
        case Serialize(input_):
            rows = emission.plan(input_)
            return rows if rows.order is not None else emission.with_ordinal(rows)
        case Limit():
            return _limit(emission, plan)
        case Join():
            return join(emission, plan, emission.plan(plan.left), emission.plan(plan.right))
        case Union():
            return union(emission, plan, tuple(map(emission.plan, plan.inputs)))
        case Expand():
            return expand(emission, plan, emission.plan(plan.input))
        case GroupInput():
            return group_input(emission)
        case ForEachGroup():
            return for_each_group(emission, plan, emission.plan(plan.input))
        case MakeSeries():
            return make_series(emission, plan, emission.plan(plan.input))
        case ScanMatch():
            return scan_match(emission, plan, emission.plan(plan.input))
        case Materialized():
            return _materialized(emission, plan)
        case _:
            assert_never(plan)


def _stored(emission: Emission, plan: Scan) -> Relation:
    alias = emission.alias()
    physical = dict(zip(plan.stored.schema.names, physical_names(plan.stored.schema), strict=True))
    names = tuple(physical[column.name] for column in plan.schema)
    columns = tuple(ColumnRef(name, alias) for name in names)
    return Relation(plan.schema, columns, emission.storage.relation(plan.stored, alias, names))


def _values(emission: Emission, plan: Values) -> Relation:
    alias = emission.alias()
    names = tuple(f"c{n}" for n in range(len(plan.schema)))
    rows = tuple(
        tuple(literal(cell.value, column.type) for cell, column in zip(row, plan.schema, strict=True))
        for row in plan.rows
    )
    columns = tuple(ColumnRef(name, alias) for name in names)
    if rows and names:
        return Relation(plan.schema, columns, ValuesRef(rows, names, alias), order=())
    # VALUES needs a row.
    empty = tuple(
        Item(Cast(lit(None), duckdb_type(column.type)), name) for column, name in zip(plan.schema, names, strict=True)
    )
    source = SubqueryRef(Select(empty or (Item(lit(1), "$row"),), where=FALSE), alias)
    return Relation(plan.schema, columns, source, order=())


def _filter(emission: Emission, rows: Relation, predicate: BoundExpression) -> Relation:
    rows, (condition,) = computed(emission, rows, (predicate,), as_filters=True)
    conditions = conjuncts(condition)
    across = () if has_window_call(predicate) else across_joins(emission, rows.source, conditions)
    if not across:
        return replace(rows, where=(*rows.where, *conditions))
    others = tuple(each for position, each in enumerate(conditions) if position not in across)
    below = replace(rows, where=(*rows.where, *others))
    rows, (condition,) = computed(emission, emission.subquery(below, below.select()), (predicate,), as_filters=True)
    kept = (each for position, each in enumerate(conjuncts(condition)) if position in across)
    rows = replace(rows, where=staying(kept))
    # Closed, so that no later filter has to stay too.
    return emission.subquery(rows, rows.select())


def _sort(emission: Emission, plan: Sort) -> Relation:
    rows = emission.plan(plan.input)
    rows, keys = computed(emission, rows, tuple(key.expression for key in plan.keys))
    order = tuple(OrderBy(sql, key.ascending, key.nulls_first) for sql, key in zip(keys, plan.keys, strict=True))
    rows = replace(rows, order=order, is_total=False)
    return rows if plan.limit is None else _first_rows(emission, rows, plan.limit)


def _limit(emission: Emission, plan: Limit) -> Relation:
    rows = _as_they_arrive(emission.plan(plan.input), plan.input)
    if plan.random:
        rows = replace(rows, order=(OrderBy(call("random")),), is_total=False)
        return replace(_first_rows(emission, rows, plan.count), order=None)
    return _first_rows(emission, rows, plan.count)


def _as_they_arrive(rows: Relation, plan: Plan) -> Relation:
    """Return the rows of a `range` without sort keys: they come in order, and to sort them takes all of them."""
    while isinstance(plan, Filter | Project):
        plan = plan.input
    is_range = isinstance(plan, Range) and not rows.groups and not rows.has_windows
    return replace(rows, order=(), is_total=False) if is_range else rows


def _first_rows(emission: Emission, rows: Relation, count: BoundExpression) -> Relation:
    limit = call("greatest", value(emission, Scope(()), count), lit(0, "BIGINT"))
    if not rows.groups:
        return emission.subquery(rows, replace(rows.select(), order_by=rows.order or (), limit=limit))
    if rows.has_windows:
        rows = emission.subquery(rows, rows.select())
    position = Window(Call("row_number", ()), rows.groups, rows.order or ())
    return emission.subquery(rows, replace(rows.select(), qualify=op("<=", position, limit)))


def _materialized(emission: Emission, plan: Materialized) -> Relation:
    key = (plan.key, len(emission.groups))
    if key not in emission.materialized:
        rows = emission.plan(plan.input)
        emission.materialized[key] = (rows, emission.cte(rows.select(), "m", materialized=True))
    rows, cte = emission.materialized[key]
    return emission.read(rows, cte)
