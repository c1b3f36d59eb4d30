"""Bound scalar expressions: every node knows its type and its place; no name is left to resolve.

An expression that a `let` names stands at every place that reads it as the same object: a node may have many parents.
What is asked of whole expressions again and again is therefore known by each node (`traits`), not searched for.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from emulator.functions.function import (
    Aggregate,
    AggregateSignature,
    Function,
    OutputNames,
    Signature,
    WindowFunction,
    WindowSignature,
)
from emulator.text import Span
from emulator.types import KqlType

if TYPE_CHECKING:
    from emulator.binder.plan import Plan

# What stands in an expression, itself included: a column, or what is computed from several rows; a function that
# differs each time; a window call; anything but literals and arithmetic on them; a subquery.
COLUMNS, VOLATILE, WINDOWS, NOT_FOLDED, SUBQUERIES = 1, 2, 4, 8, 16

_FOLDED = frozenset({"+", "-", "*", "/"})


def _joined(operands: Iterable["BoundExpression"]) -> int:
    traits = 0
    for operand in operands:
        traits |= operand.traits
    return traits


@dataclass(frozen=True, slots=True)
class ColumnReference:
    """A column of the input by its exact name; `side` is 1 for the right input of a join, else 0."""

    name: str
    type: KqlType
    span: Span
    side: int = 0
    traits: ClassVar[int] = COLUMNS | NOT_FOLDED


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal value of `type`.

    `value`: bool, int, float, Decimal, str; datetime.datetime (naive UTC) for datetime; int ticks for timespan; str for
    guid; for dynamic the JSON text, or a tuple of element values where `type.element` is set; None for null.
    """

    value: object
    type: KqlType
    span: Span
    traits: ClassVar[int] = 0


@dataclass(frozen=True, slots=True)
class QueryParameter:
    """A declared query parameter, bound as a value at execution."""

    name: str
    type: KqlType
    span: Span
    traits: ClassVar[int] = NOT_FOLDED


@dataclass(frozen=True, slots=True)
class CurrentTime:
    """`now()`: one instant per request, bound as a value at execution."""

    type: KqlType
    span: Span
    traits: ClassVar[int] = NOT_FOLDED


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A call of a catalogue function; operators are catalogue functions too, under their KQL symbol.

    `output` picks one field, `o0`, `o1`, …, of the STRUCT that a function with several outputs yields.
    """

    function: Function
    signature: Signature
    arguments: tuple["BoundExpression", ...]
    type: KqlType
    span: Span
    output: int | None = None
    traits: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Find out what stands in it."""
        own = 0 if self.function.deterministic else VOLATILE
        own |= 0 if self.function.name in _FOLDED else NOT_FOLDED
        object.__setattr__(self, "traits", own | _joined(self.arguments))


@dataclass(frozen=True, slots=True)
class AggregateCall:
    """One output of an aggregate call; stands only inside `plan.Aggregate` and `plan.MakeSeries`."""

    aggregate: Aggregate
    signature: AggregateSignature
    arguments: tuple["BoundExpression", ...]
    type: KqlType
    span: Span
    output: int = 0
    traits: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Find out what stands in it."""
        object.__setattr__(self, "traits", COLUMNS | NOT_FOLDED | _joined(self.arguments))

    def alone(self) -> "AggregateCall":
        """Return one output of an aggregate that has one per argument without the arguments of the others."""
        if self.aggregate.naming is not OutputNames.ARGUMENTS or len(self.arguments) == 1:
            return self
        first, own = self.arguments[0], self.arguments[self.output]
        arguments = (first, own) if self.output else (first,)
        return replace(self, arguments=arguments, output=min(self.output, 1))


@dataclass(frozen=True, slots=True)
class WindowCall:
    """`prev`, `next`, `row_number`, `row_cumsum`, …: reads neighbours in the serialized order of the input."""

    function: WindowFunction
    signature: WindowSignature
    arguments: tuple["BoundExpression", ...]
    type: KqlType
    span: Span
    traits: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Find out what stands in it."""
        object.__setattr__(self, "traits", COLUMNS | WINDOWS | NOT_FOLDED | _joined(self.arguments))


@dataclass(frozen=True, slots=True)
class Conversion:
    """An implicit change of type or representation: int to long, long to real, typed list to JSON, ..."""

    operand: "BoundExpression"
    type: KqlType
    span: Span
    traits: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Find out what stands in it."""
        object.__setattr__(self, "traits", self.operand.traits)


@dataclass(frozen=True, slots=True)
class ScalarSubquery:
    """`toscalar(q)`: the first column of the first row, null without rows."""

    plan: "Plan"
    type: KqlType
    span: Span
    traits: ClassVar[int] = NOT_FOLDED | SUBQUERIES


@dataclass(frozen=True, slots=True)
class InSubquery:
    """`x in (q)`: membership in the first column of a tabular expression; case-insensitive for `in~`."""

    operand: "BoundExpression"
    plan: "Plan"
    negated: bool
    ignore_case: bool
    type: KqlType
    span: Span
    traits: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Find out what stands in it."""
        object.__setattr__(self, "traits", NOT_FOLDED | SUBQUERIES | self.operand.traits)


BoundExpression: TypeAlias = (
    ColumnReference
    | Constant
    | QueryParameter
    | CurrentTime
    | FunctionCall
    | AggregateCall
    | WindowCall
    | Conversion
    | ScalarSubquery
    | InSubquery
)
