"""Materialized views that fall behind their source, and catch up: materialized-views-monitoring.md.

A view that cannot compute a row never fails the rows' ingestion. It stays as it was before them, says so, and no row is
skipped: it takes in all of them together as soon as it can.
"""

from dataclasses import replace
from datetime import datetime

from emulator.engine.catalog.records import Catalog, Database, View
from emulator.engine.derived.backfill import Backfill, gain
from emulator.engine.derived.compile_upkeep import catch_up
from emulator.engine.session.budget import BudgetEnded
from emulator.engine.storage.transaction import Transaction
from emulator.errors import LimitFault


def fall_behind(transaction: Transaction, database: str, name: str, position: datetime, reason: str) -> None:
    """Leave a view as it is, with the rows up to an ingestion time, while its source goes on."""
    snapshot = transaction.database(database)
    behind = replace(snapshot.views[name], position=position, failure=reason)
    transaction.put(snapshot.with_view(behind))


def materialize(transaction: Transaction, database: str, name: str) -> None:
    """Let a view catch up, unless it is gone or no longer behind; LimitFault where that takes too long."""
    snapshot = transaction.catalog.databases.get(database)
    view = None if snapshot is None else snapshot.views.get(name)
    if view is not None and view.is_behind:
        try:
            # However many rows it has missed: ingestion waits for it.
            with transaction.budget.step((database, name)):
                caught_up(transaction, database, view)
        except BudgetEnded as ended:
            raise LimitFault(str(ended), "E_QUERY_TIMEOUT", hint="disable and enable it, or make it anew") from ended


def caught_up(transaction: Transaction, database: str, view: View, backfill: Backfill | None = None) -> View:
    """Add to a view, and to those over it, what its source received after its position; return it as it is then.

    `backfill` is most of that, computed before. What it cannot compute is raised, as duckdb.Error or KustoError.
    """
    changed = replace(view, position=None, failure="")
    transaction.put(transaction.database(database).with_view(changed))
    snapshot = transaction.database(database)
    if backfill is not None:
        gain(transaction, snapshot, changed, backfill)
    elif view.position is not None:
        catch_up(transaction, snapshot, changed, view.position)
    return changed


def views_behind(catalog: Catalog) -> dict[str, tuple[str, str]]:
    """Return the views that are to catch up, as (database, name), by their relation."""
    return {
        view.relation: (database.name, view.name)
        for database in catalog.databases.values()
        for view in database.views.values()
        if view.is_behind
    }


def as_materialized(database: Database, view: View) -> View:
    """Return a view with position and failure of the view that it is built on, while that is behind."""
    base = database.views.get(view.source) if view.on_view else None
    if base is None or not view.is_kept_up:
        return view
    base = as_materialized(database, base)
    if not base.is_behind:
        return view
    failure = f"Its source, materialized view '{base.name}', is behind: {base.failure}"
    return replace(view, position=base.position, failure=failure)
