"""Altering a materialized view that holds rows: kept columns stay, new ones are null for groups of before."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import duckdb

from emulator.engine.catalog.records import Database, View
from emulator.engine.derived.backfill import Backfill, SourceChanged, Wanted
from emulator.engine.derived.compile_upkeep import bind_shape, catch_up, rows_covered
from emulator.engine.derived.contribution import contribution
from emulator.engine.derived.materialization import caught_up
from emulator.engine.derived.shape import Shape
from emulator.engine.derived.view_storage import create, layout
from emulator.engine.relation_names import parts_name
from emulator.engine.storage import relations as storage
from emulator.engine.storage.transaction import Transaction
from emulator.errors import KustoError
from emulator.sql.ast import ColumnRef, Item, Select, Sql, Star
from emulator.sql.build import EMPTY, NULL, cast, table
from emulator.sql.render import render
from emulator.sql.statements import Insert
from emulator.syntax.operators import Pipeline, Summarize
from emulator.syntax.parser import parse_query
from emulator.syntax.printing.printer import print_expression


@dataclass(frozen=True, slots=True)
class Alteration:
    """A view and what it is to be; `is_other` tells that its query or its columns are to be others."""

    view: View
    changed: View
    shape: Shape
    is_other: bool

    def wanted(self, connection: duckdb.DuckDBPyConnection, database: Database) -> Wanted | None:
        """Return what has to be aggregated of the source, None for nothing that can be before the turn."""
        if self.is_other:
            _require_alterable(self.view, self.changed, self.shape)
        if self.is_other and not self._kept(connection, database):
            # The views over it have had what came meanwhile, and must not get it again.
            return None if self._is_source(database) else Wanted.whole(database, self._whole)
        if not self.changed.is_enabled or self.changed.position is None:
            return None
        return Wanted.gained(database, self.changed, self.changed.position)

    def apply(self, transaction: Transaction, database: str, backfill: Backfill | None) -> View:
        """Store the view as it is to be, with all that its source has if it is enabled; return it.

        Raises SourceChanged where the backfill is of no use.
        """
        transaction.budget.lift()
        snapshot, changed = transaction.database(database), self.changed
        if backfill is not None and backfill.wanted != self.wanted(transaction.connection, snapshot):
            raise SourceChanged.of(self.view.name)
        if self.is_other:
            _require_alterable(self.view, changed, self.shape)
            kept = self._kept(transaction.connection, snapshot)
            if not kept and not self._is_source(snapshot):
                return self._refilled(transaction, database, backfill)
            changed = self._moved(transaction, database, changed, kept)
        else:
            transaction.put(snapshot.with_view(changed))
        return caught_up(transaction, database, changed, backfill) if changed.is_behind else changed

    def follow(self, transaction: Transaction, database: str) -> None:
        """Store the view as it is to be, with what it covered before."""
        _require_alterable(self.view, self.changed, self.shape)
        kept = self._kept(transaction.connection, transaction.database(database))
        self._moved(transaction, database, self.changed, kept)

    @property
    def _whole(self) -> View:
        """The view as it holds all that its source has, or had when it was disabled."""
        return replace(self.changed, position=None, failure="") if self.changed.is_enabled else self.changed

    def _is_source(self, database: Database) -> bool:
        return bool(database.views_on(self.view.name))

    def _refilled(self, transaction: Transaction, database: str, backfill: Backfill | None) -> View:
        changed = self._moved(transaction, database, self._whole, {}, backfill)
        if backfill is not None and changed.is_enabled:
            after = backfill.time if changed.since is None else max(backfill.time, changed.since)
            catch_up(transaction, transaction.database(database), changed, after)
        return changed

    def _moved(
        self,
        transaction: Transaction,
        database: str,
        changed: View,
        kept: Mapping[str, Sql],
        backfill: Backfill | None = None,
    ) -> View:
        """Make what holds the view anew, with the columns that are kept or of its source, and drop what held it."""
        relation = transaction.new_relation("v")
        changed = replace(changed, schema=self.shape.schema, relation=relation, parts=parts_name(relation))
        connection = transaction.connection
        transaction.put(transaction.database(database).with_view(changed))
        create(connection, transaction.database(database), changed, transaction.time, backfill, is_empty=bool(kept))
        if kept:
            items = tuple(Item(value, name) for name, value in kept.items())
            connection.execute(render(Insert(changed.parts, Select(items, table(self.view.parts)), tuple(kept))))
        storage.drop_view(connection, self.view.relation)
        storage.drop_table(connection, self.view.parts)
        return changed

    def _kept(self, connection: duckdb.DuckDBPyConnection, database: Database) -> dict[str, Sql]:
        """Return the columns of the groups as they move over, none where those of an aggregate have another layout."""
        old_names = set(self.view.schema.names)
        before = database.with_view(self.changed)
        added = contribution(bind_shape(before, self.changed), rows_covered(before, self.changed))
        new = {column.name: column.type for column in layout(connection, added)}
        old = {
            column.name: column.type
            for column in storage.layout_of(connection, Select((Star(),), table(self.view.parts)))
        }
        names = self.shape.aggregate.schema.names[len(self.shape.keys) :]
        staying = tuple(label for label, name in zip(self.shape.labels, names, strict=True) if name in old_names)
        if any(old.get(name, None if _is_part(name, staying) else type_) != type_ for name, type_ in new.items()):
            return {}
        return {name: ColumnRef(name) if name in old else _missing(type_) for name, type_ in new.items()}


def _require_alterable(view: View, changed: View, shape: Shape) -> None:
    if _keys(view.query) != _keys(changed.query):
        raise _refused(view, "the group-by expressions cannot be changed")
    old_types = {column.name: column.type for column in view.schema}
    for column in shape.schema:
        if old_types.get(column.name, column.type) != column.type:
            raise _refused(view, f"the type of column '{column.name}' cannot be changed")


def _is_part(stored: str, labels: tuple[str, ...]) -> bool:
    return any(stored == label or stored.startswith(f"{label}$") for label in labels)


def _missing(type_: str) -> Sql:
    return EMPTY if type_ == "VARCHAR" else cast(NULL, type_)


def _keys(query: str) -> list[tuple[list[str], str]] | None:
    statement = parse_query(query).statements[-1]
    operator = statement.operators[-1] if isinstance(statement, Pipeline) and statement.operators else None
    if not isinstance(operator, Summarize):
        return None
    return [
        ([name.text for name in projection.names], print_expression(projection.expression))
        for projection in operator.by or ()
    ]


def _refused(view: View, problem: str) -> KustoError:
    return KustoError(f"Cannot alter materialized view '{view.name}': {problem}.", "BadRequest_MaterializedViewAlter")
