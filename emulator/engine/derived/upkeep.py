"""How materialized views follow their source: every batch is aggregated and merged into the groups it touches."""
# ruff: noqa: S608 - every name goes through `identifier`, every value through a parameter

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from emulator.binder.entities import StoredTable
from emulator.binder.plan import Stored
from emulator.engine.catalog.entities import Entities
from emulator.engine.catalog.records import Database, Table, View
from emulator.engine.derived.shape import Contribution, Shape, contribution, finished, shape_of
from emulator.engine.relation_names import GROUP_KEY, INGESTION_TIME, batch_name
from emulator.engine.running.compile import bind_rows
from emulator.engine.session.workload import SMALL
from emulator.engine.storage import relations as storage
from emulator.engine.storage.relations import DuckStorage, Reads
from emulator.engine.storage.transaction import Transaction
from emulator.errors import EntityNotFound, KustoError
from emulator.sql.ast import SubqueryRef
from emulator.sql.render import expression, identifier, render

_NEVER = datetime(1970, 1, 1)  # noqa: DTZ001 - as DuckDB answers
# From so many pairs of groups on, planning a search of the index takes less time than comparing them.
_PAIRS = 200_000


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The statements that bring a view up to date with a batch of its source; `dependents` follow its new rows.

    `added` are the rows that the batch adds, which `contribute` puts into a temporary table; `discard` removes from it
    what the view has already, and `store` brings the rest into the view; `update` and then `insert` do the same, found
    by comparing all pairs of groups. `is_local` tells that `contribute` reads nothing but the batch.
    """

    view: View
    added: str
    contribute: str
    store: tuple[str, ...]
    discard: str = ""
    update: str = ""
    insert: str = ""
    is_local: bool = False
    shown: str = ""
    dependents: tuple["Upkeep", ...] = ()
    of_one: "UpkeepOfOne | None" = None


@dataclass(frozen=True, slots=True)
class UpkeepOfOne:
    """The statements for a batch of a single row, which is a group as it is: they stage and aggregate nothing.

    `update` brings the row into a group that is there, `insert` makes one. A deduplicating view has `hash` in place of
    `update`, which answers with the row's hash if the view wants the row; `shown` defines what its `dependents` read.
    """

    insert: str
    update: str = ""
    hash: str = ""
    shown: tuple[str, str] = ("", "")
    dependents: tuple[Upkeep, ...] = ()


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


def compile_upkeep(database: Database, view: View, batch: str | None = None) -> Upkeep:
    """Compile a view's upkeep and that of the views over it; `batch` is what has the new rows of its source."""
    batch = batch or batch_name(source_of(database, view).relation)
    shape = bind_shape(database, view, batch)
    reads = Reads(DuckStorage())
    upkeep = _upkeep(database, view, shape, contribution(shape, reads))
    if not reads.identities <= {batch}:
        return upkeep
    return replace(upkeep, is_local=True, of_one=_upkeep_of_one(database, upkeep, shape, batch))


def _upkeep(database: Database, view: View, shape: Shape, added: Contribution) -> Upkeep:
    dependents = tuple(compile_upkeep(database, each) for each in database.views_on(view.name) if each.is_enabled)
    rows = render(added.query)
    if not shape.is_mergeable:
        rows = f"SELECT {', '.join(map(identifier, (*added.keys, GROUP_KEY)))} FROM ({rows}) AS x"
    new = identifier(_new(view))
    upkeep = Upkeep(
        view,
        added=rows,
        contribute=f"INSERT INTO {new} SELECT * FROM ({rows}) AS x",
        store=(),
        dependents=dependents,
    )
    if shape.is_deduplication:
        batch = identifier(batch_name(view.relation))
        shown = f"CREATE OR REPLACE TEMP VIEW {batch} AS {render(finished(shape, _new(view)))}" if dependents else ""
        return replace(upkeep, discard=_discard(view, added), insert=_append(view, added, new), shown=shown)
    if shape.is_mergeable:
        return replace(
            upkeep,
            store=(_merge(view, added),),
            update=_update(view, added, new),
            insert=_insert_missing(view, added, new),
        )
    return replace(upkeep, store=_recompute(view, added, _touched(database, view)))


def _upkeep_of_one(database: Database, upkeep: Upkeep, shape: Shape, batch: str) -> UpkeepOfOne | None:
    if not (shape.is_mergeable and shape.takes_rows_as_they_are):
        return None
    view = upkeep.view
    added = contribution(shape, DuckStorage(), of_one=True)
    rows = f"({render(added.query)})"
    insert = _append(view, added, f"{rows} AS x")
    if not shape.is_deduplication:
        return UpkeepOfOne(insert, update=_update(view, added, rows))
    # Named after the batch too: a view has more than one such relation if it is over a deduplicating one itself.
    name = f"$one_{view.relation}{batch}"
    shown = replace(finished(shape, name), source=SubqueryRef(added.query, "v"))
    return UpkeepOfOne(
        insert,
        hash=f"SELECT {identifier(GROUP_KEY)} FROM {rows} AS x",
        shown=(name, f"CREATE OR REPLACE TEMP VIEW {identifier(name)} AS {render(shown)}"),
        dependents=tuple(
            # They stage in the same temporary tables, which must not be defined anew in turn.
            replace(compile_upkeep(database, each.view, name), added=each.added)
            for each in upkeep.dependents
        ),
    )


def apply_batch(transaction: Transaction, upkeep: Upkeep, rows: int | None = None) -> None:
    """Bring a view, and those over it, up to date with the batch of its source; it has so many rows (None: any)."""
    if rows == 1 and upkeep.of_one is not None and _apply_one(transaction, upkeep, upkeep.of_one):
        return
    _define(transaction, upkeep)
    transaction.staging.tables.empty(_new(upkeep.view))
    read = rows if upkeep.is_local else None
    if upkeep.discard:
        _add_unknown(transaction, upkeep, read)
        return
    count = transaction.session.run(upkeep.contribute, {}, read)
    if count and upkeep.update and _are_few_pairs(transaction, upkeep, count):
        _merge_pairs(transaction, upkeep, count)
    elif count:
        for statement in upkeep.store:
            transaction.session.run(statement, {"time": transaction.time} if "$time" in statement else {})
        transaction.groups.merged(upkeep.view.parts)


def _apply_one(transaction: Transaction, upkeep: Upkeep, of_one: UpkeepOfOne) -> bool:
    """Bring a view, and those over it, up to date with a single row; return False if that takes a search."""
    parts, memory = upkeep.view.parts, transaction.groups
    if of_one.update:
        if not _are_few_pairs(transaction, upkeep, 1):
            return False
        if not transaction.session.run(of_one.update, {"time": transaction.time}, 1):
            memory.added(parts, transaction.session.run(of_one.insert, {"time": transaction.time}, 1))
        return True
    # All at once, since the next batch may have more rows, and a definition makes all plans stale.
    _define(transaction, upkeep)
    if of_one.dependents:
        transaction.staging.tables.define(*of_one.shown)
    hashes = transaction.session.hashes(of_one.hash, 1)
    if not len(hashes):
        return True
    if memory.may_hold_any(parts, hashes):
        return False
    memory.remember(parts, hashes)
    memory.added(parts, 1)
    transaction.session.run(of_one.insert, {"time": transaction.time}, 1)
    for dependent in of_one.dependents:
        apply_batch(transaction, dependent, 1)
    return True


def _define(transaction: Transaction, upkeep: Upkeep) -> None:
    transaction.staging.define_like(_new(upkeep.view), upkeep.added)
    if upkeep.shown:
        transaction.staging.tables.define(batch_name(upkeep.view.relation), upkeep.shown)


def _add_unknown(transaction: Transaction, upkeep: Upkeep, rows: int | None) -> None:
    """Add the groups that a deduplicating view does not have yet, to it and to the views over it."""
    parts, memory = upkeep.view.parts, transaction.groups
    hashes = transaction.session.hashes(f"{upkeep.contribute} RETURNING {identifier(GROUP_KEY)}", rows)
    count = len(hashes)
    if count and (count > SMALL or memory.may_hold_any(parts, hashes)):
        count -= transaction.session.run(upkeep.discard, {})
    if not count:
        return
    # Those that were discarded are remembered already.
    memory.remember(parts, hashes)
    memory.added(parts, count)
    transaction.session.run(upkeep.insert, {"time": transaction.time}, count)
    for dependent in upkeep.dependents:
        apply_batch(transaction, dependent, count)


def _are_few_pairs(transaction: Transaction, upkeep: Upkeep, count: int) -> bool:
    return count * transaction.groups.count(upkeep.view.parts) <= _PAIRS


def _merge_pairs(transaction: Transaction, upkeep: Upkeep, count: int) -> None:
    """Merge so many groups into a view with a few, by plans that are kept: an update, then an insertion."""
    session, times = transaction.session, {"time": transaction.time}
    if session.run(upkeep.update, times, count) < count:
        transaction.groups.added(upkeep.view.parts, session.run(upkeep.insert, times, count))


def create(connection: duckdb.DuckDBPyConnection, database: Database, view: View, time: datetime) -> None:
    """Make what holds a view, filled from the rows of its source that it covers."""
    shape = bind_shape(database, view)
    added = contribution(shape, _since(database, view, view.since))
    columns = ", ".join(map(identifier, added.columns))
    layout = storage.columns_of(connection, f"SELECT {columns} FROM ({render(added.query)}) AS x")
    connection.execute(f"CREATE TABLE {identifier(view.parts)} ({layout}, {identifier(INGESTION_TIME)} TIMESTAMP)")
    connection.execute(_append(view, added, f"({render(added.query)}) AS x"), {"time": time})
    connection.execute(
        f"CREATE INDEX {identifier(view.parts + '$index')} ON {identifier(view.parts)} ({identifier(GROUP_KEY)})"
    )
    storage.create_view(connection, view.relation, finished(shape, view.parts, hidden=True))


def refresh(connection: duckdb.DuckDBPyConnection, database: Database, view: View) -> None:
    """Bring a view of an earlier process into the form of this version of the catalogue.

    Its DuckDB view is made anew, as its columns may be finished in another way; where its parts are others, they are
    aggregated again from what its source holds. A view whose query no longer binds keeps what it had;
    `.show materialized-views` tells why.
    """
    with suppress(KustoError):
        shape = bind_shape(database, view)
        wanted = {*contribution(shape, DuckStorage()).columns, INGESTION_TIME}
        if wanted != storage.column_names(connection, view.parts):
            time = storage.last_ingestion(connection, view.parts) or view.since or _NEVER
            connection.begin()
            storage.drop_table(connection, view.parts)
            create(connection, database, view, time)
            connection.commit()
        else:
            storage.create_view(connection, view.relation, finished(shape, view.parts, hidden=True))


def catch_up(transaction: Transaction, database: Database, view: View, after: datetime) -> None:
    """Add what the source received after an ingestion time to a view that was not kept up to date."""
    shape = bind_shape(database, view)
    added = contribution(shape, _since(database, view, after))
    apply_batch(transaction, _upkeep(database, view, shape, added))


def _since(database: Database, view: View, after: datetime | None) -> DuckStorage:
    source = source_of(database, view)
    return DuckStorage() if after is None else DuckStorage(after={source.relation: after})


def _touched(database: Database, view: View) -> Contribution:
    # Every row of the groups that a batch touches, whenever it came.
    return contribution(bind_shape(database, view), _since(database, view, view.since), only=_new(view))


def _new(view: View) -> str:
    return f"$new_{view.parts}"


def _same_group(added: Contribution) -> str:
    keys = " AND ".join(f"t.{identifier(key)} IS NOT DISTINCT FROM x.{identifier(key)}" for key in added.keys)
    key = identifier(GROUP_KEY)
    # Only the hash may look like a join key to DuckDB: with it alone it probes the index in place of a scan.
    return f"t.{key} = x.{key}" + (f" AND CASE WHEN {keys} THEN TRUE ELSE FALSE END" if keys else "")


def _changes(added: Contribution) -> str:
    updates = [f"{identifier(part.name)} = {expression(part.merge)}" for part in added.parts if part.merge is not None]
    return ", ".join((*updates, f"{identifier(INGESTION_TIME)} = CAST($time AS TIMESTAMP)"))


def _update(view: View, added: Contribution, rows: str) -> str:
    return f"UPDATE {identifier(view.parts)} AS t SET {_changes(added)} FROM {rows} AS x WHERE {_same_group(added)}"


def _insert_missing(view: View, added: Contribution, rows: str) -> str:
    parts, key = identifier(view.parts), identifier(GROUP_KEY)
    # With the new groups on the right DuckDB builds its hash table of them, also without the optimizer.
    found = f"{parts} AS t RIGHT JOIN {rows} AS x ON {_same_group(added)}"
    return _append(view, added, f"(SELECT x.* FROM {found} WHERE t.{key} IS NULL) AS m")


def _merge(view: View, added: Contribution) -> str:
    time = identifier(INGESTION_TIME)
    columns = ", ".join(map(identifier, added.columns))
    values = ", ".join(f"x.{identifier(name)}" for name in added.columns)
    return (
        f"MERGE INTO {identifier(view.parts)} AS t USING {identifier(_new(view))} AS x ON {_same_group(added)}"
        f" WHEN MATCHED THEN UPDATE SET {_changes(added)}"
        f" WHEN NOT MATCHED THEN INSERT ({columns}, {time}) VALUES ({values}, CAST($time AS TIMESTAMP))"
    )


def _discard(view: View, added: Contribution) -> str:
    key, new = identifier(GROUP_KEY), identifier(_new(view))
    known = f"SELECT * FROM {identifier(view.parts)} WHERE {key} IN (SELECT {key} FROM {new})"
    return f"DELETE FROM {new} AS x WHERE EXISTS (SELECT 1 FROM ({known}) AS t WHERE {_same_group(added)})"


def _append(view: View, added: Contribution, rows: str) -> str:
    columns = ", ".join(map(identifier, added.columns))
    return (
        f"INSERT INTO {identifier(view.parts)} ({columns}, {identifier(INGESTION_TIME)})"
        f" SELECT {columns}, CAST($time AS TIMESTAMP) FROM {rows}"
    )


def _recompute(view: View, touched: Contribution, everything: Contribution) -> tuple[str, ...]:
    groups = identifier(_new(view))
    return (
        f"DELETE FROM {identifier(view.parts)} AS t USING {groups} AS x WHERE {_same_group(touched)}",
        _append(view, everything, f"({render(everything.query)}) AS t"),
    )
