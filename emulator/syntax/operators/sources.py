"""What a pipeline begins with."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.syntax.expressions import Call, Expression, Name
from emulator.syntax.operators.parts import ColumnDeclaration, Projection
from emulator.syntax.operators.pipeline import Pipeline
from emulator.text import Span

if TYPE_CHECKING:
    from emulator.syntax.operators.combine import Union


@dataclass(frozen=True, slots=True)
class NameSource:
    """A table, view, tabular `let` or parameterless function by name."""

    name: Name
    span: Span


@dataclass(frozen=True, slots=True)
class CallSource:
    """`F(1, 2)`, `table("T")`, `materialized_view("V")`, `materialize(q)` as a source."""

    call: Call
    span: Span


@dataclass(frozen=True, slots=True)
class ParenthesisSource:
    """`( pipeline )`."""

    pipeline: Pipeline
    span: Span


@dataclass(frozen=True, slots=True)
class Datatable:
    """`datatable(a:int, b:string)[1, "x", …]`; values in row order, not yet grouped."""

    columns: tuple[ColumnDeclaration, ...]
    values: tuple[Expression, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class RangeSource:
    """`range x from a to b step c`."""

    name: Name
    start: Expression
    stop: Expression
    step: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class PrintSource:
    """`print a = 1, 2`."""

    columns: tuple["Projection", ...]
    span: Span


@dataclass(frozen=True, slots=True)
class UnionSource:
    """`union kind=outer withsource=T isfuzzy=true A, (B | where …)` at the head of a pipeline."""

    operator: "Union"
    span: Span


@dataclass(frozen=True, slots=True)
class Unparsed:
    """An operator this grammar knows by name only (`reduce`, `make-graph`, …); the binder refuses it by name."""

    keyword: str
    span: Span
