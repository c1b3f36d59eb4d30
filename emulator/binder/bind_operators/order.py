"""Operators that make or use an order: sort, top, serialize, scan."""

from emulator.binder.bind_expressions.conversion import convert, require
from emulator.binder.bind_operators.shape import extended, row_count
from emulator.binder.expression import BoundExpression
from emulator.binder.faults import NOT_SERIALIZED, duplicate_name, not_allowed, unresolved_column, unsupported
from emulator.binder.plan import Plan, ScanMatch, ScanStep, Serialize, Sort, SortKey, is_serialized
from emulator.binder.projections import select
from emulator.binder.scope import NO_ROWS, Environment, Relation, Rows
from emulator.binder.walk import staged
from emulator.errors import SemanticFault
from emulator.syntax import operators as syntax
from emulator.types import BOOL, LONG, Column, KqlType, Scalar, Schema


def bind_sort(node: syntax.Sort, relation: Relation, environment: Environment) -> Plan:
    """Bind `sort by`."""
    keys = sort_keys(node.keys, relation, environment, "sort")
    return _sorted(relation, keys, None, node)


def bind_top(node: syntax.Top, relation: Relation, environment: Environment) -> Plan:
    """Bind `top`."""
    keys = sort_keys(node.keys, relation, environment, "top")
    return _sorted(relation, keys, row_count(node.count, environment, "top"), node)


def _sorted(
    relation: Relation, keys: tuple[SortKey, ...], limit: BoundExpression | None, node: syntax.Sort | syntax.Top
) -> Plan:
    plan, expressions = staged(relation.plan, tuple(key.expression for key in keys), keep_outermost=False)
    keys = tuple(
        SortKey(expression, key.ascending, key.nulls_first) for key, expression in zip(keys, expressions, strict=True)
    )
    return select(Sort(plan, keys, limit), relation.schema, node.span)


def sort_keys(
    keys: tuple[syntax.OrderKey, ...], relation: Relation, environment: Environment, operator: str
) -> tuple[SortKey, ...]:
    """Bind sort keys: descending unless written, nulls first when ascending and last when descending."""
    rows = Rows.of(relation, operator)
    bound: list[SortKey] = []
    for key in keys:
        expression = environment.expression(key.expression, rows)
        if expression.type.scalar is Scalar.DYNAMIC:
            raise not_allowed(
                f"'{operator}' operator: values of type dynamic have no order",
                key.span,
                "convert the key, for example with tostring()",
            )
        ascending = bool(key.ascending)
        nulls_first = ascending if key.nulls_first is None else key.nulls_first
        bound.append(SortKey(expression, ascending, nulls_first))
    return tuple(bound)


def bind_serialize(node: syntax.Serialize, relation: Relation, environment: Environment) -> Plan:
    """Bind `serialize`, with columns computed on the serialized rows."""
    plan = Serialize(relation.plan)
    if not node.columns:
        return plan
    return extended(Relation(plan), node.columns, environment, "serialize", node.span)


def bind_scan(node: syntax.Scan, relation: Relation, environment: Environment) -> Plan:
    """Bind `scan`: the declared columns and the match id follow the input's columns."""
    if not is_serialized(relation.plan):
        raise SemanticFault(
            "'scan' operator: the input must be serialized",
            NOT_SERIALIZED,
            node.span,
            "put 'sort by …' or 'serialize' before it",
        )
    declarations: list[tuple[Column, BoundExpression | None]] = []
    for declaration in node.declarations:
        type_ = KqlType(declaration.column.type)
        name = declaration.column.name.text
        if relation.schema.find(name) is not None:
            raise duplicate_name("scan", name, declaration.column.span)
        default = None
        if declaration.default is not None:
            default = require(
                environment.expression(declaration.default, NO_ROWS), type_, "scan", f"the default of '{name}'"
            )
        declarations.append((Column(name, type_), default))
    declared = tuple(column for column, _ in declarations)
    state = Schema((*relation.schema.columns, *declared))
    states = {step.name.text: state for step in node.steps}
    rows = Rows(state, "scan", is_serialized=False, steps=states)
    steps = tuple(_scan_step(step, declared, rows, environment) for step in node.steps)
    columns = [*state.columns]
    match_id = None if node.match_id is None else node.match_id.text
    if match_id is not None:
        if state.find(match_id) is not None:
            raise duplicate_name("scan", match_id, node.span)
        columns.append(Column(match_id, LONG))
    return ScanMatch(relation.plan, Schema(tuple(columns)), match_id, tuple(declarations), steps)


def _scan_step(step: syntax.ScanStep, declared: tuple[Column, ...], rows: Rows, environment: Environment) -> ScanStep:
    condition = require(
        environment.expression(step.condition, rows), BOOL, "scan", f"the condition of step '{step.name.text}'"
    )
    if step.optional:
        raise unsupported(f"optional step '{step.name.text}' of scan", step.span)
    types = {column.name: column.type for column in declared}
    assignments: list[tuple[str, BoundExpression]] = []
    for assignment in step.assignments:
        if len(assignment.names) != 1:
            raise not_allowed("'scan' operator: an assignment has the form Name = expression", assignment.span)
        name = assignment.names[0]
        type_ = types.get(name.text)
        if type_ is None:
            raise unresolved_column("scan", name.text, types, name.span)
        value = environment.expression(assignment.expression, rows)
        assignments.append((name.text, convert(require(value, type_, "scan", f"'{name.text}'"), type_)))
    return ScanStep(step.name.text, step.output, condition, tuple(assignments))
