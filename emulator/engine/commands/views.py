"""Commands on materialized views."""

from dataclasses import replace
from datetime import datetime, timedelta

import duckdb

from emulator.binder.bind_expressions.constants import read_datetime
from emulator.engine.catalog.entities import Entities
from emulator.engine.catalog.records import Database, View
from emulator.engine.commands.answer import answer, columns
from emulator.engine.derived.alteration import Alteration
from emulator.engine.derived.backfill import Backfill, Wanted
from emulator.engine.derived.compile_upkeep import bind_shape, catch_up
from emulator.engine.derived.materialization import as_materialized
from emulator.engine.derived.rules import check_view
from emulator.engine.derived.shape import Shape, Strategy, shape_of
from emulator.engine.derived.view_storage import create
from emulator.engine.relation_names import parts_name
from emulator.engine.running.stored_query import bind_rows
from emulator.engine.storage import relations as storage
from emulator.engine.storage.transaction import Transaction, find_table, find_view
from emulator.errors import EntityAlreadyExists, KustoError, SemanticFault
from emulator.result import ResultTable
from emulator.schema.canonical import canonical_query
from emulator.schema.changes import with_text, with_view_properties
from emulator.syntax.commands import (
    DefineMaterializedView,
    DefineVerb,
    EntityKind,
    Properties,
    SetViewProperty,
    property_text,
)
from emulator.text import NOWHERE
from emulator.types import Schema

SHOWN = columns(
    "Name:string, SourceTable:string, Query:string, MaterializedTo:datetime, LastRun:datetime, LastRunResult:string,"
    "IsHealthy:bool, IsEnabled:bool, Folder:string, DocString:string, AutoUpdateSchema:bool,"
    "EffectiveDateTime:datetime, Lookback:timespan, LookbackColumn:string"
)
_CREATION_PROPERTIES = frozenset(
    {
        *("backfill", "effectivedatetime", "updateextentscreationtime", "lookback", "lookback_column"),
        *("autoupdateschema", "dimensiontables", "folder", "docstring"),
        *("allowmaterializedviewswithoutrowlevelsecurity", "maxsourcerecordsforsingleingest", "concurrency"),
    }
)
_ALTERATION_PROPERTIES = frozenset({"dimensiontables", "lookback", "folder", "docstring", "autoupdateschema"})


def may_aggregate(snapshot: Database, command: DefineMaterializedView) -> bool:
    """Whether a command may have to aggregate what its source has already."""
    view = snapshot.views.get(command.name.text)
    if view is None:
        return command.verb is not DefineVerb.ALTER and _backfills(command)
    return command.verb is not DefineVerb.CREATE and _alters(view, _changed(view, command))


def wanted(connection: duckdb.DuckDBPyConnection, snapshot: Database, command: DefineMaterializedView) -> Wanted | None:
    """Return what a command has to aggregate, as far as that can be done before its turn."""
    view = snapshot.views.get(command.name.text)
    if not may_aggregate(snapshot, command):
        return None
    if view is None:
        return Wanted.whole(snapshot, new_view(snapshot, command, "")[0])
    return _alteration(snapshot, view, command).wanted(connection, snapshot)


def wanted_to_enable(connection: duckdb.DuckDBPyConnection, snapshot: Database, name: str) -> Wanted | None:
    """Return what a view has to gain to be enabled, as far as that can be computed before the turn."""
    return _enabling(snapshot, find_view(snapshot, name)).wanted(connection, snapshot)


def define_view(
    transaction: Transaction, database: str, command: DefineMaterializedView, backfill: Backfill | None = None
) -> ResultTable:
    """Create or alter a materialized view; with the property `backfill` it covers what its source holds already.

    `backfill` is what is `wanted`, where it is known. Raises SourceChanged where that is of no use.
    """
    snapshot = transaction.database(database)
    name = command.name.text
    existing = snapshot.views.get(name)
    if existing is not None and command.verb is DefineVerb.CREATE:
        if command.if_not_exists:
            return answer(SHOWN, [shown(snapshot, existing, transaction.time)])
        raise EntityAlreadyExists(
            f"Entity '{name}' of kind 'MaterializedView' already exists.", "BadRequest_EntityNameAlreadyExists"
        )
    if command.verb is DefineVerb.ALTER:
        find_view(snapshot, name)
    view = (
        _create(transaction, snapshot, command, backfill)
        if existing is None
        else _alter(transaction, existing, command, database, backfill)
    )
    return answer(SHOWN, [shown(transaction.database(database), view, transaction.time)])


def new_view(
    snapshot: Database, command: DefineMaterializedView, relation: str, since: datetime | None = None
) -> tuple[View, Shape]:
    """Return the view that a command makes, and its query taken apart; `since` is from when on without a backfill."""
    name, properties = command.name.text, command.properties
    _require_known(properties, _CREATION_PROPERTIES, "create")
    if name in snapshot.tables:
        raise EntityAlreadyExists(
            f"Entity '{name}' of kind 'Table' already exists.", "BadRequest_EntityNameAlreadyExists"
        )
    on_view = command.source.kind is EntityKind.MATERIALIZED_VIEW
    source = command.source.name or ""
    if on_view:
        _require_deduplication(snapshot, find_view(snapshot, source))
    else:
        find_table(snapshot, source)
    view = View(
        name,
        source,
        on_view,
        command.query_text,
        relation=relation,
        parts=parts_name(relation),
        schema=Schema(),
        since=_effective(properties) if _backfills(command) else since,
    )
    view = with_view_properties(view, properties)
    shape = _checked(snapshot, view)
    return replace(view, schema=shape.schema), shape


def _create(
    transaction: Transaction, snapshot: Database, command: DefineMaterializedView, backfill: Backfill | None
) -> View:
    view, _ = new_view(snapshot, command, transaction.new_relation("v"), transaction.time)
    transaction.put(snapshot.with_view(view))
    database = transaction.database(snapshot.name)
    create(transaction.connection, database, view, transaction.time, backfill)
    if backfill is not None:
        after = backfill.time if view.since is None else max(backfill.time, view.since)
        catch_up(transaction, database, view, after)
    return view


def _backfills(command: DefineMaterializedView) -> bool:
    return (property_text(command.properties, "backfill") or "false").lower() == "true"


def _alter(
    transaction: Transaction, view: View, command: DefineMaterializedView, database: str, backfill: Backfill | None
) -> View:
    snapshot = transaction.database(database)
    changed = _changed(view, command)
    # Another layout of the same query is stored as it is written, and nothing is aggregated again.
    if not _alters(view, changed):
        if changed != view:
            transaction.put(snapshot.with_view(changed))
        return changed
    return _alteration(snapshot, view, command).apply(transaction, database, backfill)


def _changed(view: View, command: DefineMaterializedView) -> View:
    """Return a view as a command alters it."""
    _require_known(command.properties, _ALTERATION_PROPERTIES, "alter")
    source = command.source.name or ""
    if source != view.source or (command.source.kind is EntityKind.MATERIALIZED_VIEW) != view.on_view:
        raise KustoError(
            f"Cannot alter materialized view '{view.name}': its source '{view.source}' cannot be changed.",
            "BadRequest_MaterializedViewAlter",
        )
    return with_view_properties(replace(view, query=command.query_text), command.properties)


def _alters(view: View, changed: View) -> bool:
    is_same = canonical_query(changed.query) == canonical_query(view.query)
    return not is_same or changed.dimension_tables != view.dimension_tables


def _alteration(snapshot: Database, view: View, command: DefineMaterializedView) -> Alteration:
    changed = _changed(view, command)
    return Alteration(view, changed, _checked(snapshot, changed), is_other=True)


def _enabling(snapshot: Database, view: View) -> Alteration:
    if view.is_enabled:
        raise _already(view, "enabled")
    shape = _checked(snapshot, view)
    is_other = [(c.name, c.type) for c in shape.schema] != [(c.name, c.type) for c in view.schema]
    return Alteration(view, replace(view, is_enabled=True), shape, is_other=is_other)


def _checked(snapshot: Database, view: View) -> Shape:
    plan = bind_rows(view.query, Entities(snapshot))
    shape = shape_of(plan)
    check_view(view.name, plan, shape, view.source, view.dimension_tables)
    return shape


def _require_deduplication(snapshot: Database, source: View) -> None:
    if bind_shape(snapshot, source).strategy is not Strategy.DEDUPLICATE:
        raise SemanticFault(
            f"Cannot create a materialized view over materialized view '{source.name}': only materialized views with a "
            "single take_any(*) aggregation are supported as a source.",
            "BadRequest_MaterializedViewInvalidSource",
        )


def drop_views(transaction: Transaction, database: str, names: tuple[str, ...], *, if_exists: bool) -> ResultTable:
    """Drop views with what they hold; the answer lists those that are left."""
    for name in names:
        snapshot = transaction.database(database)
        if if_exists and name not in snapshot.views:
            continue
        find_view(snapshot, name)
        dependents = snapshot.views_on(name)
        if dependents:
            raise KustoError(
                f"Cannot drop materialized view '{name}': materialized view '{dependents[0].name}' is built on it.",
                "BadRequest_MaterializedViewHasDependents",
            )
        transaction.drop_view(database, name)
    after = transaction.database(database)
    return answer(SHOWN, [shown(after, view, transaction.time) for view in after.views.values()])


def rename_view(transaction: Transaction, database: str, old: str, new: str) -> ResultTable:
    """Rename a view; views over it follow."""
    snapshot = transaction.database(database)
    view = find_view(snapshot, old)
    if new in snapshot.tables or new in snapshot.views:
        raise EntityAlreadyExists(
            f"Entity '{new}' of kind 'MaterializedView' already exists.", "BadRequest_EntityNameAlreadyExists"
        )
    if snapshot.views_on(old):
        raise KustoError(
            f"Cannot rename materialized view '{old}': other materialized views are built on it.",
            "BadRequest_MaterializedViewHasDependents",
        )
    renamed = replace(view, name=new)
    transaction.put(snapshot.without_view(old).with_view(renamed))
    return answer(SHOWN, [shown(transaction.database(database), renamed, transaction.time)])


def set_view_property(transaction: Transaction, database: str, command: SetViewProperty) -> ResultTable:
    """Set lookback, autoUpdateSchema or the dimension tables of a view."""
    snapshot = transaction.database(database)
    view = with_view_properties(find_view(snapshot, command.name.text), (command.property,))
    transaction.put(snapshot.with_view(view))
    return answer(SHOWN, [shown(transaction.database(database), view, transaction.time)])


def set_view_text(transaction: Transaction, database: str, name: str, field: str, text: str) -> ResultTable:
    """Set a view's docstring or folder."""
    snapshot = transaction.database(database)
    view = with_text(find_view(snapshot, name), field, text)
    transaction.put(snapshot.with_view(view))
    return answer(SHOWN, [shown(transaction.database(database), view, transaction.time)])


def enable_view(transaction: Transaction, database: str, name: str, backfill: Backfill | None = None) -> ResultTable:
    """Enable a view again: it catches up with what its source received meanwhile; `backfill` as for `define_view`."""
    snapshot = transaction.database(database)
    changed = _enabling(snapshot, find_view(snapshot, name)).apply(transaction, database, backfill)
    return answer(SHOWN, [shown(transaction.database(database), changed, transaction.time)])


def disable_view(transaction: Transaction, database: str, name: str) -> ResultTable:
    """Disable a view: it keeps what it has."""
    snapshot = transaction.database(database)
    view = find_view(snapshot, name)
    if not view.is_enabled:
        raise _already(view, "disabled")
    position = transaction.time if view.position is None else view.position
    changed = replace(view, is_enabled=False, position=position)
    transaction.put(snapshot.with_view(changed))
    return answer(SHOWN, [shown(transaction.database(database), changed, transaction.time)])


def _already(view: View, state: str) -> KustoError:
    return KustoError(f"Materialized view '{view.name}' is already {state}.", "BadRequest_MaterializedViewState")


def clear_view(transaction: Transaction, database: str, name: str) -> ResultTable:
    """Forget what a view holds; it goes on with rows that come."""
    view = find_view(transaction.database(database), name)
    storage.clear_table(transaction.connection, view.parts)
    transaction.rewritten.add(view.relation)
    cleared = replace(view, since=transaction.time, position=transaction.time)
    if view.is_enabled:
        # Nothing is left of what it could not compute.
        cleared = replace(cleared, position=None, failure="")
    transaction.put(transaction.database(database).with_view(cleared))
    return answer(SHOWN, [shown(transaction.database(database), cleared, transaction.time)])


def shown(database: Database, view: View, time: datetime) -> tuple[object, ...]:
    """Return a view as `.show materialized-views` lists it; one that is kept up has all that is committed."""
    view = as_materialized(database, view)
    return (
        view.name,
        view.source,
        view.query,
        time if view.position is None else view.position,
        time if view.position is None else view.position,
        "Failed" if view.failure else "Completed",
        not view.failure,
        view.is_enabled,
        view.folder,
        view.docstring,
        view.auto_update_schema,
        view.since,
        view.lookback,
        view.lookback_column,
    )


def _effective(properties: Properties) -> datetime | None:
    text = property_text(properties, "effectivedatetime")
    if not text:
        return None
    # Rows from the instant on count, and coverage begins after `since`.
    return read_datetime(text, NOWHERE) - timedelta(microseconds=1)


def _require_known(properties: Properties, known: frozenset[str], verb: str) -> None:
    for each in properties:
        if each.name.lower() not in known:
            supported = "DimensionTables,Lookback,Folder,DocString,AutoUpdateSchema" if verb == "alter" else ""
            raise KustoError(
                f"Unsupported property '{each.name}' in materialized view {verb} command."
                + (f" Supported properties: {supported}." if supported else ""),
                "BadRequest_UnsupportedProperty",
                each.span,
            )
