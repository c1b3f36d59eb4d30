"""Materialized views over rows that are stored already: their groups are aggregated before the turn to store them.

As for `.set` (`from_query`) the aggregation may take as long as the command, and runs beside the writer. In its turn
the command stores the groups, and adds to them what the source has received meanwhile.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeAlias

import duckdb

from emulator.engine.catalog.records import Database
from emulator.engine.commands import views
from emulator.engine.commands.from_query import forget
from emulator.engine.core import Core
from emulator.engine.derived.backfill import Backfill, SourceChanged, Wanted
from emulator.engine.session.workload import Workload
from emulator.engine.storage.computed import ComputedRows
from emulator.engine.storage.transaction import Transaction, find_database
from emulator.result import ResultTable
from emulator.syntax.commands import DefineMaterializedView
from emulator.work import Work, doing, work_here

Wants: TypeAlias = Callable[[duckdb.DuckDBPyConnection, Database], Wanted | None]
Change: TypeAlias = Callable[[Transaction, Backfill | None], ResultTable]

# How often the groups are aggregated beside the writer, when the source is another one each time; then in its turn.
_ATTEMPTS = 3


def define_view(core: Core, database: str, command: DefineMaterializedView) -> ResultTable:
    """Create or alter a view; what it has to aggregate of rows that are stored holds nobody up."""

    def change(transaction: Transaction, backfill: Backfill | None) -> ResultTable:
        return views.define_view(transaction, database, command, backfill)

    if not views.may_aggregate(core.database(database), command):
        return core.writer.change(lambda transaction: change(transaction, None))
    return _beside(core, database, partial(views.wanted, command=command), change, command.name.text)


def enable_view(core: Core, database: str, name: str) -> ResultTable:
    """Enable a view; what it has missed is aggregated beside the writer."""

    def change(transaction: Transaction, backfill: Backfill | None) -> ResultTable:
        return views.enable_view(transaction, database, name, backfill)

    return _beside(core, database, partial(views.wanted_to_enable, name=name), change, name)


def _beside(core: Core, database: str, wants: Wants, change: Change, view: str) -> ResultTable:
    """Make a change of a view with what it wants aggregated, or without where there is nothing of the kind."""

    def checked(transaction: Transaction, backfill: Backfill) -> ResultTable:
        if not backfill.is_of(core.writer.reopened, core.writer.rewritten):
            raise SourceChanged.of(view)
        return change(transaction, backfill)

    work = work_here() or Work()
    for _ in range(_ATTEMPTS):
        rows = ComputedRows()
        try:
            backfill = work.compute(partial(_compute, core, database, wants, rows))
            if backfill is None:
                break
            with suppress(SourceChanged):
                return core.writer.change(partial(checked, backfill=backfill))
        finally:
            forget(core, rows)
    return core.writer.change(lambda transaction: change(transaction, None))


def _compute(core: Core, database: str, wants: Wants, rows: ComputedRows, work: Work) -> Backfill | None:
    reopened = core.writer.reopened
    with doing(work), core.cursor() as cursor:
        catalog, time = core.writer.snapshot(cursor)
        wanted = wants(cursor, find_database(catalog, database))
        if wanted is not None:
            with core.fit(Workload(frozenset({wanted.source}))):
                rows.fill(cursor, wanted.sql, {})
        cursor.commit()
        return None if wanted is None else Backfill(rows, wanted, time, reopened)
