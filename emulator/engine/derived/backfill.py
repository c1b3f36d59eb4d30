"""The groups of a materialized view, aggregated before the turn to store them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from emulator.engine.storage.computed import ComputedRows
from emulator.errors import KustoError


class SourceChanged(KustoError):
    """What a view is built on is another one than when its groups were aggregated: aggregate them again."""

    permanent = False

    @classmethod
    def of(cls, view: str) -> "SourceChanged":
        """Return the fault for a view."""
        return cls(f"The source of materialized view '{view}' was changed during the command.", "TH_TableChanged")


@dataclass(frozen=True, slots=True)
class Backfill:
    """What `sql` made of all that a table had up to `time`."""

    rows: ComputedRows
    sql: str
    source: str
    time: datetime
    reopened: int

    def is_of(self, reopened: int, rewritten: Mapping[str, datetime]) -> bool:
        """Whether the rows are still there, and those of the source too; `rewritten` are tables that have lost some."""
        return self.reopened == reopened and rewritten.get(self.source, self.time) <= self.time
