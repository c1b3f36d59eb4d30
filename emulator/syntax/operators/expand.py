"""Operators that make rows of a row, and those that call functions and plugins."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.syntax.expressions import Call, Expression, Name
from emulator.syntax.operators.parts import ColumnDeclaration
from emulator.text import Span
from emulator.types import Scalar

if TYPE_CHECKING:
    from emulator.syntax.operators import Operator


@dataclass(frozen=True, slots=True)
class MvColumn:
    """`[Name =] expression [to typeof(type)]` of mv-expand and mv-apply."""

    name: Name | None
    expression: Expression
    to_type: Scalar | None
    span: Span


@dataclass(frozen=True, slots=True)
class MvExpand:
    """`mv-expand [bagexpansion=…] [with_itemindex=I] a, b [limit n]`."""

    columns: tuple[MvColumn, ...]
    item_index: Name | None
    bag_expansion: str
    limit: Expression | None
    span: Span


@dataclass(frozen=True, slots=True)
class MvApply:
    """`mv-apply [with_itemindex=I] a, b [limit n] on ( operators )`; `subquery` has no source of its own."""

    columns: tuple[MvColumn, ...]
    item_index: Name | None
    limit: Expression | None
    subquery: tuple["Operator", ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Invoke:
    """`invoke F(args)`: the input becomes the first, tabular argument."""

    call: Call
    span: Span


@dataclass(frozen=True, slots=True)
class Evaluate:
    """`evaluate plugin(args) [: (schema)]`; also a source when the pipeline starts with it.

    `keeps_input` stands for a `*` in the schema: the input's columns come first.
    """

    call: Call
    schema: tuple[ColumnDeclaration, ...] | None
    span: Span
    keeps_input: bool = False
