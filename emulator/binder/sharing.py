"""What the binding of one query shares: how much it may take, and the calls of functions that it has bound already."""

from collections.abc import Hashable, Iterable

from emulator.binder.expression import (
    AggregateCall,
    BoundExpression,
    ColumnReference,
    Constant,
    FunctionCall,
    InSubquery,
    QueryParameter,
    ScalarSubquery,
    WindowCall,
)
from emulator.binder.walk import bottom_up, children
from emulator.errors import QueryTooComplex
from emulator.work import check_work

# Calls and columns of one query: a text of 2 MB has no more, unless its functions repeat them. They take about 10 s.
MAX_NODES = 400_000


class Effort:
    """What binding a query has taken so far."""

    def __init__(self) -> None:
        self._nodes = 0

    def spend(self, nodes: int = 1) -> None:
        """Count calls and columns, or raise QueryTooComplex, or the fault of the work that has to end."""
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise QueryTooComplex(
                f"The query is too complex: written out, it has more than {MAX_NODES:,} calls and columns",
                "E_QUERY_TOO_COMPLEX",
                hint="functions that call others several times multiply; let a `let` hold a result",
            )
        check_work()


class Numbers:
    """Expressions by number, those alike under one, wherever they stand in the text."""

    def __init__(self) -> None:
        self._of_node: dict[int, int] = {}
        self._of_key: dict[Hashable, int] = {}
        # The nodes asked for are kept, so that no other one gets their identity.
        self._kept: list[BoundExpression] = []

    def of(self, expression: BoundExpression) -> int:
        """Return the number of an expression."""
        if id(expression) not in self._of_node:
            self._kept.append(expression)
            for node in self._new(expression):
                key = _own(node), node.type, tuple(self._of_node[id(each)] for each in children(node))
                self._of_node[id(node)] = self._of_key.setdefault(key, len(self._of_key))
        return self._of_node[id(expression)]

    def _new(self, expression: BoundExpression) -> Iterable[BoundExpression]:
        return bottom_up((expression,), self._of_node)


def _own(node: BoundExpression) -> Hashable:
    """Return what tells a node from others of its type over the same operands."""
    match node:
        case FunctionCall(function, signature, output=output):
            return function.name, id(signature), output
        case AggregateCall(aggregate, signature, output=output):
            return aggregate.name, id(signature), output
        case WindowCall(window, signature):
            return window.name, id(signature)
        case ColumnReference(name, side=side):
            return name, side
        case QueryParameter(name):
            return name
        case Constant(value):
            return type(value), repr(value)
        case ScalarSubquery(plan):
            return id(plan)
        case InSubquery(_, plan, negated, ignore_case):
            return id(plan), negated, ignore_case
        case _:
            return type(node).__name__
