"""Values that a request's parameters alone decide, such as the bounds of a range: computed once, in a row of their own.

A function's lets stand at every place that names them, so that one request may hold the same bound twenty times over;
DuckDB binds and folds each of them anew, for about twenty microseconds an operator. By this the rolling average over
60,000 rows takes 0.93 of the CPU, volatility and daily range 0.96 (2026-11-29).
"""

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace

from emulator.binder.expression import (
    BoundExpression,
    ColumnReference,
    Constant,
    Conversion,
    CurrentTime,
    FunctionCall,
    InSubquery,
    QueryParameter,
    ScalarSubquery,
)
from emulator.binder.plan import OneRow, Plan, Project
from emulator.binder.walk import children, rewritten
from emulator.functions.function import Function
from emulator.optimize.walk import mapped
from emulator.text import NOWHERE
from emulator.types import Column, Scalar, Schema

# Scalars that pass exactly from the result of one statement to a parameter of another.
_PASSING = frozenset(
    {Scalar.BOOL, Scalar.INT, Scalar.LONG, Scalar.REAL, Scalar.STRING, Scalar.DATETIME, Scalar.TIMESPAN}
)
# Another statement takes one to two milliseconds, as long as to bind and fold what some 35 calls become (2026-11-29).
_WORTH = 40


@dataclass(frozen=True, slots=True)
class Separated:
    """A plan, and the plan of one row whose columns are the parameters that the first has more; None: it has none."""

    plan: Plan
    values: Plan | None = None


def separated(plan: Plan, separate: Iterable[Plan] = ()) -> Separated:
    """Take what parameters alone decide out of a plan, where that spares more than it takes.

    A deep plan is gone through in the steps that it is `separate` in.
    """
    expressions = _Expressions()
    taking = _Taking(expressions)
    for each in separate:
        taking.plan(each)
    rest = taking.plan(plan)
    return Separated(rest, expressions.as_row()) if expressions.spared >= _WORTH else Separated(plan)


class _Taking:
    def __init__(self, expressions: "_Expressions") -> None:
        self._expressions = expressions
        # The plans asked for are kept too, so that no other one gets their identity.
        self._known: dict[int, tuple[Plan, Plan]] = {}
        self._asking: dict[int, bool | None] = {}

    def plan(self, plan: Plan) -> Plan:
        if id(plan) not in self._known:
            self._known[id(plan)] = plan, mapped(plan, self.plan, self._expression)
        return self._known[id(plan)][1]

    def _expression(self, expression: BoundExpression) -> BoundExpression:
        return expression if isinstance(expression, ColumnReference) else rewritten(expression, self._change)

    def _change(self, node: BoundExpression) -> BoundExpression | None:
        match node:
            case ScalarSubquery(plan):
                return replace(node, plan=self.plan(plan))
            case InSubquery(operand, plan):
                return replace(node, operand=self._expression(operand), plan=self.plan(plan))
            case FunctionCall() | Conversion() if self._asks(node):
                is_passing = node.type.scalar in _PASSING and not node.type.is_typed_list
                return self._expressions.parameter(node) if is_passing else None
            case _:
                return None

    def _asks(self, expression: BoundExpression) -> bool | None:
        """Tell whether an expression asks for values of the request; None where it asks for anything else too."""
        # Every operand is met again and again on the way down.
        if id(expression) not in self._asking:
            self._asking[id(expression)] = self._asks_anew(expression)
        return self._asking[id(expression)]

    def _asks_anew(self, expression: BoundExpression) -> bool | None:
        match expression:
            case Constant():
                return False
            case QueryParameter() | CurrentTime():
                return True
            case Conversion() | FunctionCall(function=Function(deterministic=True)):
                answers = [self._asks(each) for each in children(expression)]
                return None if None in answers else any(answers)
            case _:
                return None


class _Expressions:
    """Expressions by number, those alike under one; operands have smaller numbers than what they are in."""

    def __init__(self) -> None:
        self.spared = 0
        self._numbers: dict[Hashable, int] = {}
        self._expressions: list[tuple[BoundExpression, tuple[int, ...]]] = []
        self._uses: Counter[int] = Counter()
        self._taken: dict[int, Column] = {}

    def parameter(self, expression: BoundExpression) -> QueryParameter:
        """Return the parameter that an expression is now."""
        number = self._number(expression)
        # Names of declared parameters never begin like this.
        column = self._taken.setdefault(number, Column(f"$value_{len(self._taken)}", expression.type))
        return QueryParameter(column.name, column.type, expression.span)

    def as_row(self) -> Plan:
        """Return the row of what was taken; what several values need is a column below them."""
        shared = {
            number: Column(f"$shared_{number}", expression.type)
            for number, (expression, operands) in enumerate(self._expressions)
            if operands and self._uses[number] + (number in self._taken) > 1
        }
        depths: list[int] = []
        for _, operands in self._expressions:
            depths.append(max((depths[each] + (each in shared) for each in operands), default=0))
        plan: Plan = OneRow(Schema(()))
        for depth in sorted({depths[number] for number in shared}):
            below = {number: column for number, column in shared.items() if depths[number] < depth}
            here = {number: column for number, column in shared.items() if depths[number] == depth}
            columns = {**below, **here}
            plan = self._project(plan, columns, below)
        return self._project(plan, self._taken, shared)

    def _project(self, plan: Plan, columns: dict[int, Column], below: dict[int, Column]) -> Plan:
        return Project(plan, Schema(tuple(columns.values())), tuple(self._over(each, below) for each in columns))

    def _over(self, number: int, columns: dict[int, Column]) -> BoundExpression:
        if number in columns:
            return ColumnReference(columns[number].name, columns[number].type, NOWHERE)
        expression, operands = self._expressions[number]
        inner = tuple(self._over(each, columns) for each in operands)
        match expression:
            case FunctionCall():
                return replace(expression, arguments=inner)
            case Conversion():
                return replace(expression, operand=inner[0])
            case _:
                return expression

    def _number(self, expression: BoundExpression) -> int:
        operands = tuple(map(self._number, children(expression)))
        key = _own(expression), expression.type, operands
        found = self._numbers.get(key)
        if found is not None:
            self.spared += bool(operands)
            return found
        self._numbers[key] = len(self._expressions)
        self._expressions.append((expression, operands))
        self._uses.update(operands)
        return self._numbers[key]


def _own(expression: BoundExpression) -> Hashable:
    """Return what tells an expression from others of its type over the same operands."""
    match expression:
        case FunctionCall(function, output=output):
            return function.name, output
        case QueryParameter(name):
            return name
        case Constant(value):
            return repr(value)
        case _:
            return type(expression).__name__
