"""What an Eventhouse holds besides rows: databases, tables, functions, materialized views, mappings and policies.

All records are immutable; a catalog is one consistent snapshot, and every change makes a new one with the next version.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias

from emulator.binder.entities import StoredFunction
from emulator.engine.lru import LruCache
from emulator.schema import entities
from emulator.schema.definitions import Definitions
from emulator.schema.entities import Function, IngestionMapping, Policies
from emulator.types import Schema

_PARSED_FUNCTIONS = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(entities.Table):
    """A table with its rows in the DuckDB table `relation`."""

    relation: str

    def definition(self) -> entities.Table:
        """Return the table without what only this engine knows."""
        return entities.Table(**_fields_of(entities.Table, self))


@dataclass(frozen=True, slots=True, kw_only=True)
class View(entities.MaterializedView):
    """A materialized view as it is kept.

    `relation` is the DuckDB view with finished columns, `parts` the DuckDB table behind it. The view covers the rows of
    its source with an ingestion time after `since` (None: all), up to `position` (None: all that are committed). One
    that is disabled has a position, and one that is behind, since it failed on what came then.
    """

    relation: str
    parts: str
    schema: Schema
    since: datetime | None = None
    position: datetime | None = None
    is_enabled: bool = True
    failure: str = ""

    @property
    def is_kept_up(self) -> bool:
        """Whether batches of its source are added to it as they come."""
        return self.is_enabled and self.position is None

    @property
    def is_behind(self) -> bool:
        """Whether it has failed on rows of its source, and is to catch up with them."""
        return self.is_enabled and self.position is not None

    def definition(self) -> entities.MaterializedView:
        """Return the view without what only this engine knows."""
        return entities.MaterializedView(**_fields_of(entities.MaterializedView, self))


def _fields_of(entity: type[entities.Table | entities.MaterializedView], record: entities.Entity) -> dict[str, Any]:
    return {each.name: getattr(record, each.name) for each in fields(entity)}


Record: TypeAlias = Table | Function | View
RecordKind: TypeAlias = Literal["table", "function", "view"]


@dataclass(frozen=True, slots=True)
class Database:
    """One KQL database; `version` counts its schema changes.

    `parsed` are the latest declarations of functions that queries have named, for this snapshot and those after it.
    """

    name: str
    tables: Mapping[str, Table] = field(default_factory=dict)
    functions: Mapping[str, Function] = field(default_factory=dict)
    views: Mapping[str, View] = field(default_factory=dict)
    policies: Policies = field(default_factory=dict)
    mappings: tuple[IngestionMapping, ...] = ()
    version: int = 0
    parsed: LruCache[Function, StoredFunction] = field(
        default_factory=lambda: LruCache(_PARSED_FUNCTIONS), compare=False, repr=False
    )

    def records(self) -> Iterator[tuple[RecordKind, Record]]:
        """Iterate over all entities with their kind."""
        yield from (("table", table) for table in self.tables.values())
        yield from (("function", function) for function in self.functions.values())
        yield from (("view", view) for view in self.views.values())

    def with_table(self, table: Table) -> "Database":
        """Return the database with a table added or replaced."""
        return replace(self, tables={**self.tables, table.name: table})

    def with_function(self, function: Function) -> "Database":
        """Return the database with a function added or replaced."""
        return replace(self, functions={**self.functions, function.name: function})

    def with_view(self, view: View) -> "Database":
        """Return the database with a view added or replaced."""
        return replace(self, views={**self.views, view.name: view})

    def without_table(self, name: str) -> "Database":
        """Return the database without a table."""
        return replace(self, tables={key: each for key, each in self.tables.items() if key != name})

    def without_function(self, name: str) -> "Database":
        """Return the database without a function."""
        return replace(self, functions={key: each for key, each in self.functions.items() if key != name})

    def without_view(self, name: str) -> "Database":
        """Return the database without a view."""
        return replace(self, views={key: each for key, each in self.views.items() if key != name})

    def policy_of(self, owner: Table | View, kind: str) -> str:
        """Return the JSON of a policy as it applies to a table or view: its own, else the database's, else `null`."""
        return owner.policies.get(kind) or self.policies.get(kind) or "null"

    def definitions(self) -> Definitions:
        """Return what the database is by its definitions, without what only this engine knows."""
        return Definitions(
            {name: table.definition() for name, table in self.tables.items()},
            self.functions,
            {name: view.definition() for name, view in self.views.items()},
            self.policies,
            self.mappings,
        )

    def views_on(self, source: str) -> tuple[View, ...]:
        """Return the views directly over a table or a view."""
        return tuple(view for view in self.views.values() if view.source == source)


@dataclass(frozen=True, slots=True)
class Catalog:
    """All databases of an Eventhouse at one moment; `next_relation` numbers the DuckDB relations."""

    databases: Mapping[str, Database] = field(default_factory=dict)
    version: int = 0
    next_relation: int = 1

    def with_database(self, database: Database) -> "Catalog":
        """Return the catalog with a database added or replaced."""
        return replace(self, databases={**self.databases, database.name: database})

    def without_database(self, name: str) -> "Catalog":
        """Return the catalog without a database."""
        return replace(self, databases={key: each for key, each in self.databases.items() if key != name})
