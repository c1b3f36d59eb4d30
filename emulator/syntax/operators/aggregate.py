"""Operators that make one row of many."""

from dataclasses import dataclass

from emulator.syntax.expressions import Expression, Name
from emulator.syntax.operators.parts import Option, Projection
from emulator.text import Span


@dataclass(frozen=True, slots=True)
class Summarize:
    """`summarize aggregates by keys`; `by` is None when the word is absent."""

    aggregates: tuple[Projection, ...]
    by: tuple[Projection, ...] | None
    options: tuple[Option, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Distinct:
    """`distinct a, b` or `distinct *` (a single Star expression)."""

    columns: tuple[Projection, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class TopNestedLevel:
    """`n of expression [with others = x] by aggregate`."""

    count: Expression | None
    column: Projection
    others: Expression | None
    by: Projection
    by_ascending: bool | None
    span: Span


@dataclass(frozen=True, slots=True)
class TopNested:
    """`top-nested …`."""

    levels: tuple[TopNestedLevel, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Count:
    """`count [as Name]`."""

    name: Name | None
    span: Span


@dataclass(frozen=True, slots=True)
class MakeSeriesAggregate:
    """`[Name =] aggregate [default = value]`."""

    names: tuple[Name, ...]
    aggregate: Expression
    default: Expression | None
    span: Span


@dataclass(frozen=True, slots=True)
class MakeSeries:
    """`make-series … on axis [from a] [to b] step c [by keys]`; `in range(a, b, c)` fills the same fields, closed."""

    aggregates: tuple[MakeSeriesAggregate, ...]
    axis: Projection
    start: Expression | None
    stop: Expression | None
    step: Expression
    stop_inclusive: bool
    by: tuple[Projection, ...]
    options: tuple[Option, ...]
    span: Span
