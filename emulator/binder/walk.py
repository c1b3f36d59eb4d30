"""Going through bound expressions: finding nodes and replacing them, and taking window calls out of each other."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from emulator.binder.expression import (
    AggregateCall,
    BoundExpression,
    ColumnReference,
    Conversion,
    FunctionCall,
    InSubquery,
    WindowCall,
)
from emulator.binder.plan import Plan, Project
from emulator.types import Column, Schema
from emulator.work import check_work


def children(expression: BoundExpression) -> tuple[BoundExpression, ...]:
    """Return the direct operands of an expression, not those inside subqueries."""
    check_work()
    match expression:
        case FunctionCall(arguments=arguments) | AggregateCall(arguments=arguments) | WindowCall(arguments=arguments):
            return arguments
        case Conversion(operand=operand) | InSubquery(operand=operand):
            return (operand,)
        case _:
            return ()


def rewritten(
    expression: BoundExpression, change: Callable[[BoundExpression], BoundExpression | None]
) -> BoundExpression:
    """Return an expression with every node replaced for which `change` returns another."""
    changed = change(expression)
    if changed is not None:
        return changed
    match expression:
        case FunctionCall(arguments=arguments) | AggregateCall(arguments=arguments) | WindowCall(arguments=arguments):
            operands = tuple(rewritten(argument, change) for argument in arguments)
            return expression if operands == arguments else replace(expression, arguments=operands)
        case Conversion(operand=operand) | InSubquery(operand=operand):
            inner = rewritten(operand, change)
            return expression if inner is operand else replace(expression, operand=inner)
        case _:
            return expression


def has_window(expression: BoundExpression) -> bool:
    """Tell whether a window call stands anywhere in an expression."""
    return isinstance(expression, WindowCall) or any(map(has_window, children(expression)))


def staged(
    plan: Plan, expressions: tuple[BoundExpression, ...], *, keep_outermost: bool
) -> tuple[Plan, tuple[BoundExpression, ...]]:
    """Compute window calls below an operator: all of them, or those that are operands of others.

    Each round adds the innermost ones as hidden columns named `$window…`.
    """
    number = sum(name.startswith("$window") for name in plan.schema.names)
    while True:
        found: list[WindowCall] = []
        for expression in expressions:
            found += [call for call in _innermost(expression, liftable=not keep_outermost) if call not in found]
        if not found:
            return plan, expressions
        columns = list(plan.schema.columns)
        values: list[BoundExpression] = [ColumnReference(each.name, each.type, found[0].span) for each in columns]
        references: list[ColumnReference] = []
        for call in found:
            reference = ColumnReference(f"$window{number}", call.type, call.span)
            number += 1
            references.append(reference)
            columns.append(Column(reference.name, reference.type))
            values.append(call)
        plan = Project(plan, Schema(tuple(columns)), tuple(values))

        def lifted(
            node: BoundExpression, found: list[WindowCall] = found, references: list[ColumnReference] = references
        ) -> BoundExpression | None:
            return references[found.index(node)] if isinstance(node, WindowCall) and node in found else None

        expressions = tuple(rewritten(expression, lifted) for expression in expressions)


def _innermost(expression: BoundExpression, *, liftable: bool) -> Iterator[WindowCall]:
    """Yield the window calls without window calls below them, that is, those that may be computed next."""
    if isinstance(expression, WindowCall):
        inner = [call for child in children(expression) for call in _innermost(child, liftable=True)]
        if inner:
            yield from inner
        elif liftable:
            yield expression
        return
    for child in children(expression):
        yield from _innermost(child, liftable=liftable)
