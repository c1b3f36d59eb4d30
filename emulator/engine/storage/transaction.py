"""One change of an Eventhouse in progress: rows and catalog commit together or not at all."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import duckdb

from emulator.engine.catalog.identifiers import check_new_names
from emulator.engine.catalog.records import Catalog, Database, Table, View
from emulator.engine.failures import Failure
from emulator.engine.session.budget import Budget
from emulator.engine.session.session import Session
from emulator.engine.storage import relations as storage
from emulator.engine.storage.known_groups import KnownGroups
from emulator.engine.storage.staging import Staging
from emulator.errors import EntityNotFound


class Transaction:
    """The working copy of the catalog, and the session with the open DuckDB transaction.

    `staging` has the rows that it adds, `groups` what is known of materialized views. `time` is the ingestion time of
    all those rows, later than that of every row before. `lost` are the update policies, as (target, query), that have
    failed before in this change and are left out, with why; the views that have are behind in its catalog. `budget` is
    the time of what follows from those rows. `rewritten` are the relations of tables that stay and lose their rows.
    """

    def __init__(
        self,
        session: Session,
        staging: Staging,
        groups: KnownGroups,
        catalog: Catalog,
        time: datetime,
        lost: Mapping[tuple[str, str], Failure],
        budget: Budget,
    ) -> None:
        self.session = session
        self.staging = staging
        self.groups = groups
        self.catalog = catalog
        self.time = time
        self.lost = lost
        self.budget = budget
        self.rewritten: set[str] = set()

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection with the open DuckDB transaction."""
        return self.session.connection

    def database(self, name: str) -> Database:
        """Return a database as it is in this transaction, or raise EntityNotFound."""
        return find_database(self.catalog, name)

    def put(self, database: Database) -> None:
        """Replace a database; its schema version rises. KustoError where it brings a name that none can have."""
        check_new_names(self.catalog.databases.get(database.name), database)
        self.catalog = self.catalog.with_database(replace(database, version=database.version + 1))

    def new_relation(self, prefix: str) -> str:
        """Return a DuckDB name that was never used in this Eventhouse."""
        number = self.catalog.next_relation
        self.catalog = replace(self.catalog, next_relation=number + 1)
        return f"{prefix}{number}"

    def drop_table(self, database: str, name: str) -> None:
        """Remove a table with its rows."""
        snapshot = self.database(database)
        storage.drop_table(self.connection, snapshot.tables[name].relation)
        self.put(snapshot.without_table(name))

    def drop_view(self, database: str, name: str) -> None:
        """Remove a materialized view with what it holds."""
        snapshot = self.database(database)
        view = snapshot.views[name]
        storage.drop_view(self.connection, view.relation)
        storage.drop_table(self.connection, view.parts)
        self.put(snapshot.without_view(name))


def find_database(catalog: Catalog, name: str) -> Database:
    """Return a database by name, ignoring case as Kusto does, or raise EntityNotFound."""
    database = catalog.databases.get(name)
    if database is None:
        folded = name.lower()
        database = next((each for key, each in catalog.databases.items() if key.lower() == folded), None)
    if database is None:
        raise EntityNotFound(
            f"Entity '{name}' of kind 'Database' was not found.",
            "BadRequest_EntityNotFound",
            hint=f"databases are {', '.join(catalog.databases)}",
        )
    return database


def find_table(database: Database, name: str) -> Table:
    """Return a table by name, or raise EntityNotFound."""
    table = database.tables.get(name)
    if table is None:
        raise EntityNotFound(
            f"Entity '{name}' of kind 'Table' was not found.",
            "BadRequest_EntityNotFound",
            hint=_similar(name, tuple(database.tables)),
        )
    return table


def find_view(database: Database, name: str) -> View:
    """Return a materialized view by name, or raise EntityNotFound."""
    view = database.views.get(name)
    if view is None:
        raise EntityNotFound(
            f"Entity '{name}' of kind 'MaterializedView' was not found.",
            "BadRequest_EntityNotFound",
            hint=_similar(name, tuple(database.views)),
        )
    return view


def _similar(name: str, names: tuple[str, ...]) -> str:
    folded = name.lower()
    match = next((each for each in names if each.lower() == folded), None)
    return f"names are case-sensitive: did you mean '{match}'?" if match else ""
