"""Operators that open rows or run a subquery on parts of the input: mv-expand, mv-apply, partition."""

from emulator.binder.bind_expressions.conversion import convert
from emulator.binder.bind_operators.shape import row_count
from emulator.binder.expression import BoundExpression, ColumnReference
from emulator.binder.faults import bad_value, duplicate_name, not_allowed, unsupported
from emulator.binder.plan import Expand, Expansion, ForEachGroup, GroupInput, Plan, Project, is_serialized
from emulator.binder.result_names import ColumnNames, column_name
from emulator.binder.scope import Environment, Relation, Rows
from emulator.binder.walk import has_window
from emulator.syntax import operators as syntax
from emulator.syntax.expressions import Name
from emulator.syntax.operators import NameSource, Pipeline
from emulator.text import Span
from emulator.types import DYNAMIC, LONG, Column, KqlType, Scalar, Schema

_BAG_EXPANSIONS = {"": False, "bag": False, "array": True}


def bind_mv_expand(node: syntax.MvExpand, relation: Relation, environment: Environment) -> Plan:
    """Bind `mv-expand`: an expanded column replaces the one of its name, a new one is appended."""
    if node.bag_expansion not in _BAG_EXPANSIONS:
        raise bad_value(f"'mv-expand' operator: unknown bagexpansion '{node.bag_expansion}'", node.span, "bag or array")
    return _expand(
        relation.plan,
        node.columns,
        node.item_index,
        None if node.limit is None else row_count(node.limit, environment, "mv-expand"),
        Rows.of(relation, "mv-expand"),
        environment,
        bag_as_arrays=_BAG_EXPANSIONS[node.bag_expansion],
    )


def _expand(
    plan: Plan,
    columns: tuple[syntax.MvColumn, ...],
    item_index: Name | None,
    limit: BoundExpression | None,
    rows: Rows,
    environment: Environment,
    *,
    keep_empty: bool = True,
    bag_as_arrays: bool = False,
) -> Expand:
    names = ColumnNames(plan.schema.names)
    types = {column.name: column.type for column in plan.schema}
    expansions: list[Expansion] = []
    for node in columns:
        expression = environment.expression(node.expression, rows)
        if expression.type.scalar is not Scalar.DYNAMIC:
            raise not_allowed(
                f"'{rows.operator}' operator: only dynamic values can be expanded, found {expression.type}", node.span
            )
        if has_window(expression):
            raise unsupported(f"window functions in {rows.operator}", node.span, "compute them with extend before")
        name = node.name.text if node.name is not None else _expanded_name(node, rows, names, environment)
        if any(expansion.column.name == name for expansion in expansions):
            raise duplicate_name(rows.operator, name, node.span)
        column = Column(names.take(name), DYNAMIC if node.to_type is None else KqlType(node.to_type))
        expansions.append(Expansion(column, expression))
        types[name] = column.type
    index_name = None
    if item_index is not None:
        if item_index.text in types:
            raise duplicate_name(rows.operator, item_index.text, item_index.span)
        index_name = item_index.text
        types[index_name] = LONG
    schema = Schema(tuple(Column(name, type_) for name, type_ in types.items()))
    return Expand(plan, schema, tuple(expansions), index_name, limit, keep_empty, bag_as_arrays)


def _expanded_name(node: syntax.MvColumn, rows: Rows, names: ColumnNames, environment: Environment) -> str:
    if isinstance(node.expression, Name) and rows.schema.find(node.expression.text) is not None:
        return node.expression.text
    return names.of(column_name(node.expression, environment))


def bind_mv_apply(node: syntax.MvApply, relation: Relation, environment: Environment) -> Plan:
    """Bind `mv-apply`: the source columns that are not expanded in place stand before the subquery's."""
    limit = None if node.limit is None else row_count(node.limit, environment, "mv-apply")
    group = GroupInput(relation.schema, is_serialized=True)
    expansion = _expand(
        group, node.columns, node.item_index, limit, Rows.of(relation, "mv-apply"), environment, keep_empty=False
    )
    subplan = subquery(node.subquery, Relation(expansion), environment, node.span)
    replaced = {expansion.column.name for expansion in expansion.expansions}
    kept = [column for column in relation.schema if column.name not in replaced]
    carried = tuple(column.name for column in kept if subplan.schema.find(column.name) is None)
    schema = Schema((*(column for column in kept if column.name in carried), *subplan.schema))
    plan = ForEachGroup(relation.plan, (), subplan, schema, carried)
    order = [column.name for column in kept] + [
        name for name in subplan.schema.names if relation.schema.find(name) is None or name in replaced
    ]
    ordered = Schema(tuple(column for name in order if (column := schema.find(name)) is not None))
    if ordered.names == schema.names:
        return plan
    return Project(plan, ordered, tuple(ColumnReference(each.name, each.type, node.span) for each in ordered))


def subquery(operators: tuple[syntax.Operator, ...], source: Relation, environment: Environment, span: Span) -> Plan:
    """Bind operators that have no source of their own."""
    placeholder = NameSource(Name("", span), span)
    return environment.pipeline(Pipeline(placeholder, operators, span), source).plan


def bind_partition(node: syntax.Partition, relation: Relation, environment: Environment) -> Plan:
    """Bind `partition`: the subquery runs on the rows of each key."""
    rows = Rows.of(relation, "partition")
    key = environment.expression(node.column, rows)
    if not isinstance(key, ColumnReference):
        raise not_allowed("'partition' operator: the key must be a column", node.column.span)
    if key.type.scalar is Scalar.DYNAMIC:
        raise not_allowed("'partition' operator: the key may not be of type dynamic", node.column.span)
    if node.pipeline is not None:
        raise unsupported("partition with a subquery that has a source of its own", node.span)
    group = GroupInput(relation.schema, is_serialized(relation.plan))
    subplan = subquery(node.subquery, Relation(group), environment, node.span)
    return ForEachGroup(relation.plan, (convert(key, key.type),), subplan, subplan.schema)
