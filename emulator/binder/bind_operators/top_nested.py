"""`top-nested`: per level the best values of a column, inside the best ones of the levels above."""

from dataclasses import replace

from emulator.binder.bind_expressions.calls import call_function
from emulator.binder.bind_operators.aggregate import aggregated
from emulator.binder.bind_operators.order import sort_keys
from emulator.binder.bind_operators.shape import row_count
from emulator.binder.expression import BoundExpression, ColumnReference, Constant
from emulator.binder.faults import not_allowed, unsupported
from emulator.binder.plan import ForEachGroup, GroupInput, Join, JoinKey, Plan, Sort
from emulator.binder.projections import NamedExpression, bind_projection, project, references
from emulator.binder.result_names import ColumnNames
from emulator.binder.scope import AggregateCollector, Environment, Relation, Rows
from emulator.syntax import operators as syntax
from emulator.syntax.expressions import Name
from emulator.text import Span
from emulator.types import KqlType, Scalar, Schema


def bind_top_nested(node: syntax.TopNested, relation: Relation, environment: Environment) -> Plan:
    """Bind `top-nested`: two columns per level, the value and its aggregate."""
    rows = Rows.of(relation, "top-nested")
    keys: list[tuple[str, BoundExpression]] = []
    names = ColumnNames()
    chosen: Plan | None = None
    for level in node.levels:
        if level.others is not None:
            raise unsupported("top-nested with others", level.others.span)
        (key,) = bind_projection(level.column, environment, rows)
        if key.expression.type.scalar is Scalar.DYNAMIC:
            raise not_allowed("'top-nested' operator: a level's column may not be of type dynamic", level.column.span)
        source = relation.plan if chosen is None else _semi_joined(relation.plan, chosen, keys, environment)
        above = [name for name, _ in keys]
        keys.append((names.of(key.name), key.expression))
        groups = _level(level, key, source, keys, names, rows, environment)
        best = _best(level, groups, above, environment)
        chosen = best if chosen is None else _with_levels_above(best, chosen, above, node.span, environment)
    assert chosen is not None  # noqa: S101 - the parser gives at least one level
    return chosen


def _level(
    level: syntax.TopNestedLevel,
    key: NamedExpression,
    source: Plan,
    keys: list[tuple[str, BoundExpression]],
    names: ColumnNames,
    rows: Rows,
    environment: Environment,
) -> Plan:
    """Return the aggregate of every value of this level within the values chosen above."""
    collector = AggregateCollector(environment.session)
    by = environment.expression(level.by.expression, replace(rows, aggregates=collector))
    written = level.by.names[0].text if level.by.names else f"aggregated_{key.name or ''}"
    return aggregated(source, keys, collector.calls, [(names.unique(written), by)])


def _best(level: syntax.TopNestedLevel, groups: Plan, above: list[str], environment: Environment) -> Plan:
    if level.count is None:
        return groups
    count = row_count(level.count, environment, "top-nested")
    measure = groups.schema.columns[-1]
    order = syntax.OrderKey(Name(measure.name, level.span), level.by_ascending, None, level.span)
    if not above:
        return Sort(groups, sort_keys((order,), Relation(groups), environment, "top-nested"), count)
    leaf = GroupInput(groups.schema)
    subplan = Sort(leaf, sort_keys((order,), Relation(leaf), environment, "top-nested"), count)
    group_keys = tuple(references(Schema(groups.schema.columns[: len(above)]), level.span))
    return ForEachGroup(groups, group_keys, subplan, groups.schema)


def _semi_joined(plan: Plan, chosen: Plan, keys: list[tuple[str, BoundExpression]], environment: Environment) -> Plan:
    """Return the input's rows whose values were chosen on the levels above."""
    pairs: list[JoinKey] = []
    for name, expression in keys:
        other = ColumnReference(name, expression.type, expression.span, 1)
        pairs += _null_safe(expression, other, environment)
    outputs = tuple((0, column.name) for column in plan.schema)
    return Join("leftsemi", plan, chosen, tuple(pairs), plan.schema, outputs)


def _with_levels_above(best: Plan, chosen: Plan, above: list[str], span: Span, environment: Environment) -> Plan:
    """Put the columns of the levels above, with their aggregates, in front of this level's two."""
    pairs: list[JoinKey] = []
    for name in above:
        column = best.schema.find(name)
        assert column is not None  # noqa: S101 - the keys are columns of every level
        pairs += _null_safe(
            ColumnReference(name, column.type, span), ColumnReference(name, column.type, span, 1), environment
        )
    own = best.schema.columns[-2:]
    columns = (*chosen.schema.columns, *own)
    outputs = (*((1, column.name) for column in chosen.schema), *((0, column.name) for column in own))
    joined = Join("inner", best, chosen, tuple(pairs), Schema(tuple(columns)), outputs)
    return project(joined, [(each.name, ColumnReference(each.name, each.type, span)) for each in columns])


_STAND_INS: dict[Scalar, object] = {
    Scalar.BOOL: False,
    Scalar.INT: 0,
    Scalar.LONG: 0,
    Scalar.REAL: 0.0,
    Scalar.TIMESPAN: 0,
}


def _null_safe(left: BoundExpression, right: BoundExpression, environment: Environment) -> list[JoinKey]:
    """Return join keys for which two nulls are equal, as they are for grouping."""
    type_: KqlType = left.type
    if type_.scalar not in _STAND_INS:
        return [JoinKey(left, right)]
    stand_in = Constant(_STAND_INS[type_.scalar], type_, left.span)
    sides = [
        (
            call_function("isnull", (side,), side.span, environment),
            call_function("coalesce", (side, stand_in), side.span, environment),
        )
        for side in (left, right)
    ]
    (left_null, left_value), (right_null, right_value) = sides
    return [JoinKey(left_null, right_null), JoinKey(left_value, right_value)]
