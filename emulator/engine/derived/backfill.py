"""What a materialized view needs aggregated of its source, computed before the turn to store it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from emulator.engine.catalog.records import Database, View
from emulator.engine.derived.compile_upkeep import (
    bind_shape,
    catch_up,
    rows_covered,
    rows_since,
    source_of,
    touched_groups,
    upkeep_of,
)
from emulator.engine.derived.contribution import contribution
from emulator.engine.derived.parts_table import TIME, PartsTable
from emulator.engine.derived.shape import Strategy
from emulator.engine.storage.computed import ComputedRows
from emulator.engine.storage.transaction import Transaction
from emulator.errors import KustoError
from emulator.sql.ast import Select
from emulator.sql.build import columns
from emulator.sql.render import render


class SourceChanged(KustoError):
    """What a view is built on is another one than when its groups were aggregated: aggregate them again."""

    permanent = False

    @classmethod
    def of(cls, view: str) -> "SourceChanged":
        """Return the fault for a view."""
        return cls(f"The source of materialized view '{view}' was changed during the command.", "TH_TableChanged")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The groups that `sql` makes of a relation: all that a view holds or, if not `is_whole`, what it is to gain."""

    source: str
    sql: str
    is_whole: bool

    @classmethod
    def whole(cls, database: Database, view: View) -> Self:
        """Return all groups of a view."""
        query = contribution(bind_shape(database, view), rows_covered(database, view)).query
        return cls(source_of(database, view).relation, render(query), is_whole=True)

    @classmethod
    def gained(cls, database: Database, view: View, after: datetime) -> Self:
        """Return what a view gains by what its source received after an ingestion time."""
        shape = bind_shape(database, view)
        query = contribution(shape, rows_since(database, view, after)).query
        if shape.strategy is Strategy.RECOMPUTE:
            query = touched_groups(database, view, query)
        return cls(source_of(database, view).relation, render(query), is_whole=False)


@dataclass(frozen=True, slots=True)
class Backfill:
    """The groups wanted, of all that the source had up to `time`."""

    rows: ComputedRows
    wanted: Wanted
    time: datetime
    reopened: int

    def is_of(self, reopened: int, rewritten: Mapping[str, datetime]) -> bool:
        """Whether the rows are still there, and those of the source too; `rewritten` are relations that lost some."""
        return self.reopened == reopened and rewritten.get(self.wanted.source, self.time) <= self.time


def gain(transaction: Transaction, database: Database, view: View, backfill: Backfill) -> None:
    """Add to a view, and to those over it, what was computed that it gains, and then what has come since."""
    shape = bind_shape(database, view)
    added = contribution(shape, rows_since(database, view, backfill.time))
    rows = backfill.rows.source("x")
    if shape.strategy is Strategy.RECOMPUTE:
        parts = PartsTable(view.parts, added)
        transaction.session.run(parts.delete(rows), {})
        transaction.session.run(parts.append(rows), {TIME: transaction.time})
        transaction.groups.merged(view.parts)
    else:
        computed = replace(added, query=Select(columns(added.columns), rows))
        upkeep_of(database, view, shape, computed).apply(transaction)
    catch_up(transaction, database, view, backfill.time)
