"""AST of management commands: one frozen dataclass per family, in a closed union.

Texts that a database stores (bodies, queries, policies) are kept as written, beside what they parse to. Spans of
parsed parts point into the whole command text.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from emulator.syntax.expressions import DynamicLiteral, Literal, Name
from emulator.syntax.operators import ColumnDeclaration, Operator, OrderKey
from emulator.syntax.statements import FunctionBody, FunctionLiteral, Query
from emulator.text import Span
from emulator.types import Scalar


class DefineVerb(Enum):
    """How a definition treats what exists already."""

    CREATE = "create"
    CREATE_MERGE = "create-merge"
    CREATE_OR_ALTER = "create-or-alter"
    ALTER = "alter"
    ALTER_MERGE = "alter-merge"


class EntityKind(Enum):
    """What a policy, a text or a question can be about."""

    CLUSTER = "cluster"
    DATABASE = "database"
    TABLE = "table"
    COLUMN = "column"
    FUNCTION = "function"
    MATERIALIZED_VIEW = "materialized-view"
    EXTERNAL_TABLE = "external table"


class IngestVerb(Enum):
    """What `<| query` does with the rows a table holds."""

    SET = "set"
    APPEND = "append"
    SET_OR_APPEND = "set-or-append"
    SET_OR_REPLACE = "set-or-replace"


@dataclass(frozen=True, slots=True)
class Property:
    """`name = value` in `with (…)`; names are compared without case."""

    name: str
    value: Literal | DynamicLiteral | Name
    span: Span

    @property
    def text(self) -> str:
        """The value as plain text: a string's content, a name, `true`, `6`, or the JSON of `dynamic(…)`.

        Timespans are ticks; read `value` where the type matters.
        """
        match self.value:
            case Name(text=text) | DynamicLiteral(text=text):
                return text
            case Literal(value=bool() as value):
                return "true" if value else "false"
            case Literal(value=value):
                return "" if value is None else str(value)


Properties: TypeAlias = tuple[Property, ...]


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity by kind and name.

    `name` is None for the database of the request, `*` for every entity of the kind. A column's name is
    `Table.Column`, kept in `container` and `name`.
    """

    kind: EntityKind
    name: str | None
    span: Span
    container: str | None = None


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


@dataclass(frozen=True, slots=True)
class DefineFunction:
    """`.create function`, `.create-or-alter function`, `.alter function`.

    `parameters_text` is `(x: long = 1)` and `body_text` is `{ … }`, both as written;
    `parser.parse_function_declaration` reads them again with spans of their own.
    """

    verb: DefineVerb
    if_not_exists: bool
    name: Name
    parameters_text: str
    body_text: str
    literal: FunctionLiteral
    properties: Properties
    span: Span


@dataclass(frozen=True, slots=True)
class DefineMaterializedView:
    """`.create`, `.create-or-alter` and `.alter materialized-view V on table T { query }`.

    `query_text` is what stands between the braces, without the blanks around it.
    """

    verb: DefineVerb
    is_async: bool
    if_not_exists: bool
    name: Name
    source: Entity
    query_text: str
    body: FunctionBody
    properties: Properties
    span: Span


@dataclass(frozen=True, slots=True)
class SetViewProperty:
    """`.alter materialized-view V lookback 6h`, `… autoUpdateSchema true`, `… dimensionTables …`."""

    name: Name
    property: Property
    span: Span


@dataclass(frozen=True, slots=True)
class SwitchView:
    """`.enable materialized-view V`, `.disable materialized-view V`."""

    name: Name
    enabled: bool
    span: Span


@dataclass(frozen=True, slots=True)
class PolicyJson:
    """A policy as JSON text."""

    text: str


@dataclass(frozen=True, slots=True)
class PolicySwitch:
    """`enable`, `disable`, `true`, `false`; row level security adds its query."""

    enabled: bool
    query: str = ""


@dataclass(frozen=True, slots=True)
class PolicySetting:
    """`softdelete = 10d`, `hot = 3d`, `hot_window = datetime(a) .. datetime(b)`."""

    name: str
    value: Literal | DynamicLiteral | Name
    upper: Literal | DynamicLiteral | Name | None = None


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """The short form of retention, caching and others."""

    settings: tuple[PolicySetting, ...]


@dataclass(frozen=True, slots=True)
class PolicyOrder:
    """`roworder (A asc, B desc)`."""

    keys: tuple[OrderKey, ...]


PolicyValue: TypeAlias = PolicyJson | PolicySwitch | PolicySettings | PolicyOrder


@dataclass(frozen=True, slots=True)
class AlterPolicy:
    """`.alter[-merge] table|database|materialized-view|… X policy name value`; several entities for `.alter tables`."""

    entities: tuple[Entity, ...]
    policy: str
    value: PolicyValue
    merge: bool
    properties: Properties
    span: Span


@dataclass(frozen=True, slots=True)
class DeletePolicy:
    """`.delete table|… X policy name`."""

    entity: Entity
    policy: str
    span: Span


@dataclass(frozen=True, slots=True)
class ShowPolicy:
    """`.show table|… X policy name`; the entity's name may be `*`, and so may the policy's."""

    entity: Entity
    policy: str
    span: Span


@dataclass(frozen=True, slots=True)
class DefineMapping:
    """`.create|.create-or-alter|.alter table T ingestion json mapping "name" '[…]'`; `kind` in lower case."""

    verb: DefineVerb
    entity: Entity
    kind: str
    name: str
    mapping_text: str
    properties: Properties
    span: Span


@dataclass(frozen=True, slots=True)
class DropMapping:
    """`.drop table T ingestion json mapping "name"`."""

    entity: Entity
    kind: str
    name: str
    if_exists: bool
    span: Span


@dataclass(frozen=True, slots=True)
class ShowMappings:
    """`.show table T ingestion [kind] mappings`, `.show table T ingestion kind mapping "name"`."""

    entity: Entity
    kind: str | None
    name: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class IngestInline:
    """`.ingest inline into table T [with (…)] <| data`; `data` as written, without the blanks in front of it."""

    table: Name
    properties: Properties
    data: str
    span: Span


@dataclass(frozen=True, slots=True)
class IngestFromStorage:
    """`.ingest [async] into table T ("uri", …) [with (…)]`."""

    table: Name
    is_async: bool
    sources: tuple[str, ...]
    properties: Properties
    span: Span


@dataclass(frozen=True, slots=True)
class IngestFromQuery:
    """`.set`, `.append`, `.set-or-append`, `.set-or-replace [async] T [with (…)] <| query`.

    `query_text` is the query alone; `query.source` is the whole command, into which the spans point.
    """

    verb: IngestVerb
    is_async: bool
    table: Name
    properties: Properties
    query_text: str
    query: Query
    span: Span


@dataclass(frozen=True, slots=True)
class CreateDatabase:
    """`.create database D [ifnotexists]`; where it is kept (`persist`, `volatile`) is not recorded."""

    name: Name
    if_not_exists: bool
    span: Span


@dataclass(frozen=True, slots=True)
class DropDatabase:
    """`.drop database D [ifexists]`."""

    name: Name
    if_exists: bool
    span: Span


@dataclass(frozen=True, slots=True)
class ExecuteScript:
    """`.execute database script [with (…)] <| commands`; `script` is for `script.split_script`."""

    properties: Properties
    script: str
    script_start: int
    span: Span


@dataclass(frozen=True, slots=True)
class ClearCache:
    """`.clear database cache streamingingestion schema`, `.clear table T cache streamingingestion schema`."""

    entity: Entity
    cache: str
    span: Span


@dataclass(frozen=True, slots=True)
class RefreshCache:
    """`.refresh database 'd' table 't' cache ingestionbatchingpolicy`."""

    database: str
    table: str
    cache: str
    span: Span


@dataclass(frozen=True, slots=True)
class GetResources:
    """`.get ingestion resources`, `.get kusto identity token`; `topic` is those words."""

    topic: str
    span: Span


@dataclass(frozen=True, slots=True)
class ShowEntities:
    """`.show tables|table|functions|function|materialized-views|materialized-view|databases|database …`.

    `names` is empty for all. `aspect` is what follows: `details`, `extents`, `failures`, `identity`, … or empty.
    `is_plural` tells `.show tables (T)` from `.show table T`, whose results differ.
    """

    kind: EntityKind
    names: tuple[Name, ...]
    is_plural: bool
    aspect: str
    properties: Properties
    span: Span


@dataclass(frozen=True, slots=True)
class ShowSchema:
    """`.show … schema`, `… cslschema`: of a table, function, view, database or of databases.

    `form` is empty for rows, else `json`, `csl`, `csl script` or `violations`. `names` is empty for the database of the
    request (`database`) or for all (`databases`).
    """

    kind: EntityKind
    names: tuple[Name, ...]
    is_plural: bool
    form: str
    if_later_than: str
    properties: Properties
    span: Span


@dataclass(frozen=True, slots=True)
class ShowDatabasesEntities:
    """`.show databases entities [with (…)]`."""

    databases: tuple[Name, ...]
    properties: Properties
    span: Span


@dataclass(frozen=True, slots=True)
class ShowOperations:
    """`.show operations [id]`, `.show operations (id, id)`; `aspect` is `details` or empty."""

    ids: tuple[str, ...]
    aspect: str
    span: Span


@dataclass(frozen=True, slots=True)
class ShowQueryPlan:
    """`.show queryplan <| query`."""

    properties: Properties
    query_text: str
    query: Query
    span: Span


@dataclass(frozen=True, slots=True)
class ShowTopic:
    """`.show version`, `.show cluster`, `.show capacity`, `.show ingestion failures`, …; `topic` is those words."""

    topic: str
    properties: Properties
    span: Span


@dataclass(frozen=True, slots=True)
class UnbuiltCommand:
    """A command of the real service that is known by name alone (`.export`, `.move extents`); refused by name."""

    keyword: str
    span: Span


@dataclass(frozen=True, slots=True)
class PipedCommand:
    """`.show tables | where … | project …`: the command's table piped into operators."""

    command: "SimpleCommand"
    operators: tuple[Operator, ...]
    span: Span


SimpleCommand: TypeAlias = (
    DefineTables
    | DropEntities
    | RenameEntities
    | SetEntityText
    | SetColumnDocstrings
    | AlterColumnType
    | DropColumns
    | ClearData
    | DeleteRecords
    | DefineFunction
    | DefineMaterializedView
    | SetViewProperty
    | SwitchView
    | AlterPolicy
    | DeletePolicy
    | ShowPolicy
    | DefineMapping
    | DropMapping
    | ShowMappings
    | IngestInline
    | IngestFromStorage
    | IngestFromQuery
    | CreateDatabase
    | DropDatabase
    | ExecuteScript
    | ClearCache
    | RefreshCache
    | GetResources
    | ShowEntities
    | ShowSchema
    | ShowDatabasesEntities
    | ShowOperations
    | ShowQueryPlan
    | ShowTopic
    | UnbuiltCommand
)
Command: TypeAlias = SimpleCommand | PipedCommand


def property_text(properties: Properties, name: str) -> str | None:
    """Return the text of a property, None if it is absent; the last one counts."""
    found = (item for item in reversed(properties) if item.name.lower() == name.lower())
    return next((item.text for item in found), None)
