"""The statements around queries: rows that change, relations that come and go, what a connection keeps.

As in `ast`, names are names and values are literals or parameters; types are DuckDB's own texts for them.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from emulator.sql.ast import From, Query, Sql, TableRef


@dataclass(frozen=True, slots=True)
class Values:
    """`VALUES (…), (…)`, the rows of an insertion."""

    rows: tuple[tuple[Sql, ...], ...]


@dataclass(frozen=True, slots=True)
class Insert:
    """`INSERT INTO table (columns) source`; without `columns` all of the table's, by position."""

    table: str
    source: Query | Values
    columns: tuple[str, ...] = ()
    returning: tuple[Sql, ...] = ()


@dataclass(frozen=True, slots=True)
class Assignment:
    """A column of the changed table and what it becomes."""

    column: str
    value: Sql


@dataclass(frozen=True, slots=True)
class Update:
    """`UPDATE table SET … FROM source WHERE …`."""

    table: TableRef
    assignments: tuple[Assignment, ...]
    source: From | None = None
    where: Sql | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """`DELETE FROM table USING source WHERE …`."""

    table: TableRef
    source: From | None = None
    where: Sql | None = None
    returning: tuple[Sql, ...] = ()


@dataclass(frozen=True, slots=True)
class Merge:
    """`MERGE INTO table USING source ON condition`: `matched` updates a row that is there, `missing` makes one."""

    table: TableRef
    source: From
    condition: Sql
    matched: tuple[Assignment, ...]
    missing: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True)
class ColumnDefinition:
    """A column of a table to be made."""

    name: str
    type: str
    default: Sql | None = None


@dataclass(frozen=True, slots=True)
class CreateTable:
    """`CREATE TABLE name (columns)`; a temporary one is seen by its connection alone."""

    name: str
    columns: tuple[ColumnDefinition, ...]
    temporary: bool = False
    or_replace: bool = False
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class CreateTableAs:
    """`CREATE TABLE name AS query`; `within` are the database and the schema of another place than the usual one."""

    name: str
    query: Query
    temporary: bool = False
    or_replace: bool = False
    within: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CreateView:
    """`CREATE VIEW name AS query`."""

    name: str
    query: Query
    temporary: bool = False
    or_replace: bool = False


@dataclass(frozen=True, slots=True)
class CreateIndex:
    """`CREATE INDEX name ON table (columns)`."""

    name: str
    table: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CreateMacro:
    """`CREATE MACRO name(parameters) AS body`; the body is the text of an expression."""

    name: str
    parameters: tuple[str, ...]
    body: str
    temporary: bool = False
    or_replace: bool = False


@dataclass(frozen=True, slots=True)
class Drop:
    """`DROP kind name`; `within` as for `CreateTableAs`."""

    kind: Literal["TABLE", "VIEW", "INDEX"]
    name: str
    if_exists: bool = False
    within: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attach:
    """`ATTACH ':memory:' AS name`: an empty database in memory for all connections of the instance."""

    name: str


@dataclass(frozen=True, slots=True)
class AddColumn:
    """`ALTER TABLE table ADD COLUMN …`."""

    table: str
    column: ColumnDefinition
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class Describe:
    """`DESCRIBE query`, which answers with the names and types of its columns."""

    query: Query


@dataclass(frozen=True, slots=True)
class Begin:
    """`BEGIN TRANSACTION`, or one that may only read."""

    read_only: bool = False


@dataclass(frozen=True, slots=True)
class SetOption:
    """`SET name = value`, with `session` for this connection alone."""

    name: str
    value: Sql
    session: bool = False


@dataclass(frozen=True, slots=True)
class SetVariable:
    """`SET VARIABLE name = value`, for this connection alone."""

    name: str
    value: Sql


@dataclass(frozen=True, slots=True)
class Pragma:
    """`PRAGMA name`: something that DuckDB does for the whole instance from now on."""

    name: str


@dataclass(frozen=True, slots=True)
class Prepare:
    """`PREPARE name AS statement`, whose plan the connection keeps under the name."""

    name: str
    statement: "Statement"


@dataclass(frozen=True, slots=True)
class Execute:
    """`EXECUTE name(parameter := argument, …)`."""

    name: str
    arguments: tuple[tuple[str, Sql], ...] = ()


@dataclass(frozen=True, slots=True)
class Deallocate:
    """`DEALLOCATE name`."""

    name: str


Statement: TypeAlias = (
    Query
    | Insert
    | Update
    | Delete
    | Merge
    | CreateTable
    | CreateTableAs
    | CreateView
    | CreateIndex
    | CreateMacro
    | Drop
    | Attach
    | AddColumn
    | Describe
    | Begin
    | SetOption
    | SetVariable
    | Pragma
    | Prepare
    | Execute
    | Deallocate
)
