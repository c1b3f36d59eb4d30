"""What an expression is, whatever its place in the text: two that are written twice alike are one."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from emulator.binder.expression import (
    AggregateCall,
    BoundExpression,
    ColumnReference,
    Constant,
    Conversion,
    CurrentTime,
    FunctionCall,
    InSubquery,
    QueryParameter,
    ScalarSubquery,
    WindowCall,
)
from emulator.binder.plan import Plan


@dataclass(frozen=True, slots=True)
class Facts:
    """What the passes ask of an expression.

    `key` is equal for equal expressions. `is_invariant`: it has one value for all rows; `reads_request`: that value
    may differ between requests; `is_timeless`: only by the parameters that a client sends. `calls` says how much it
    takes to write it down.
    """

    key: int
    is_invariant: bool
    reads_request: bool
    has_subquery: bool
    is_timeless: bool
    calls: int


class Expressions:
    """The expressions of one query, each looked at once; `is_separate` tells which subplans may run on their own."""

    def __init__(self, is_separate: Callable[[Plan], bool]) -> None:
        self._is_separate = is_separate
        # The expression is kept too, so that no other one gets its identity.
        self._facts: dict[int, tuple[BoundExpression, Facts]] = {}
        self._keys: dict[tuple[object, ...], int] = {}

    def facts(self, expression: BoundExpression) -> Facts:
        """Return what is known of an expression."""
        known = self._facts.get(id(expression))
        if known is None:
            known = expression, self._look_at(expression)
            self._facts[id(expression)] = known
        return known[1]

    def _look_at(self, expression: BoundExpression) -> Facts:
        match expression:
            case ColumnReference(name, _, _, side):
                return Facts(self._key("column", name, side), False, False, False, False, 0)
            case Constant(value, type_):
                return Facts(self._key("constant", type(value), repr(value), type_), True, False, False, True, 0)
            case QueryParameter(name):
                return Facts(self._key("parameter", name), True, True, False, True, 0)
            case CurrentTime():
                return Facts(self._key("now"), True, True, False, False, 0)
            case ScalarSubquery(plan):
                return Facts(self._key("scalar", id(plan)), self._is_separate(plan), True, True, False, 1)
            case InSubquery(operand, plan, negated, ignore_case):
                inner = self.facts(operand)
                key = self._key("in", inner.key, id(plan), negated, ignore_case)
                return Facts(key, inner.is_invariant and self._is_separate(plan), True, True, False, inner.calls + 1)
            case Conversion(operand, type_):
                inner = self.facts(operand)
                key = self._key("conversion", inner.key, type_)
                return replace(inner, key=key)
            case FunctionCall(function, signature, arguments, type_, output=output):
                identity = ("call", id(function), id(signature), type_, output)
                return self._call(identity, arguments, is_function=function.deterministic)
            case AggregateCall(aggregate, signature, arguments, output=output):
                return self._call(("aggregate", id(aggregate), id(signature), output), arguments, is_function=False)
            case WindowCall(function, signature, arguments):
                return self._call(("window", id(function), id(signature)), arguments, is_function=False)

    def _call(
        self, identity: tuple[object, ...], arguments: tuple[BoundExpression, ...], *, is_function: bool
    ) -> Facts:
        inner = tuple(map(self.facts, arguments))
        return Facts(
            self._key(*identity, *(each.key for each in inner)),
            is_function and all(each.is_invariant for each in inner),
            any(each.reads_request for each in inner),
            any(each.has_subquery for each in inner),
            is_function and all(each.is_timeless for each in inner),
            1 + sum(each.calls for each in inner),
        )

    def _key(self, *identity: object) -> int:
        return self._keys.setdefault(identity, len(self._keys))


def is_cheap(expression: BoundExpression) -> bool:
    """Tell whether an expression is a value at hand: a literal, a parameter or the time, possibly converted."""
    match expression:
        case Constant() | QueryParameter() | CurrentTime():
            return True
        case Conversion(operand=operand):
            return is_cheap(operand)
        case _:
            return False
