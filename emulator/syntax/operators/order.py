"""Operators that sort, cut off, and read rows in their order."""

from dataclasses import dataclass

from emulator.syntax.expressions import Expression, Name
from emulator.syntax.operators.parts import ColumnDeclaration, OrderKey, Projection
from emulator.text import Span


@dataclass(frozen=True, slots=True)
class Sort:
    """`sort by` / `order by`."""

    keys: tuple[OrderKey, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Top:
    """`top n by key`."""

    count: Expression
    keys: tuple[OrderKey, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Take:
    """`take n` / `limit n`."""

    count: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Sample:
    """`sample n`."""

    count: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class SampleDistinct:
    """`sample-distinct n of column`."""

    count: Expression
    column: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Serialize:
    """`serialize [extend columns]`."""

    columns: tuple[Projection, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ScanStep:
    """`step name [output = all|last|none]: condition => a = x, b = y;`."""

    name: Name
    optional: bool
    output: str
    condition: Expression
    assignments: tuple[Projection, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ScanDeclaration:
    """`name: type = default` in `scan declare (...)`."""

    column: ColumnDeclaration
    default: Expression | None


@dataclass(frozen=True, slots=True)
class Scan:
    """`scan [with_match_id=Id] [declare (…)] with ( steps )`; sorting and partitioning come from the pipeline."""

    match_id: Name | None
    declarations: tuple[ScanDeclaration, ...]
    steps: tuple[ScanStep, ...]
    span: Span
