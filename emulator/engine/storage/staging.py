"""Batches: the rows that relations are about to get, in temporary tables which update policies and views read."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from emulator.emit.names import physical_names
from emulator.emit.scalar_types import duckdb_type
from emulator.engine.lru import LruCache
from emulator.engine.relation_names import INGESTION_TIME, batch_name
from emulator.engine.session.session import Session
from emulator.engine.session.temporary import TemporaryTables
from emulator.engine.storage.relations import layout_of
from emulator.engine.storage.rows import Rows
from emulator.sql.ast import ColumnRef, From, Item, Parameter, Rendered, Select, SubqueryRef
from emulator.sql.build import cast, columns, table
from emulator.sql.render import render
from emulator.sql.statements import ColumnDefinition, CreateTable, Insert
from emulator.types import Schema

# A table is filled from payloads of a few mappings, by a few policies, and now and then by a query that never comes
# again.
_KEPT_FILLS = 16


class _Batch:
    """The statements that define the batch of a relation and append it, and those that fill it, by what they read."""

    def __init__(self, relation: str, schema: Schema) -> None:
        self.schema = schema
        self._names = physical_names(schema)
        self._types = tuple(duckdb_type(column.type) for column in schema)
        self._batch = batch_name(relation)
        layout = tuple(ColumnDefinition(*column) for column in zip(self._names, self._types, strict=True))
        self.definition = render(CreateTable(self._batch, layout, temporary=True, or_replace=True))
        items = (*columns(self._names), Item(Parameter("time", "TIMESTAMP"), INGESTION_TIME))
        rows = Select(items, table(self._batch))
        self.append = render(Insert(relation, rows, (*self._names, INGESTION_TIME)))
        self._fills: LruCache[From, str] = LruCache(_KEPT_FILLS)

    def fill(self, source: From) -> str:
        """Return the statement that fills the batch from columns with its names."""
        found = self._fills.get(source)
        if found is None:
            typed = zip(self._names, self._types, strict=True)
            items = tuple(Item(cast(ColumnRef(name), type_), name) for name, type_ in typed)
            found = render(Insert(self._batch, Select(items, source)))
            self._fills.put(source, found)
        return found

    def fill_by_position(self, query: str) -> str:
        """Return the statement that fills the batch from the columns of a query, whatever their names."""
        return self.fill(SubqueryRef(Rendered(query), "q", columns=self._names))


class Staging:
    """The batches that a session stages, and the temporary `tables` they are in."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.tables = TemporaryTables(session)
        self._batches: dict[str, _Batch] = {}

    def stage(
        self, relation: str, schema: Schema, query: str, times: Mapping[str, datetime], rows: int | None = None
    ) -> int:
        """Keep the rows of a query, by position, as the batch of a relation; return how many they are.

        `rows` is what the query reads at most, None for any number.
        """
        batch = self._prepared(relation, schema)
        count = self._session.run(batch.fill_by_position(query), times, rows)
        if not count:
            self.tables.stayed_empty(batch_name(relation))
        return count

    def stage_rows(self, relation: str, schema: Schema, rows: Sequence[Rows]) -> int:
        """Keep rows with the physical columns of a relation as its batch; return how many they are."""
        batch = self._prepared(relation, schema)
        for each in rows:
            each.insert(self.tables, batch.fill)
        return sum(map(len, rows))

    def append(self, relation: str, schema: Schema, time: datetime, rows: int) -> None:
        """Append the batch of a table, which has so many rows, to it."""
        self._session.execute(self._batch(relation, schema).append, {"time": time}, rows)

    def define_like(self, name: str, query: str) -> None:
        """Make a temporary table with the columns of a query, unless it is there."""

        def create() -> str:
            layout = layout_of(self._session.connection, Rendered(query))
            return render(CreateTable(name, layout, temporary=True, or_replace=True))

        self.tables.define(name, query, create)

    def forget(self) -> None:
        """Start anew after a rollback or a change of the catalog."""
        self.tables.forget()
        self._batches.clear()

    def _prepared(self, relation: str, schema: Schema) -> _Batch:
        batch, name = self._batch(relation, schema), batch_name(relation)
        self.tables.define(name, batch.definition)
        self.tables.empty(name)
        return batch

    def _batch(self, relation: str, schema: Schema) -> _Batch:
        found = self._batches.get(relation)
        # A command may alter the table amid a transaction.
        if found is None or found.schema != schema:
            found = _Batch(relation, schema)
            self._batches[relation] = found
        return found
