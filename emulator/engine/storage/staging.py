"""Batches: the rows that relations are about to get, in temporary tables which update policies and views read."""
# ruff: noqa: S608 - every name goes through `identifier`, every value through a parameter

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from emulator.emit.names import physical_names
from emulator.emit.scalar_types import duckdb_type
from emulator.engine.relation_names import INGESTION_TIME, batch_name
from emulator.engine.session.session import Session
from emulator.engine.session.temporary import TemporaryTables
from emulator.engine.storage.relations import columns_of
from emulator.engine.storage.rows import Rows
from emulator.sql.render import identifier
from emulator.types import Schema


@dataclass(frozen=True, slots=True)
class _Batch:
    """The statements that define the batch of a relation, fill it (`fill` lacks its source), and append it."""

    schema: Schema
    names: str
    definition: str
    fill: str
    append: str


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
        count = self._session.run(f"{batch.fill} FROM ({query}) AS q({batch.names})", times, rows)
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
            columns = columns_of(self._session.connection, query)
            return f"CREATE OR REPLACE TEMP TABLE {identifier(name)} ({columns})"

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
            found = _batch(relation, schema)
            self._batches[relation] = found
        return found


def _batch(relation: str, schema: Schema) -> _Batch:
    batch = identifier(batch_name(relation))
    columns = [
        (identifier(name), duckdb_type(column.type))
        for name, column in zip(physical_names(schema), schema, strict=True)
    ]
    names = ", ".join(name for name, _ in columns)
    return _Batch(
        schema,
        names,
        definition=f"CREATE OR REPLACE TEMP TABLE {batch} ({', '.join(map(' '.join, columns))})",
        fill=f"INSERT INTO {batch} SELECT {', '.join(f'CAST({name} AS {type_})' for name, type_ in columns)}",
        append=f"INSERT INTO {identifier(relation)} ({names}, {identifier(INGESTION_TIME)})"
        f" SELECT {names}, CAST($time AS TIMESTAMP) FROM {batch}",
    )
