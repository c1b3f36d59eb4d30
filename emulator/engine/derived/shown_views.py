"""Materialized views as queries read them: a SELECT over the stored groups, of no more columns than are read."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial

import duckdb

from emulator.engine.catalog.records import Database
from emulator.engine.catalog.snapshot_cache import SnapshotCache
from emulator.engine.derived.compile_upkeep import bind_shape
from emulator.engine.derived.contribution import finished
from emulator.engine.storage.relations import layout_of
from emulator.errors import KustoError
from emulator.sql.ast import Select
from emulator.work import check_work


class ShownViews:
    """The views of the latest snapshot of each database; `lend` lends a connection to look at what is stored."""

    def __init__(self, lend: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]) -> None:
        self._lend = lend
        self._shown = SnapshotCache(self._show)

    def of(self, database: Database) -> Callable[[str], Select | None]:
        """Return what finds the query of a view by its relation, None for any other relation."""
        return partial(self._shown.get, database)

    def _show(self, database: Database, relation: str) -> Select | None:
        # Where a view's query no longer binds, or no longer fits what is stored, the DuckDB view has what it had.
        view = next((each for each in database.views.values() if each.relation == relation), None)
        if view is not None:
            with self._lend() as connection, suppress(KustoError, duckdb.Error):
                query = finished(bind_shape(database, view), view.parts)
                layout_of(connection, query)
                return query
        # What has ended here must not be kept as the answer.
        check_work()
        return None
