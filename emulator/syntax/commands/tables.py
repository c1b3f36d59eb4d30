"""Commands that define, change and empty tables, and those that rename and drop any entity."""

from dataclasses import dataclass

from emulator.syntax.commands.parts import DefineVerb, Entity, EntityKind, Properties
from emulator.syntax.expressions import Name
from emulator.syntax.operators import ColumnDeclaration
from emulator.syntax.statements import Query
from emulator.text import Span
from emulator.types import Scalar


@dataclass(frozen=True, slots=True)
class TableDefinition:
    """`T (a: int, b: string)`."""

    name: Name
    columns: tuple[ColumnDeclaration, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class DefineTables:
    """`.create table`, `.create tables`, `.create-merge table(s)`, `.alter table`, `.alter-merge table`."""

    verb: DefineVerb
    tables: tuple[TableDefinition, ...]
    properties: Properties
    span: Span


@dataclass(frozen=True, slots=True)
class DropEntities:
    """`.drop table(s)`, `.drop function(s)`, `.drop materialized-view(s)`."""

    kind: EntityKind
    names: tuple[Name, ...]
    if_exists: bool
    span: Span


@dataclass(frozen=True, slots=True)
class RenameEntities:
    """`.rename table A to B`, `.rename tables B = A, …`, `.rename column T.A to B`, `.rename materialized-view A to B`.

    `renames` holds (old, new) pairs, done as one step; old columns are qualified by their table.
    """

    kind: EntityKind
    renames: tuple[tuple[Entity, Name], ...]
    properties: Properties
    span: Span


@dataclass(frozen=True, slots=True)
class SetEntityText:
    """`.alter table|function|materialized-view|column X docstring|folder "…"`; `field` is `docstring` or `folder`."""

    entity: Entity
    field: str
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class SetColumnDocstrings:
    """`.alter[-merge] table T column-docstrings (A: "…", …)`; without merge, columns not named lose theirs."""

    table: Name
    docstrings: tuple[tuple[Name, str], ...]
    merge: bool
    span: Span


@dataclass(frozen=True, slots=True)
class AlterColumnType:
    """`.alter column T.C type = x`."""

    table: Name
    column: Name
    type: Scalar
    span: Span


@dataclass(frozen=True, slots=True)
class DropColumns:
    """`.drop column T.C`, `.drop table T columns (A, B)`."""

    table: Name
    columns: tuple[Name, ...]
    if_exists: bool
    span: Span


@dataclass(frozen=True, slots=True)
class ClearData:
    """`.clear table T data`, `.clear materialized-view V data`."""

    entity: Entity
    span: Span


@dataclass(frozen=True, slots=True)
class DeleteRecords:
    """`.delete table T records <| query`."""

    entity: Entity
    properties: Properties
    query: Query
    span: Span
