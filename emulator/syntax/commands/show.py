"""Commands that show something, those whose rows a query goes on with, and those that are not built."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.syntax.commands.parts import EntityKind, Properties
from emulator.syntax.expressions import Name
from emulator.syntax.operators import Operator
from emulator.syntax.statements import Query
from emulator.text import Span

if TYPE_CHECKING:
    from emulator.syntax.commands import SimpleCommand


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
