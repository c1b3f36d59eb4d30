"""The DuckDB objects behind tables and views: the statements that make, change and copy them.

Relations have names of their own (`t12`), so that renaming an entity moves no data; a table has the columns
`physical_names(schema)` and the hidden ingestion time.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import duckdb

from emulator.binder.plan import Stored
from emulator.emit.context import Storage
from emulator.emit.names import physical_names
from emulator.emit.scalar_types import duckdb_type
from emulator.engine.relation_names import INGESTION_TIME
from emulator.functions.physical import null_of
from emulator.sql.ast import ColumnRef, From, Item, Query, Select, Sql, Star, SubqueryRef, TableRef
from emulator.sql.build import EMPTY, and_, call, lit, op, table
from emulator.sql.render import render
from emulator.sql.statements import AddColumn, ColumnDefinition, CreateTable, CreateView, Delete, Describe, Drop, Insert
from emulator.types import Scalar, Schema


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
    """Where the emitter finds stored relations: under their identity, or cut off at ingestion times.

    `after` and `until` say of relations from and up to which time they are read.

    `shown` knows the queries of materialized views. DuckDB binds a view of its own with all columns, whichever are
    read: the shipped endpoints take 4 to 16 % more CPU so (2026-11-29).
    """

    after: Mapping[str, datetime] = field(default_factory=dict)
    until: Mapping[str, datetime] = field(default_factory=dict)
    shown: Callable[[str], Select | None] = lambda _: None

    def relation(self, stored: Stored, alias: str, names: tuple[str, ...]) -> From:
        """Return the rows of a stored relation under an alias."""
        since, until = self.after.get(stored.identity), self.until.get(stored.identity)
        if since is None and until is None:
            view = self.shown(stored.identity)
            if view is None:
                return TableRef((stored.identity,), alias)
            return SubqueryRef(replace(view, items=tuple(item for item in _items(view) if item.alias in names)), alias)
        items = tuple(Item(ColumnRef(name), name) for name in names)
        within = tuple(
            _stored_within(operator, time) for operator, time in ((">", since), ("<=", until)) if time is not None
        )
        return SubqueryRef(Select(items, TableRef((stored.identity,), "s"), and_(within)), alias)


def _stored_within(operator: str, time: datetime) -> Sql:
    return op(operator, ColumnRef(INGESTION_TIME), lit(time.isoformat(sep=" "), "TIMESTAMP"))


def _items(select: Select) -> Iterator[Item]:
    return (each for each in select.items if isinstance(each, Item))


def create_table(connection: duckdb.DuckDBPyConnection, relation: str, schema: Schema) -> None:
    """Make an empty table."""
    definitions = (*_definitions(schema), ColumnDefinition(INGESTION_TIME, "TIMESTAMP"))
    connection.execute(render(CreateTable(relation, definitions)))


def add_columns(connection: duckdb.DuckDBPyConnection, relation: str, old: Schema, new: Schema) -> bool:
    """Add the last columns of `new` in place; return False where the names of older columns would change."""
    if physical_names(new)[: len(old)] != physical_names(old):
        return False
    for definition in _definitions(new)[len(old) :]:
        connection.execute(render(AddColumn(relation, definition)))
    return True


def copy_columns(
    connection: duckdb.DuckDBPyConnection, relation: str, old: Schema, target: str, new: Schema, kept: Mapping[str, str]
) -> None:
    """Make `target` with the rows of a table: `kept` maps new columns to old ones, all others are null."""
    create_table(connection, target, new)
    old_names = dict(zip(old.names, physical_names(old), strict=True))
    names = (*physical_names(new), INGESTION_TIME)
    values = [
        ColumnRef(old_names[kept[column.name]]) if column.name in kept else null_of(column.type) for column in new
    ]
    items = tuple(Item(*each) for each in zip((*values, ColumnRef(INGESTION_TIME)), names, strict=True))
    # The insertion names its columns, since the ingestion time is not the last one where columns were added.
    connection.execute(render(Insert(target, Select(items, table(relation)), names)))


def drop_table(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Remove a table with its rows."""
    connection.execute(render(Drop("TABLE", relation)))


def clear_table(connection: duckdb.DuckDBPyConnection, relation: str, until: datetime | None = None) -> None:
    """Remove all rows of a table, or those up to an ingestion time."""
    stored = None if until is None else _stored_within("<=", until)
    connection.execute(render(Delete(table(relation), where=stored)))


def layout_of(connection: duckdb.DuckDBPyConnection, query: Query) -> tuple[ColumnDefinition, ...]:
    """Return the columns of a query, to make a table with them.

    `CREATE TABLE … AS` a query without rows would lose rows: DuckDB 2.0 skips what the same transaction adds to such
    a table when it adds whole row groups.
    """
    rows = connection.execute(render(Describe(query))).fetchall()
    return tuple(ColumnDefinition(name, type_) for name, type_, *_ in rows)


def create_view(connection: duckdb.DuckDBPyConnection, relation: str, query: Query) -> None:
    """Make or replace the DuckDB view that finishes a materialized view's columns."""
    connection.execute(render(CreateView(relation, query, or_replace=True)))


def drop_view(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Remove a DuckDB view."""
    connection.execute(render(Drop("VIEW", relation, if_exists=True)))


def figures(connection: duckdb.DuckDBPyConnection, relation: str) -> tuple[int, datetime | None, datetime | None]:
    """Return the number of rows and their first and last ingestion time."""
    time = ColumnRef(INGESTION_TIME)
    items = (Item(call("count", Star()), "rows"), Item(call("min", time), "first"), Item(call("max", time), "last"))
    # A result that is not read to its end would keep the connection busy.
    rows = connection.execute(render(Select(items, table(relation)))).fetchall()
    count, first, last = rows[0]
    return count, first, last


def last_ingestion(connection: duckdb.DuckDBPyConnection, relation: str) -> datetime | None:
    """Return the latest ingestion time in a relation."""
    query = Select((Item(call("max", ColumnRef(INGESTION_TIME)), "last"),), table(relation))
    rows = connection.execute(render(query)).fetchall()
    time: datetime | None = rows[0][0]
    return time


def _definitions(schema: Schema) -> tuple[ColumnDefinition, ...]:
    # Kusto's strings have no null: rows from before a column was added read as empty.
    return tuple(
        ColumnDefinition(name, duckdb_type(column.type), EMPTY if column.type.scalar is Scalar.STRING else None)
        for name, column in zip(physical_names(schema), schema, strict=True)
    )
