"""Operators with pipelines of their own: joins, unions, partitions."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.syntax.expressions import Expression, Name
from emulator.syntax.operators.parts import ColumnPattern, Option
from emulator.syntax.operators.pipeline import Pipeline
from emulator.text import Span

if TYPE_CHECKING:
    from emulator.syntax.operators import Operator


@dataclass(frozen=True, slots=True)
class Join:
    """`join kind=inner (right) on A, $left.B == $right.C`."""

    kind: str
    right: Pipeline
    on: tuple[Expression, ...]
    options: tuple[Option, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Lookup:
    """`lookup kind=leftouter (right) on A`."""

    kind: str
    right: Pipeline
    on: tuple[Expression, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Union:
    """`union …`; a table name with `*` is a pattern kept in `patterns`."""

    kind: str
    with_source: Name | None
    is_fuzzy: bool
    tables: tuple[Pipeline, ...]
    patterns: tuple[ColumnPattern, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Partition:
    """`partition [hint.strategy=…] by Column ( operators )` or `{ pipeline }`."""

    column: Expression
    subquery: tuple["Operator", ...]
    pipeline: Pipeline | None
    options: tuple[Option, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Fork:
    """`fork name=(…) (…)`."""

    branches: tuple[tuple[Name | None, tuple["Operator", ...]], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Facet:
    """`facet by A, B [with ( operators )]`."""

    columns: tuple[Name, ...]
    subquery: tuple["Operator", ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Search:
    """`search [in (tables)] [kind=…] predicate`."""

    predicate: Expression
    tables: tuple[ColumnPattern, ...]
    span: Span
    kind: str = "default"
