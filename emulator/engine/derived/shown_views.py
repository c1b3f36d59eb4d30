"""The queries that materialized views are over their parts, bound once per snapshot of a database."""

from collections.abc import Callable
from functools import partial

from emulator.engine.catalog.records import Database
from emulator.engine.catalog.snapshot_cache import SnapshotCache
from emulator.engine.derived.upkeep import finished_query
from emulator.sql.ast import Select


class ShownViews:
    """The views of the latest snapshot of each database."""

    def __init__(self) -> None:
        self._bound = SnapshotCache(_bind)

    def of(self, database: Database) -> Callable[[str], Select | None]:
        """Return what finds the query of a view by its relation; None for what is no view, or no longer binds."""
        return partial(self._bound.get, database)


def _bind(database: Database, relation: str) -> Select | None:
    view = next((each for each in database.views.values() if each.relation == relation), None)
    return None if view is None else finished_query(database, view)
