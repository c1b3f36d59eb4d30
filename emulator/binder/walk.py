"""Going through bound expressions: finding nodes and replacing them, and taking window calls out of each other."""

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import replace

from emulator.binder.expression import (
    WINDOWS,
    AggregateCall,
    BoundExpression,
    ColumnReference,
    Constant,
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
    if isinstance(expression, ColumnReference | Constant):
        # Most nodes are one of these, and this is asked of every node many times.
        return ()
    check_work()
    match expression:
        case FunctionCall(arguments=arguments) | AggregateCall(arguments=arguments) | WindowCall(arguments=arguments):
            return arguments
        case Conversion(operand=operand) | InSubquery(operand=operand):
            return (operand,)
        case _:
            return ()


def bottom_up(expressions: Iterable[BoundExpression], known: Container[int] = frozenset()) -> Iterator[BoundExpression]:
    """Yield every node of some expressions once, operands first; without recursion, for deep ones.

    Those of `known` identities are left out, with all below them.
    """
    seen: set[int] = set()
    for expression in expressions:
        if isinstance(expression, ColumnReference):
            # Most of what a wide projection has.
            if id(expression) not in seen and id(expression) not in known:
                seen.add(id(expression))
                yield expression
            continue
        waiting: list[tuple[BoundExpression, bool]] = [(expression, False)]
        while waiting:
            node, is_ready = waiting.pop()
            if is_ready:
                yield node
            elif id(node) not in seen and id(node) not in known:
                seen.add(id(node))
                waiting.append((node, True))
                waiting += [(each, False) for each in reversed(children(node))]


def rewritten(
    expression: BoundExpression, change: Callable[[BoundExpression], BoundExpression | None]
) -> BoundExpression:
    """Return an expression with every node replaced for which `change` returns another."""
    known: dict[int, BoundExpression] = {}

    def rewrite(node: BoundExpression) -> BoundExpression:
        if id(node) not in known:
            known[id(node)] = change(node) or with_children(node, tuple(map(rewrite, children(node))))
        return known[id(node)]

    return rewrite(expression)


def with_children(expression: BoundExpression, operands: tuple[BoundExpression, ...]) -> BoundExpression:
    """Return an expression over other operands, the same one if they are."""
    if all(new is old for new, old in zip(operands, children(expression), strict=True)):
        return expression
    match expression:
        case FunctionCall() | AggregateCall() | WindowCall():
            return replace(expression, arguments=operands)
        case Conversion() | InSubquery():
            return replace(expression, operand=operands[0])
        case _:
            return expression


def has_window(expression: BoundExpression) -> bool:
    """Tell whether a window call stands anywhere in an expression."""
    return bool(expression.traits & WINDOWS)


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
    if not has_window(expression):
        return
    nodes: Iterable[BoundExpression] = bottom_up((expression,))
    if not liftable:
        windows = [node for node in nodes if isinstance(node, WindowCall)]
        nodes = bottom_up(argument for window in windows for argument in window.arguments)
    for node in nodes:
        if isinstance(node, WindowCall) and not any(map(has_window, children(node))):
            yield node
