"""Operators with several inputs: join, lookup, union."""

import re
from fnmatch import fnmatchcase

from emulator.binder.bind_expressions.conversion import convert
from emulator.binder.expression import BoundExpression, ColumnReference, Constant
from emulator.binder.faults import bad_value, not_allowed, unresolved_column
from emulator.binder.plan import Join, JoinKey, Plan, Project, Union
from emulator.binder.result_names import ColumnNames
from emulator.binder.scope import Environment, FunctionBinding, Relation, Rows
from emulator.errors import SemanticFault
from emulator.functions.overloads import common_type
from emulator.syntax import operators as syntax
from emulator.syntax.expressions import Binary, Expression, Name, Path
from emulator.syntax.operators import NameSource, Pipeline
from emulator.text import Span
from emulator.types import DYNAMIC, STRING, Column, KqlType, Scalar, Schema

_KINDS = {
    "": "innerunique",
    "innerunique": "innerunique",
    "inner": "inner",
    "leftouter": "leftouter",
    "rightouter": "rightouter",
    "fullouter": "fullouter",
    "leftsemi": "leftsemi",
    "rightsemi": "rightsemi",
    "leftanti": "leftanti",
    "anti": "leftanti",
    "leftantisemi": "leftanti",
    "rightanti": "rightanti",
    "rightantisemi": "rightanti",
}
_LEFT_ONLY = frozenset({"leftsemi", "leftanti"})
_RIGHT_ONLY = frozenset({"rightsemi", "rightanti"})


def bind_join(node: syntax.Join, relation: Relation, environment: Environment) -> Plan:
    """Bind `join`: the left columns, then the right ones; a name that is taken gets a number."""
    kind = _KINDS.get(node.kind)
    if kind is None:
        raise bad_value(
            f"'join' operator: unknown kind '{node.kind}'", node.span, f"kinds: {', '.join(sorted(_KINDS)[1:])}"
        )
    right = environment.pipeline(node.right)
    keys = _join_keys(node.on, relation.schema, right.schema, environment, "join")
    outputs: list[tuple[int, Column]] = []
    if kind not in _RIGHT_ONLY:
        outputs += [(0, column) for column in relation.schema]
    if kind not in _LEFT_ONLY:
        outputs += [(1, column) for column in right.schema]
    return _joined(kind, relation, right, keys, outputs)


def _joined(
    kind: str, left: Relation, right: Relation, keys: tuple[JoinKey, ...], outputs: list[tuple[int, Column]]
) -> Join:
    """Return the join; a repeated name gets the first number that no column has: c, c, c1 → c, c2, c1."""
    names = ColumnNames(column.name for _, column in outputs)
    seen: set[str] = set()
    columns: list[Column] = []
    for _, column in outputs:
        columns.append(Column(names.unique(column.name) if column.name in seen else column.name, column.type))
        seen.add(column.name)
    chosen = tuple((side, column.name) for side, column in outputs)
    return Join(kind, left.plan, right.plan, keys, Schema(tuple(columns)), chosen)


def bind_lookup(node: syntax.Lookup, relation: Relation, environment: Environment) -> Plan:
    """Bind `lookup`: a join that keeps the left keys only."""
    kind = node.kind or "leftouter"
    if kind not in ("leftouter", "inner"):
        raise bad_value(f"'lookup' operator: unknown kind '{node.kind}'", node.span, "kinds: leftouter, inner")
    right = environment.pipeline(node.right)
    keys = _join_keys(node.on, relation.schema, right.schema, environment, "lookup")
    key_names = {name for key in keys if (name := _column_of(key.right))}
    outputs = [(0, column) for column in relation.schema]
    outputs += [(1, column) for column in right.schema if column.name not in key_names]
    return _joined(kind, relation, right, keys, outputs)


def _column_of(expression: BoundExpression) -> str:
    while not isinstance(expression, ColumnReference):
        operand = getattr(expression, "operand", None)
        if operand is None:
            return ""
        expression = operand
    return expression.name


def _join_keys(
    conditions: tuple[Expression, ...], left: Schema, right: Schema, environment: Environment, operator: str
) -> tuple[JoinKey, ...]:
    rows = Rows(operator=operator, sides=(left, right))
    return tuple(key for condition in conditions for key in _condition_keys(condition, left, right, rows, environment))


def _condition_keys(
    condition: Expression, left: Schema, right: Schema, rows: Rows, environment: Environment
) -> list[JoinKey]:
    match condition:
        case Name(text=text, span=span):
            sides: list[BoundExpression] = []
            for side, schema in enumerate((left, right)):
                column = schema.find(text)
                if column is None:
                    fault = unresolved_column(rows.operator, text, schema.names, span)
                    fault.hint = f"the {'right' if side else 'left'} side has no such column; {fault.hint}"
                    raise fault
                sides.append(ColumnReference(text, column.type, span, side))
            return [_key(sides[0], sides[1], rows.operator, span)]
        case Binary(operator="and", left=first, right=second):
            return [
                *_condition_keys(first, left, right, rows, environment),
                *_condition_keys(second, left, right, rows, environment),
            ]
        case Binary(operator="==", left=Path() as first, right=Path() as second, span=span):
            bound = [environment.expression(first, rows), environment.expression(second, rows)]
            if [each.side for each in bound if isinstance(each, ColumnReference)] == [0, 1]:
                return [_key(bound[0], bound[1], rows.operator, span)]
        case _:
            pass
    raise not_allowed(
        f"'{rows.operator}' operator: a condition is a column of both sides or an equality of $left and $right columns",
        condition.span,
        "write `on Name` or `on $left.A == $right.B`",
    )


def _key(left: BoundExpression, right: BoundExpression, operator: str, span: Span) -> JoinKey:
    common = common_type((left.type, right.type))
    if common is None or Scalar.DYNAMIC in (left.type.scalar, right.type.scalar):
        raise SemanticFault(
            f"'{operator}' operator: cannot match a column of type {left.type} with one of type {right.type}",
            "SEM0001",
            span,
            "convert one of them before the join",
        )
    return JoinKey(convert(left, common), convert(right, common))


def bind_union(node: syntax.Union, relation: Relation | None, environment: Environment) -> Plan:
    """Bind `union`; `relation` is the piped input, None at the head of a pipeline."""
    legs = [] if relation is None else [relation]
    for table in node.tables:
        try:
            legs.append(environment.pipeline(table))
        except SemanticFault as fault:
            if not (node.is_fuzzy and fault.code in ("SEM0100", "SEM0260")):
                raise
    for pattern in node.patterns:
        legs += _matching_tables(pattern, environment)
    if not legs:
        raise not_allowed("'union' operator: no table is left to read", node.span)
    if node.kind not in ("", "outer", "inner"):
        raise bad_value(f"'union' operator: unknown kind '{node.kind}'", node.span, "kinds: outer, inner")
    columns = _union_columns(legs, is_inner=node.kind == "inner")
    source = None if node.with_source is None else node.with_source.text
    names = ColumnNames([] if source is None else [source])
    output = [] if source is None else [Column(source, STRING)]
    output += [Column(names.unique(name), type_) for name, type_ in _final_names(columns)]
    schema = Schema(tuple(output))
    inputs = tuple(_leg(leg, index, columns, schema, source is not None, node.span) for index, leg in enumerate(legs))
    return inputs[0] if len(inputs) == 1 else Union(inputs, schema)


_Key = tuple[str, Scalar]


def _union_columns(legs: list[Relation], *, is_inner: bool) -> dict[_Key, KqlType]:
    """Return the output's columns by name and type: names in the order of their first appearance, then types."""
    columns: dict[_Key, KqlType] = {}
    order: dict[str, None] = {}
    for leg in legs:
        for column in leg.schema:
            order[column.name] = None
            key = (column.name, column.type.scalar)
            known = columns.setdefault(key, column.type)
            if known != column.type:
                columns[key] = DYNAMIC
    if is_inner:
        present = [{(column.name, column.type.scalar) for column in leg.schema} for leg in legs]
        columns = {key: type_ for key, type_ in columns.items() if all(key in leg for leg in present)}
    return {key: columns[key] for name in order for key in columns if key[0] == name}


def _final_names(columns: dict[_Key, KqlType]) -> list[tuple[str, KqlType]]:
    """Name the output: a name with several types gets the type as a suffix, and a number where that is taken."""
    types_by_name: dict[str, int] = {}
    for name, _ in columns:
        types_by_name[name] = types_by_name.get(name, 0) + 1
    names = ColumnNames(name for name, count in types_by_name.items() if count == 1)
    return [
        (name if types_by_name[name] == 1 else names.unique(f"{name}_{scalar}"), type_)
        for (name, scalar), type_ in columns.items()
    ]


def _leg(leg: Relation, index: int, columns: dict[_Key, KqlType], schema: Schema, has_source: bool, span: Span) -> Plan:
    expressions: list[BoundExpression] = []
    if has_source:
        expressions.append(Constant(leg.name or f"union_arg{index}", STRING, span))
    for (name, scalar), type_ in columns.items():
        own = leg.schema.find(name)
        if own is None or own.type.scalar is not scalar:
            expressions.append(Constant("" if scalar is Scalar.STRING else None, type_, span))
        else:
            expressions.append(convert(ColumnReference(name, own.type, span), type_))
    is_same = leg.schema.names == schema.names and all(isinstance(each, ColumnReference) for each in expressions)
    return leg.plan if is_same else Project(leg.plan, schema, tuple(expressions))


def _matching_tables(pattern: syntax.ColumnPattern, environment: Environment) -> list[Relation]:
    shape = re.sub(r"([\[\]?])", r"[\1]", pattern.text)
    views = [
        name
        for name, binding in environment.names.items()
        if isinstance(binding, FunctionBinding) and binding.literal.is_view
    ]
    names = [name for name in (*views, *sorted(environment.session.entities.table_names())) if fnmatchcase(name, shape)]
    return [
        environment.pipeline(Pipeline(NameSource(Name(name, pattern.span), pattern.span), (), pattern.span))
        for name in names
    ]
