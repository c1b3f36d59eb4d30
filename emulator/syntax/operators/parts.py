"""Parts that several operators share."""

from dataclasses import dataclass

from emulator.syntax.expressions import Expression, Name
from emulator.text import Span
from emulator.types import Scalar


@dataclass(frozen=True, slots=True)
class ColumnDeclaration:
    """`Name: type` in datatable, functions, tables, parse and externaldata."""

    name: Name
    type: Scalar
    span: Span


@dataclass(frozen=True, slots=True)
class Projection:
    """`expression`, `Name = expression`, or `(A, B) = expression`; `names` is empty when none is written."""

    names: tuple[Name, ...]
    expression: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class OrderKey:
    """`expression [asc|desc] [nulls first|last]`; None where not written."""

    expression: Expression
    ascending: bool | None
    nulls_first: bool | None
    span: Span


@dataclass(frozen=True, slots=True)
class ColumnPattern:
    """`Name` or `Prefix*` in project-away, project-keep, project-reorder; `ascending` only for reorder."""

    text: str
    is_pattern: bool
    ascending: bool | None
    span: Span


@dataclass(frozen=True, slots=True)
class Option:
    """`hint.strategy = x`, `kind = inner`: a name and a literal or identifier text."""

    name: str
    value: str
    span: Span
