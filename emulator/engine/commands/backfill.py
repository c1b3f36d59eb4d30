"""Materialized views over rows that are stored already: their groups are aggregated before the turn to store them.

As for `.set` (`from_query`) the aggregation may take as long as the command, and runs beside the writer. In its turn
the command stores the groups, and adds to them what the source has received meanwhile.
"""

from contextlib import suppress
from functools import partial

from emulator.engine.commands import views
from emulator.engine.commands.from_query import forget
from emulator.engine.core import Core
from emulator.engine.derived.backfill import Backfill, SourceChanged
from emulator.engine.derived.compile_upkeep import bind_shape, rows_covered, source_of
from emulator.engine.derived.contribution import contribution
from emulator.engine.faults import STORAGE_ERRORS, kusto_fault
from emulator.engine.session.workload import Workload
from emulator.engine.storage.computed import ComputedRows
from emulator.engine.storage.transaction import Transaction, find_database
from emulator.result import ResultTable
from emulator.sql.render import render
from emulator.syntax.commands import DefineMaterializedView
from emulator.work import Work, doing, work_here

# How often the groups are aggregated beside the writer, when the source is another one each time; then in its turn.
_ATTEMPTS = 3


def define_view(core: Core, database: str, command: DefineMaterializedView) -> ResultTable:
    """Create or alter a view; what a new one has to aggregate of a table's rows holds nobody up."""
    work = work_here() or Work()
    for _ in range(_ATTEMPTS if views.is_backfill(core.database(database), command) else 0):
        rows = ComputedRows()
        try:
            backfill = work.compute(partial(_compute, core, database, command, rows))
            with suppress(SourceChanged):
                return _define(core, database, command, backfill)
        finally:
            forget(core, rows)
    return _define(core, database, command, None)


def _define(core: Core, database: str, command: DefineMaterializedView, backfill: Backfill | None) -> ResultTable:
    def define(transaction: Transaction) -> ResultTable:
        if backfill is not None and not backfill.is_of(core.writer.reopened, core.writer.rewritten):
            raise SourceChanged.of(command.name.text)
        return views.define_view(transaction, database, command, backfill)

    return core.writer.change(define)


def _compute(core: Core, database: str, command: DefineMaterializedView, rows: ComputedRows, work: Work) -> Backfill:
    reopened = core.writer.reopened
    try:
        with doing(work), core.cursor() as cursor:
            catalog, time = core.writer.snapshot(cursor)
            snapshot = find_database(catalog, database)
            view, _ = views.new_view(snapshot, command, "")
            source = source_of(snapshot, view).relation
            sql = render(contribution(bind_shape(snapshot, view), rows_covered(snapshot, view)).query)
            with core.fit(Workload(frozenset({source}))):
                rows.fill(cursor, sql, {})
            cursor.commit()
            return Backfill(rows, sql, source, time, reopened)
    except STORAGE_ERRORS as error:
        raise kusto_fault(error) from error
