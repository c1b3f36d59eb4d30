"""AST of scalar expressions: syntax only; no name is resolved and no type is known here."""

from dataclasses import dataclass
from typing import TypeAlias

from emulator.text import Span
from emulator.types import Scalar


@dataclass(frozen=True, slots=True)
class Name:
    """`Symbol`, `['a column']`; `text` is the name without quoting."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal of a known type.

    `value` is a Python value: bool, int, float, Decimal, str, int ticks for timespan, ISO text or None for datetime
    (`datetime(2026-01-05)` keeps its text; the binder reads it), lower-case text for guid, and the JSON text for
    dynamic. None is the typed null (`int(null)`).
    """

    type: Scalar
    value: object
    span: Span


@dataclass(frozen=True, slots=True)
class DynamicLiteral:
    """`dynamic(...)`; `text` is what stands between the parentheses, still to be read as JSON with KQL literals."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x`, `+x`."""

    operator: str
    operand: "Expression"
    span: Span


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic, comparison, logic and string operators.

    `operator` is the text in lower case: `+ - * / % == != < <= > >= and or =~ !~ has !has contains_cs startswith …`
    and `matches regex`; `has_any`, `in`, `between` have nodes of their own.
    """

    operator: str
    left: "Expression"
    right: "Expression"
    operator_span: Span
    span: Span


@dataclass(frozen=True, slots=True)
class InList:
    """`x in (a, b)`, and `!in`, `in~`, `!in~`, `has_any`, `has_all`; one element may be a tabular expression."""

    operator: str
    operand: "Expression"
    elements: tuple["Expression | SubqueryExpression", ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Between:
    """`x between (low .. high)` and `!between`."""

    operand: "Expression"
    low: "Expression"
    high: "Expression"
    negated: bool
    span: Span


@dataclass(frozen=True, slots=True)
class NamedArgument:
    """`name = value` inside a call (`with_source = …`, plugin and series options) or in a projection list."""

    name: Name
    value: "Expression"
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """`f(a, b)`; arguments may be tabular for user functions, `toscalar` and `materialize`."""

    name: Name
    arguments: tuple["Expression | NamedArgument | Star | SubqueryExpression", ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Path:
    """`x.member`."""

    operand: "Expression"
    member: Name
    span: Span


@dataclass(frozen=True, slots=True)
class Index:
    """`x[0]`, `x["key"]`, `x[expr]`."""

    operand: "Expression"
    index: "Expression"
    span: Span


@dataclass(frozen=True, slots=True)
class Star:
    """`*` as an argument (`arg_max(t, *)`, `count(*)`, `* has "x"`)."""

    span: Span


@dataclass(frozen=True, slots=True)
class SubqueryExpression:
    """A tabular expression where a scalar list or a tabular argument may stand; `query` is a `statements.Pipeline`."""

    query: object
    span: Span


Expression: TypeAlias = (
    Name
    | Literal
    | DynamicLiteral
    | Unary
    | Binary
    | InList
    | Between
    | NamedArgument
    | Call
    | Path
    | Index
    | Star
    | SubqueryExpression
)
