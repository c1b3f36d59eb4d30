"""Materialized views compiled to their upkeep, and the same statements once for rows that a view has missed."""

from datetime import datetime, timedelta
from typing import assert_never

from emulator.binder.entities import StoredTable
from emulator.binder.plan import Stored
from emulator.engine.catalog.entities import Entities
from emulator.engine.catalog.records import Database, Table, View
from emulator.engine.derived.contribution import Contribution, contribution, finished, shown_of_one
from emulator.engine.derived.parts_table import PartsTable, new_groups
from emulator.engine.derived.shape import Shape, Strategy, shape_of
from emulator.engine.derived.upkeep import (
    Deduplicating,
    Followers,
    KeptView,
    Merging,
    NewGroups,
    PairMerge,
    Recomputing,
    SingleRow,
    Upkeep,
)
from emulator.engine.relation_names import GROUP_KEY, batch_name
from emulator.engine.running.stored_query import bind_rows
from emulator.engine.storage.relations import DuckStorage, Reads
from emulator.engine.storage.transaction import Transaction
from emulator.errors import EntityNotFound, KustoError
from emulator.sql.ast import ColumnRef, Cte, Query, Select, Star, SubqueryRef, With
from emulator.sql.build import columns, table
from emulator.sql.render import render
from emulator.sql.statements import CreateView, Insert
from emulator.types import TICKS_PER_DAY, TICKS_PER_MICROSECOND

# A longer one is as good as none.
_LONGEST_LOOKBACK = 36_500 * TICKS_PER_DAY

_TOUCHED = "$touched"


def source_of(database: Database, view: View) -> Table | View:
    """Return what a view is built on, or raise EntityNotFound."""
    source = database.views.get(view.source) if view.on_view else database.tables.get(view.source)
    if source is None:
        raise EntityNotFound(
            f"Materialized view '{view.name}': its source '{view.source}' does not exist.", "BadRequest_EntityNotFound"
        )
    return source


def bind_shape(database: Database, view: View, relation: str | None = None) -> Shape:
    """Bind a view's query, with its source read from `relation` (None: all rows), and take it apart."""
    source = source_of(database, view)
    stored = StoredTable(Stored(source.name, relation or source.relation, source.schema))
    return shape_of(bind_rows(view.query, Entities(database, {source.name: stored})))


def rows_since(database: Database, view: View, after: datetime | None) -> DuckStorage:
    """Return the storage in which a view's source has only what it received after an ingestion time (None: all)."""
    return DuckStorage() if after is None else DuckStorage(after={source_of(database, view).relation: after})


def rows_covered(database: Database, view: View) -> DuckStorage:
    """Return the storage in which a view's source has only the rows that the view is to hold."""
    if view.position is None:
        return rows_since(database, view, view.since)
    relation = source_of(database, view).relation
    after = {} if view.since is None else {relation: view.since}
    return DuckStorage(after=after, until={relation: view.position})


def kept_views(database: Database, source: str, batch: str | None = None) -> tuple[KeptView, ...]:
    """Compile the upkeep of the views over a source, each for itself, since none fails for another."""
    return tuple(_kept(database, view, batch) for view in database.views_on(source) if view.is_kept_up)


def _kept(database: Database, view: View, batch: str | None) -> KeptView:
    name = (database.name, view.name)
    try:
        return KeptView(name, compile_upkeep(database, view, batch))
    except KustoError as fault:
        return KeptView(name, fault)


def compile_upkeep(database: Database, view: View, batch: str | None = None) -> Upkeep:
    """Compile a view's upkeep and that of the views over it; `batch` is what has the new rows of its source."""
    batch = batch or batch_name(source_of(database, view).relation)
    shape = bind_shape(database, view, batch)
    reads = Reads(DuckStorage())
    added = contribution(shape, reads)
    return _compile(database, view, shape, added, batch if reads.identities <= {batch} else None)


def catch_up(transaction: Transaction, database: Database, view: View, after: datetime) -> None:
    """Add what the source received after an ingestion time to a view that was not kept up to date, and those over it.

    What the view itself cannot compute is raised, as duckdb.Error or KustoError.
    """
    shape = bind_shape(database, view)
    upkeep_of(database, view, shape, contribution(shape, rows_since(database, view, after))).apply(transaction)


def upkeep_of(database: Database, view: View, shape: Shape, added: Contribution) -> Upkeep:
    """Compile the upkeep of a view, and of those over it, from what it gains of any rows."""
    return _compile(database, view, shape, added, None)


def touched_groups(database: Database, view: View, added: Query) -> Query:
    """Return the groups that rows add to, each with all its rows, for a view that is recomputed."""
    rows = contribution(bind_shape(database, view), rows_since(database, view, view.since), only=_TOUCHED).query
    return With((Cte(_TOUCHED, added, materialized=True),), Select((Star(),), SubqueryRef(rows, "r")))


def _compile(database: Database, view: View, shape: Shape, added: Contribution, batch: str | None) -> Upkeep:
    """Compile the upkeep of a view from what it gains; `batch` is the only relation that is read for it, if one is."""
    match shape.strategy:
        case Strategy.DEDUPLICATE:
            return _deduplicating(database, view, shape, added, batch)
        case Strategy.MERGE:
            return _merging(view, shape, added, batch)
        case Strategy.RECOMPUTE:
            return _recomputing(database, view, added, batch)
        case _:
            assert_never(shape.strategy)


def _merging(view: View, shape: Shape, added: Contribution, batch: str | None) -> Merging:
    parts, staged = PartsTable(view.parts, added), table(new_groups(view.parts), "x")
    of_one = _of_one(shape, batch)
    return Merging(
        view.parts,
        _new_groups(view, added.query, added.columns, batch),
        PairMerge(parts.update(staged), parts.insert_missing(staged)),
        parts.merge(staged),
        None if of_one is None else _by_pair(PartsTable(view.parts, of_one)),
    )


def _by_pair(parts: PartsTable) -> PairMerge:
    # A row that met no group to update has none.
    row = SubqueryRef(parts.added.query, "x")
    return PairMerge(parts.update(row), parts.append(row))


def _recomputing(database: Database, view: View, added: Contribution, batch: str | None) -> Recomputing:
    keys = (*added.keys, GROUP_KEY)
    touched = new_groups(view.parts)
    # Every row of the groups that a batch touches, whenever it came.
    rows = contribution(bind_shape(database, view), rows_since(database, view, view.since), only=touched)
    return Recomputing(
        view.parts,
        _new_groups(view, Select(columns(keys), SubqueryRef(added.query, "x")), keys, batch),
        PartsTable(view.parts, added).delete(table(touched, "x")),
        PartsTable(view.parts, rows).append(SubqueryRef(rows.query, "x")),
    )


def _deduplicating(
    database: Database, view: View, shape: Shape, added: Contribution, batch: str | None
) -> Deduplicating:
    parts, staged = PartsTable(view.parts, added), new_groups(view.parts)
    of_one = _of_one(shape, batch)
    return Deduplicating(
        view.parts,
        _new_groups(view, added.query, added.columns, batch),
        render(_filling(staged, added.query, returns_hashes=True)),
        parts.discard_known(staged),
        parts.append(table(staged, "x")),
        _followers(database, view, batch_name(view.relation), finished(shape, staged)),
        None if of_one is None or batch is None else _single_row(database, view, shape, of_one, batch),
        _lookback(view),
    )


def _lookback(view: View) -> timedelta | None:
    # By a column of its own it says nothing of ingestion times.
    if view.lookback is None or view.lookback_column is not None or not 0 <= view.lookback <= _LONGEST_LOOKBACK:
        return None
    return timedelta(microseconds=view.lookback // TICKS_PER_MICROSECOND)


def _single_row(database: Database, view: View, shape: Shape, added: Contribution, batch: str) -> SingleRow:
    row = SubqueryRef(added.query, "v")
    # Named after the batch too: a view has two such relations if it is over a deduplicating one itself.
    name = f"$one_{view.relation}{batch}"
    return SingleRow(
        render(Select(columns((GROUP_KEY,)), row)),
        PartsTable(view.parts, added).append(row),
        _followers(database, view, name, shown_of_one(shape, added)),
    )


def _followers(database: Database, view: View, batch: str, rows: Select) -> Followers:
    return Followers(
        batch,
        render(CreateView(batch, rows, temporary=True, or_replace=True)),
        kept_views(database, view.name, batch),
    )


def _of_one(shape: Shape, batch: str | None) -> Contribution | None:
    if batch is None or not shape.takes_rows_as_they_are:
        return None
    return contribution(shape, DuckStorage(), of_one=True)


def _new_groups(view: View, rows: Query, names: tuple[str, ...], batch: str | None) -> NewGroups:
    name = new_groups(view.parts)
    layout = Select(columns(names), table(view.parts))
    return NewGroups(name, render(layout), render(_filling(name, rows)), is_local=batch is not None)


def _filling(name: str, rows: Query, *, returns_hashes: bool = False) -> Insert:
    return Insert(name, rows, returning=(ColumnRef(GROUP_KEY),) if returns_hashes else ())
