"""Operators that change columns or drop rows, one row from one."""

from dataclasses import dataclass

from emulator.syntax.expressions import DynamicLiteral, Expression, Literal, Name
from emulator.syntax.operators.parts import ColumnDeclaration, ColumnPattern, Projection
from emulator.text import Span


@dataclass(frozen=True, slots=True)
class Where:
    """`where predicate` (also `filter`)."""

    predicate: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Extend:
    """`extend …`."""

    columns: tuple[Projection, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Project:
    """`project …`."""

    columns: tuple[Projection, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ProjectAway:
    """`project-away A, B*`."""

    patterns: tuple[ColumnPattern, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ProjectKeep:
    """`project-keep A, B*`."""

    patterns: tuple[ColumnPattern, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ProjectRename:
    """`project-rename New = Old`."""

    columns: tuple[Projection, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ProjectReorder:
    """`project-reorder A, B* desc`."""

    patterns: tuple[ColumnPattern, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ProjectByNames:
    """`project-by-names dynamic([...])` or column lists computed at bind time."""

    arguments: tuple[Expression, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ParsePart:
    """One part of a parse pattern: a string, a column with a type, or `*` (both None)."""

    text: str | None
    column: ColumnDeclaration | None
    span: Span


@dataclass(frozen=True, slots=True)
class Parse:
    """`parse [kind=regex|simple|relaxed [flags=…]] expression with parts`; `where_matches` for parse-where."""

    kind: str
    flags: str
    expression: Expression
    parts: tuple[ParsePart, ...]
    where_matches: bool
    span: Span


@dataclass(frozen=True, slots=True)
class ParseKv:
    """`parse-kv expression as (columns) with (pair_delimiter = …, …)`."""

    expression: Expression
    columns: tuple[ColumnDeclaration, ...]
    options: tuple[tuple[str, Expression], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Getschema:
    """`getschema`."""

    span: Span


@dataclass(frozen=True, slots=True)
class As:
    """`as [hint.materialized=true] Name`."""

    name: Name
    span: Span


@dataclass(frozen=True, slots=True)
class Render:
    """`render kind with (property = value)`."""

    kind: str
    properties: tuple[tuple[str, Literal | DynamicLiteral | Name | tuple[Name, ...]], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Consume:
    """`consume`."""

    span: Span
