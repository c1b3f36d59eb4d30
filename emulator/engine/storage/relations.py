"""The DuckDB objects behind tables and views: the statements that make, change and copy them.

Relations have names of their own (`t12`), so that renaming an entity moves no data; a table has the columns
`physical_names(schema)` and the hidden ingestion time.
"""
# ruff: noqa: S608 - every name goes through `identifier`, every value through a parameter

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import duckdb

from emulator.binder.plan import Stored
from emulator.emit.context import Storage
from emulator.emit.names import physical_names
from emulator.emit.scalar_types import duckdb_type
from emulator.engine.relation_names import INGESTION_TIME
from emulator.sql.ast import ColumnRef, From, Item, Query, Select, SubqueryRef, TableRef
from emulator.sql.build import lit, op
from emulator.sql.render import identifier, render
from emulator.sql.statements import ColumnDefinition, Describe
from emulator.types import KqlType, Schema


@dataclass(slots=True)
class Reads:
    """A storage that notes which relations a query reads."""

    storage: Storage
    identities: set[str] = field(default_factory=set)

    def relation(self, stored: Stored, alias: str, names: tuple[str, ...]) -> From:
        """Return what the storage returns."""
        self.identities.add(stored.identity)
        return self.storage.relation(stored, alias, names)


@dataclass(frozen=True, slots=True)
class DuckStorage:
    """Where the emitter finds stored relations: under their identity, or cut off at an ingestion time."""

    after: Mapping[str, datetime] = field(default_factory=dict)

    def relation(self, stored: Stored, alias: str, names: tuple[str, ...]) -> From:
        """Return the rows of a stored relation under an alias."""
        since = self.after.get(stored.identity)
        if since is None:
            return TableRef((stored.identity,), alias)
        items = tuple(Item(ColumnRef(name), name) for name in names)
        later = op(">", ColumnRef(INGESTION_TIME), lit(since.isoformat(sep=" "), "TIMESTAMP"))
        return SubqueryRef(Select(items, TableRef((stored.identity,), "s"), later), alias)


def create_table(connection: duckdb.DuckDBPyConnection, relation: str, schema: Schema) -> None:
    """Make an empty table."""
    columns = [
        f"{identifier(name)} {duckdb_type(column.type)}{_default(column.type)}"
        for name, column in zip(physical_names(schema), schema, strict=True)
    ]
    columns.append(f"{identifier(INGESTION_TIME)} TIMESTAMP")
    connection.execute(f"CREATE TABLE {identifier(relation)} ({', '.join(columns)})")


def add_columns(connection: duckdb.DuckDBPyConnection, relation: str, old: Schema, new: Schema) -> bool:
    """Add the last columns of `new` in place; return False where the names of older columns would change."""
    old_names, new_names = physical_names(old), physical_names(new)
    if new_names[: len(old)] != old_names:
        return False
    for name, column in list(zip(new_names, new, strict=True))[len(old) :]:
        connection.execute(
            f"ALTER TABLE {identifier(relation)} ADD COLUMN {identifier(name)}"
            f" {duckdb_type(column.type)}{_default(column.type)}"
        )
    return True


def copy_columns(
    connection: duckdb.DuckDBPyConnection, relation: str, old: Schema, target: str, new: Schema, kept: Mapping[str, str]
) -> None:
    """Make `target` with the rows of a table: `kept` maps new columns to old ones, all others are null."""
    create_table(connection, target, new)
    old_names = dict(zip(old.names, physical_names(old), strict=True))
    selected = [
        identifier(old_names[kept[column.name]]) if column.name in kept else _null(column.type) for column in new
    ]
    # The ingestion time is named by the insertion, since a new column may have been added after it.
    names = ", ".join(map(identifier, (*physical_names(new), INGESTION_TIME)))
    connection.execute(
        f"INSERT INTO {identifier(target)} ({names}) SELECT {', '.join(selected)}, {identifier(INGESTION_TIME)}"
        f" FROM {identifier(relation)}"
    )


def drop_table(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Remove a table with its rows."""
    connection.execute(f"DROP TABLE {identifier(relation)}")


def clear_table(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Remove all rows of a table."""
    connection.execute(f"DELETE FROM {identifier(relation)}")


def columns_of(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """Return the columns of a query as `CREATE TABLE` takes them.

    `CREATE TABLE … AS` a query without rows would lose rows: DuckDB 2.0 skips what the same transaction adds to such
    a table when it adds whole row groups.
    """
    rows = connection.execute(f"DESCRIBE {query}").fetchall()
    return ", ".join(f"{identifier(name)} {type_}" for name, type_, *_ in rows)


def layout_of(connection: duckdb.DuckDBPyConnection, query: Query) -> tuple[ColumnDefinition, ...]:
    """Return the columns of a query."""
    return tuple(
        ColumnDefinition(name, type_) for name, type_, *_ in connection.execute(render(Describe(query))).fetchall()
    )


def create_view(connection: duckdb.DuckDBPyConnection, relation: str, query: Query) -> None:
    """Make or replace the DuckDB view that finishes a materialized view's columns."""
    connection.execute(f"CREATE OR REPLACE VIEW {identifier(relation)} AS {render(query)}")


def drop_view(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Remove a DuckDB view."""
    connection.execute(f"DROP VIEW IF EXISTS {identifier(relation)}")


def figures(connection: duckdb.DuckDBPyConnection, relation: str) -> tuple[int, datetime | None, datetime | None]:
    """Return the number of rows and their first and last ingestion time."""
    time = identifier(INGESTION_TIME)
    # A result that is not read to its end would keep the connection busy.
    rows = connection.execute(f"SELECT count(*), min({time}), max({time}) FROM {identifier(relation)}").fetchall()
    count, first, last = rows[0]
    return count, first, last


def last_ingestion(connection: duckdb.DuckDBPyConnection, relation: str) -> datetime | None:
    """Return the latest ingestion time in a relation."""
    rows = connection.execute(f"SELECT max({identifier(INGESTION_TIME)}) FROM {identifier(relation)}").fetchall()
    time: datetime | None = rows[0][0]
    return time


def _null(type_: KqlType) -> str:
    return "''" if duckdb_type(type_) == "VARCHAR" else f"CAST(NULL AS {duckdb_type(type_)})"


def _default(type_: KqlType) -> str:
    # Kusto's strings have no null: rows from before a column was added read as empty.
    return " DEFAULT ''" if duckdb_type(type_) == "VARCHAR" else ""
