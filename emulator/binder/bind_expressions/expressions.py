"""Scalar expressions: names to columns and values, operators to catalogue functions."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import assert_never

from emulator.binder.bind_expressions.calls import aggregate_calls, call_function
from emulator.binder.bind_expressions.constants import folded, read_datetime
from emulator.binder.bind_expressions.conversion import convert, plain
from emulator.binder.bind_expressions.dynamic_literals import read_dynamic
from emulator.binder.bind_expressions.function_calls import bind_call
from emulator.binder.bind_expressions.term_chains import in_one_text, joined_tests
from emulator.binder.expression import BoundExpression, ColumnReference, Constant, InSubquery, ScalarSubquery
from emulator.binder.faults import not_allowed, unresolved_alone, unresolved_column, unsupported
from emulator.binder.plan import Aggregate
from emulator.binder.scope import Environment, FunctionBinding, Relation, Rows, ScalarBinding, TabularBinding
from emulator.binder.tabular_names import as_pipeline, is_tabular_expression
from emulator.errors import SemanticFault
from emulator.syntax.expressions import (
    Between,
    Binary,
    Call,
    DynamicLiteral,
    Expression,
    Index,
    InList,
    Literal,
    Name,
    NamedArgument,
    Path,
    Star,
    SubqueryExpression,
    Unary,
)
from emulator.syntax.operators import Pipeline
from emulator.text import Span
from emulator.types import BOOL, DATETIME, DYNAMIC, LONG, STRING, Column, KqlType, Scalar, Schema

_SIDES = {"$left": 0, "$right": 1}
_MEMBERSHIP = frozenset({"in", "!in", "in~", "!in~"})
# How their terms are grouped changes nothing; a sum of reals depends on it.
_ASSOCIATIVE = frozenset({"and", "or"})
_RUN = 32


def bind_expression(  # noqa: C901 - one arm per kind of node
    node: Expression, environment: Environment, rows: Rows
) -> BoundExpression:
    """Bind a scalar expression to the row it is evaluated on."""
    match node:
        case Name():
            return bind_name(node, environment, rows)
        case Literal():
            return _bind_literal(node)
        case DynamicLiteral(text=text, span=span):
            return Constant(read_dynamic(text, span), DYNAMIC, span)
        case Unary():
            return _bind_unary(node, environment, rows)
        case Binary():
            return _bind_binary(node, environment, rows)
        case InList():
            return _bind_in(node, environment, rows)
        case Between():
            return _bind_between(node, environment, rows)
        case Call():
            return bind_call(node, environment, rows)
        case Path():
            return _bind_path(node, environment, rows)
        case Index():
            operand = environment.expression(node.operand, rows)
            if operand.type.scalar is not Scalar.DYNAMIC:
                raise _no_members(operand, f"[{environment.expression(node.index, rows).type}]", node.span)
            index = environment.expression(node.index, rows)
            return call_function("[]", (operand, index), node.span, environment)
        case NamedArgument(span=span):
            raise not_allowed("a named argument may only stand in a call of a function that has names", span)
        case Star(span=span):
            raise not_allowed("'*' may not stand here", span)
        case SubqueryExpression(span=span):
            raise not_allowed("a tabular expression may not stand here", span, "wrap it in toscalar(…)")
        case _:
            assert_never(node)


def _no_members(operand: BoundExpression, access: str, span: Span) -> SemanticFault:
    hint = "parse text with parse_json(…) first" if operand.type == STRING else ""
    return not_allowed(f"{operand.type} values have no members: '{access}' needs a dynamic value", span, hint)


def bind_name(name: Name, environment: Environment, rows: Rows) -> BoundExpression:
    """Resolve a name: columns of the row first, then let-bound scalars and parameters."""
    column = rows.schema.find(name.text)
    if column is not None:
        if rows.aggregates is not None and not rows.inside_aggregate:
            raise not_allowed(
                f"'{rows.operator}' operator: column '{name.text}' must stand inside an aggregate function",
                name.span,
                f"aggregate it, for example take_any({name.text}), or add it after 'by'",
            )
        return ColumnReference(column.name, column.type, name.span)
    binding = environment.names.get(name.text)
    match binding:
        case ScalarBinding(value=value, is_row_bound=is_row_bound):
            if is_row_bound and not rows.is_scalar_body:
                raise not_allowed(
                    f"'{name.text}' depends on the row of the calling query, so a tabular expression cannot use it",
                    name.span,
                )
            return value
        case FunctionBinding(literal=literal) if not literal.parameters:
            return bind_call(Call(name, (), name.span), environment, rows)
        case TabularBinding():
            raise not_allowed(
                f"'{name.text}' is a table; a scalar value is needed here", name.span, f"use toscalar({name.text})"
            )
        case _:
            scalars = [known for known, found in environment.names.items() if isinstance(found, ScalarBinding)]
            if not rows.operator and not rows.schema.names:
                # A name that is all of a query or of a function's body may be meant for a table.
                raise unresolved_alone(name.text, (*scalars, *environment.tabular_names()), name.span)
            raise unresolved_column(rows.operator, name.text, (*rows.schema.names, *scalars), name.span)


def _bind_literal(node: Literal) -> BoundExpression:
    type_ = KqlType(node.type)
    value = node.value
    if node.type is Scalar.DATETIME and isinstance(value, str):
        return Constant(read_datetime(value, node.span), DATETIME, node.span)
    if node.type is Scalar.STRING and value is None:
        return Constant("", STRING, node.span)
    return Constant(value, type_, node.span)


def _bind_unary(node: Unary, environment: Environment, rows: Rows) -> BoundExpression:
    operand = environment.expression(node.operand, rows)
    if node.operator == "+" and operand.type.scalar.is_numeric:
        return operand
    return folded(call_function(node.operator, (operand,), node.span, environment))


def _bind_binary(node: Binary, environment: Environment, rows: Rows) -> BoundExpression:
    """Bind `a + b + c`, which is read from the left, link by link: a long chain is no deeper than a short one here."""
    links = [node]
    while isinstance(links[-1].left, Binary):
        links.append(links[-1].left)
    first = links[-1].left
    if isinstance(first, Star):
        bound = _bind_any_column(links.pop(), environment, rows)
    else:
        bound = environment.expression(first, rows)
    while links:
        if links[-1].operator in _ASSOCIATIVE:
            bound = _bind_logical(bound, links, environment, rows)
        else:
            link = links.pop()
            right = environment.expression(link.right, rows)
            bound = call_function(link.operator, (bound, right), link.span, environment, link.operator_span)
    return bound


@dataclass(frozen=True, slots=True)
class _Term:
    """A term of a chain, which starts at `start`; `link` joins it to what stands before it."""

    expression: BoundExpression
    start: int
    link: Binary


def _bind_logical(left: BoundExpression, links: list[Binary], environment: Environment, rows: Rows) -> BoundExpression:
    """Bind the last links as far as they have one operator, and take them off.

    The terms are grouped in runs, and these again, so that a chain of thousands makes no deep expression.
    """
    operator = links[-1].operator

    def terms() -> Iterator[_Term]:
        first = links[-1]
        yield _Term(left, first.span.start, first)
        while links and links[-1].operator == operator:
            link = links.pop()
            yield _Term(environment.expression(link.right, rows), link.right.span.start, link)

    found = list(terms())
    tests = joined_tests(operator, [term.expression for term in found], environment)
    kept = (replace(term, expression=test) for term, test in zip(found, tests, strict=True) if test is not None)
    runs = _in_runs(kept, environment)
    while len(runs) > 1:
        runs = _in_runs(iter(runs), environment)
    return runs[0].expression


def _in_runs(terms: Iterator[_Term], environment: Environment) -> list[_Term]:
    """Join each run of terms from the left."""
    runs: list[_Term] = []
    for first in terms:
        left = first.expression
        for term in islice(terms, _RUN - 1):
            link, span = term.link, Span(first.start, term.link.span.end)
            left = call_function(link.operator, (left, term.expression), span, environment, link.operator_span)
        runs.append(_Term(left, first.start, first.link))
    return runs


def _bind_any_column(node: Binary, environment: Environment, rows: Rows) -> BoundExpression:
    """`* has "x"`: true when any column's text matches."""
    right = environment.expression(node.right, rows)
    result: BoundExpression | None = None
    texts = [convert(ColumnReference(each.name, each.type, node.left.span), STRING) for each in rows.schema]
    for reference in in_one_text(node.operator, texts, right, environment):
        matches = call_function(node.operator, (reference, right), node.span, environment, node.operator_span)
        result = matches if result is None else call_function("or", (result, matches), node.span, environment)
    return result or Constant(False, BOOL, node.span)


def _bind_in(node: InList, environment: Environment, rows: Rows) -> BoundExpression:
    operand = environment.expression(node.operand, rows)
    if len(node.elements) == 1:
        subquery = tabular_operand(node.elements[0], environment, rows)
        if subquery is not None:
            return _bind_in_subquery(node, operand, subquery, environment)
    elements: list[BoundExpression] = []
    for element in node.elements:
        bound = environment.expression(element, rows)
        elements.extend(_spread(bound) if node.operator in _MEMBERSHIP else (bound,))
    if not elements:
        return Constant(node.operator.startswith("!"), BOOL, node.span)
    return call_function(node.operator, (operand, *elements), node.span, environment)


def _bind_in_subquery(
    node: InList, operand: BoundExpression, subquery: Pipeline, environment: Environment
) -> BoundExpression:
    relation = environment.pipeline(subquery)
    if not relation.schema.columns:
        raise not_allowed(f"'{node.operator}' needs a table with a column", node.span)
    column = relation.schema.columns[0]
    if node.operator not in _MEMBERSHIP:
        # has_any and has_all take the column's values as one array.
        values = _collected(relation, column, node.span, environment)
        return call_function(node.operator, (operand, values), node.span, environment)
    target = column.type
    if operand.type.scalar is not column.type.scalar and Scalar.DYNAMIC not in (
        operand.type.scalar,
        column.type.scalar,
    ):
        # The equality of the two types decides, with its own faults.
        call_function("==", (operand, ColumnReference(column.name, column.type, node.span)), node.span, environment)
    if column.type.scalar is Scalar.DYNAMIC:
        raise unsupported(
            f"'{node.operator}' over a column of type dynamic",
            node.span,
            "convert the column, for example with tostring()",
        )
    operand = convert(operand, target)
    operator = node.operator
    return InSubquery(operand, relation.plan, operator.startswith("!"), operator.endswith("~"), BOOL, node.span)


def _collected(relation: Relation, column: Column, span: Span, environment: Environment) -> ScalarSubquery:
    make_set = environment.session.catalogue.aggregates["make_set"]
    calls = aggregate_calls(make_set, (ColumnReference(column.name, column.type, span),), span)
    plan = Aggregate(relation.plan, Schema((Column(column.name, calls[0].type),)), (), calls)
    return ScalarSubquery(plan, calls[0].type, span)


def tabular_operand(node: Expression, environment: Environment, rows: Rows) -> Pipeline | None:
    """Return an operand as a tabular expression when it is one: a subquery, or a name that is no scalar."""
    if isinstance(node, Name) and rows.schema.find(node.text) is not None:
        return None
    return as_pipeline(node) if is_tabular_expression(node, environment) else None


def _spread(expression: BoundExpression) -> tuple[BoundExpression, ...]:
    """Return the elements of a constant array, which `in` takes as if they were written one by one."""
    if not isinstance(expression, Constant) or expression.type != DYNAMIC or not isinstance(expression.value, str):
        return (expression,)
    values = json.loads(expression.value)
    if not isinstance(values, list):
        return (expression,)
    constants = [_element(value, expression.span) for value in values]
    return (expression,) if None in constants else tuple(constant for constant in constants if constant is not None)


def _element(value: object, span: Span) -> Constant | None:
    match value:
        case bool():
            return Constant(value, BOOL, span)
        case int():
            return Constant(value, LONG, span)
        case float():
            return Constant(value, KqlType(Scalar.REAL), span)
        case str():
            return Constant(value, STRING, span)
        case _:
            return None


def _bind_between(node: Between, environment: Environment, rows: Rows) -> BoundExpression:
    operand = environment.expression(node.operand, rows)
    low = environment.expression(node.low, rows)
    high = environment.expression(node.high, rows)
    operator = "!between" if node.negated else "between"
    return call_function(operator, (operand, low, high), node.span, environment)


def _bind_path(node: Path, environment: Environment, rows: Rows) -> BoundExpression:
    if isinstance(node.operand, Name):
        owner = node.operand.text
        if rows.sides is not None and owner in _SIDES:
            side = _SIDES[owner]
            column = rows.sides[side].find(node.member.text)
            if column is None:
                raise unresolved_column(rows.operator, node.member.text, rows.sides[side].names, node.member.span)
            return ColumnReference(column.name, column.type, node.span, side)
        if owner in rows.steps:
            column = rows.steps[owner].find(node.member.text)
            if column is None:
                raise unresolved_column(rows.operator, node.member.text, rows.steps[owner].names, node.member.span)
            return ColumnReference(f"{owner}.{column.name}", column.type, node.span)
    operand = environment.expression(node.operand, rows)
    if operand.type.scalar is not Scalar.DYNAMIC:
        raise _no_members(operand, f".{node.member.text}", node.span)
    key = Constant(node.member.text, STRING, node.member.span)
    return call_function("[]", (plain(operand), key), node.span, environment)
