"""Bound scalar expressions: every node knows its type and its place; no name is left to resolve."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from emulator.functions.function import (
    Aggregate,
    AggregateSignature,
    Function,
    Signature,
    WindowFunction,
    WindowSignature,
)
from emulator.text import Span
from emulator.types import KqlType

if TYPE_CHECKING:
    from emulator.binder.plan import Plan


@dataclass(frozen=True, slots=True)
class ColumnReference:
    """A column of the input by its exact name; `side` is 1 for the right input of a join, else 0."""

    name: str
    type: KqlType
    span: Span
    side: int = 0


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal value of `type`.

    `value`: bool, int, float, Decimal, str; datetime.datetime (naive UTC) for datetime; int ticks for timespan; str for
    guid; for dynamic the JSON text, or a tuple of element values where `type.element` is set; None for null.
    """

    value: object
    type: KqlType
    span: Span


@dataclass(frozen=True, slots=True)
class QueryParameter:
    """A declared query parameter, bound as a value at execution."""

    name: str
    type: KqlType
    span: Span


@dataclass(frozen=True, slots=True)
class CurrentTime:
    """`now()`: one instant per request, bound as a value at execution."""

    type: KqlType
    span: Span


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


@dataclass(frozen=True, slots=True)
class AggregateCall:
    """One output of an aggregate call; stands only inside `plan.Aggregate` and `plan.MakeSeries`."""

    aggregate: Aggregate
    signature: AggregateSignature
    arguments: tuple["BoundExpression", ...]
    type: KqlType
    span: Span
    output: int = 0


@dataclass(frozen=True, slots=True)
class WindowCall:
    """`prev`, `next`, `row_number`, `row_cumsum`, …: reads neighbours in the serialized order of the input."""

    function: WindowFunction
    signature: WindowSignature
    arguments: tuple["BoundExpression", ...]
    type: KqlType
    span: Span


@dataclass(frozen=True, slots=True)
class Conversion:
    """An implicit change of type or representation: int to long, long to real, typed list to JSON, ..."""

    operand: "BoundExpression"
    type: KqlType
    span: Span


@dataclass(frozen=True, slots=True)
class ScalarSubquery:
    """`toscalar(q)`: the first column of the first row, null without rows."""

    plan: "Plan"
    type: KqlType
    span: Span


@dataclass(frozen=True, slots=True)
class InSubquery:
    """`x in (q)`: membership in the first column of a tabular expression; case-insensitive for `in~`."""

    operand: "BoundExpression"
    plan: "Plan"
    negated: bool
    ignore_case: bool
    type: KqlType
    span: Span


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
