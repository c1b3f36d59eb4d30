"""The queries that materialized views are over their parts, bound once per snapshot of a database."""

import threading
from collections.abc import Callable

from emulator.engine.catalog import Database, View
from emulator.engine.view_shape import finished
from emulator.engine.view_upkeep import bind_shape
from emulator.errors import KustoError
from emulator.sql.ast import Select


class ShownViews:
    """The views of the latest snapshot of each database that was asked for; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bound: dict[str, tuple[Database, dict[str, Select | None]]] = {}

    def of(self, database: Database) -> Callable[[str], Select | None]:
        """Return what finds the query of a view by its relation; None for what is no view, or no longer binds."""
        by_relation = {view.relation: view for view in database.views.values()}

        def find(relation: str) -> Select | None:
            view = by_relation.get(relation)
            return None if view is None else self._query(database, view)

        return find

    def _query(self, database: Database, view: View) -> Select | None:
        with self._lock:
            snapshot, bound = self._bound.get(database.name, (None, {}))
            if snapshot is not database:
                bound = {}
                self._bound[database.name] = database, bound
            if view.relation not in bound:
                bound[view.relation] = _bind(database, view)
            return bound[view.relation]


def _bind(database: Database, view: View) -> Select | None:
    try:
        return finished(bind_shape(database, view), view.parts)
    except KustoError:
        # The DuckDB view shows what it had.
        return None
