"""How materialized views follow their source: what each kind of view does with a batch.

A view has one `Upkeep`, which holds the statements that it needs and no others. All of them are in the transaction of
the batch. `rows` is how many rows the batch has at most, None for any number.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import duckdb

from emulator.engine.derived.parts_table import FIRST, LAST, TIME
from emulator.engine.failures import ViewAborted
from emulator.engine.faults import is_of_statement, kusto_fault
from emulator.engine.session.budget import BudgetEnded
from emulator.engine.storage.transaction import Transaction
from emulator.errors import KustoError

# From so many pairs of groups on, planning a search of the index takes less time than comparing them. Comparing them
# where they are fewer makes a trade 2.7 times as fast (2026-11-29).
_PAIRS = 200_000


@dataclass(frozen=True, slots=True)
class NewGroups:
    """The temporary table in which the groups of a batch wait: `fill` aggregates the batch into it.

    It has the columns of the query `layout`. `is_local` tells that `fill` reads nothing but the batch.
    """

    name: str
    layout: str
    fill: str
    is_local: bool

    def define(self, transaction: Transaction) -> None:
        """Make the table, unless it is there."""
        transaction.staging.define_like(self.name, self.layout)

    def prepare(self, transaction: Transaction, rows: int | None) -> int | None:
        """Have the table, empty; return how many rows `fill` reads."""
        self.define(transaction)
        transaction.staging.tables.empty(self.name)
        return rows if self.is_local else None


@dataclass(frozen=True, slots=True)
class PairMerge:
    """Two statements that merge a few groups by comparing them with all that are there, by plans that are kept."""

    update: str
    insert: str

    def run(self, transaction: Transaction, parts: str, count: int) -> None:
        """Merge at most so many groups into the table of a view's groups."""
        session, times = transaction.session, {TIME: transaction.time}
        if session.run(self.update, times, count) < count:
            transaction.groups.added(parts, session.run(self.insert, times, count))


@dataclass(frozen=True, slots=True)
class Merging:
    """A view of folds: those of a batch are added to those of its groups.

    `merge` finds the groups of a large batch or view through the index. `of_one` takes a batch of a single row, which
    is a group as it is, without staging or aggregating it; without it a trade takes 1.3 times the CPU (2026-11-29).
    """

    parts: str
    new: NewGroups
    by_pairs: PairMerge
    merge: str
    of_one: PairMerge | None = None

    def apply(self, transaction: Transaction, rows: int | None = None) -> None:
        """Bring the view up to date with a batch."""
        if rows == 1 and self.of_one is not None and self._compares(transaction, 1):
            self.of_one.run(transaction, self.parts, 1)
            return
        count = transaction.session.run(self.new.fill, {}, self.new.prepare(transaction, rows))
        if count and self._compares(transaction, count):
            self.by_pairs.run(transaction, self.parts, count)
        elif count:
            transaction.session.run(self.merge, {TIME: transaction.time})
            transaction.groups.merged(self.parts)

    def _compares(self, transaction: Transaction, count: int) -> bool:
        return count * transaction.groups.count(self.parts) <= _PAIRS


@dataclass(frozen=True, slots=True)
class Recomputing:
    """A view with an aggregate that does not merge: the groups that a batch touches go, and are aggregated again."""

    parts: str
    touched: NewGroups
    delete: str
    insert: str

    def apply(self, transaction: Transaction, rows: int | None = None) -> None:
        """Bring the view up to date with a batch."""
        session = transaction.session
        if session.run(self.touched.fill, {}, self.touched.prepare(transaction, rows)):
            session.run(self.delete, {})
            session.run(self.insert, {TIME: transaction.time})
            transaction.groups.merged(self.parts)


@dataclass(frozen=True, slots=True)
class Followers:
    """The views over a deduplicating view, and the temporary relation in which they read its new rows as a batch."""

    batch: str
    definition: str
    views: tuple["KeptView", ...]

    def define(self, transaction: Transaction) -> None:
        """Make the relation, unless it is there."""
        if self.views:
            transaction.staging.tables.define(self.batch, self.definition)

    def apply(self, transaction: Transaction, rows: int) -> None:
        """Bring the views up to date."""
        for view in self.views:
            view.apply(transaction, rows)


@dataclass(frozen=True, slots=True)
class SingleRow:
    """The statements for a batch of one row: `hash` answers with its hash if the view wants it, `insert` keeps it.

    The followers read the row where it is: in the batch of the view's source.
    """

    hash: str
    insert: str
    followers: Followers


@dataclass(frozen=True, slots=True)
class Deduplicating:
    """A view of the first row of each group, `take_any(*)`, on which other views may be built.

    `fill_hashes` fills the new groups and answers with their hashes; `discard` takes out of them what the view has of
    some ingestion times. Of what came longer ago than `lookback` (None: of nothing), the view may come to know no more.
    """

    parts: str
    new: NewGroups
    fill_hashes: str
    discard: str
    insert: str
    followers: Followers
    of_one: SingleRow | None = None
    lookback: timedelta | None = None

    def apply(self, transaction: Transaction, rows: int | None = None) -> None:
        """Bring the view, and those over it, up to date with a batch."""
        # All definitions at once, since the next batch may have more rows, and a definition makes all plans stale.
        self.new.define(transaction)
        self.followers.define(transaction)
        if self.of_one is not None:
            self.of_one.followers.define(transaction)
        if rows != 1 or self.of_one is None or not self._added_one(transaction, self.of_one):
            self._add(transaction, rows)

    def _added_one(self, transaction: Transaction, of_one: SingleRow) -> bool:
        """Add a single row; return False if only a search tells whether the view has it."""
        hashes = transaction.session.hashes(of_one.hash, 1)
        if not len(hashes):
            return True
        since = self._know(transaction)
        if transaction.groups.spans(self.parts, hashes):
            return False
        transaction.groups.remember(self.parts, hashes, transaction.time, since)
        transaction.session.run(of_one.insert, {TIME: transaction.time}, 1)
        of_one.followers.apply(transaction, 1)
        return True

    def _add(self, transaction: Transaction, rows: int | None) -> None:
        session, groups = transaction.session, transaction.groups
        hashes = session.hashes(self.fill_hashes, self.new.prepare(transaction, rows))
        count = len(hashes)
        if not count:
            return
        since = self._know(transaction)
        # Of most batches a Bloom filter over the hashes tells that all their rows are new: with a search for each, a
        # trade takes 1.5 times the CPU (2026-11-29). An index in its place would hold 52 bytes a row in memory.
        for span in groups.spans(self.parts, hashes):
            count -= session.run(self.discard, {FIRST: span.first, LAST: span.last})
        if count:
            # Those that were discarded are remembered twice: to tell which they are would cost more.
            groups.remember(self.parts, hashes, transaction.time, since)
            session.run(self.insert, {TIME: transaction.time}, count)
            self.followers.apply(transaction, count)

    def _know(self, transaction: Transaction) -> datetime | None:
        """Have the hashes of the view known, and return since when all of them have to be (None: always)."""
        since = None if self.lookback is None else transaction.time - self.lookback
        if not transaction.groups.has_keys(self.parts, since):
            # Once in a process, whatever the batch: no view is to fail for it.
            with transaction.budget.paused():
                transaction.groups.load_keys(self.parts, since)
        return since


Upkeep: TypeAlias = Deduplicating | Merging | Recomputing


@dataclass(frozen=True, slots=True)
class KeptView:
    """A view with its upkeep, or the fault that compiling it met; `name` is that of its database and its own.

    What it cannot compute, or not in time, is a failure of the view, never of the rows: `apply` raises ViewAborted.
    """

    name: tuple[str, str]
    upkeep: Upkeep | KustoError

    def apply(self, transaction: Transaction, rows: int | None = None) -> None:
        """Bring the view up to date with a batch."""
        if isinstance(self.upkeep, KustoError):
            raise ViewAborted(self.name, self.upkeep.message) from self.upkeep
        try:
            with transaction.budget.step(self.name):
                self.upkeep.apply(transaction, rows)
        except BudgetEnded as ended:
            raise ViewAborted(self.name, str(ended)) from ended
        except duckdb.Error as error:
            if is_of_statement(error):
                raise ViewAborted(self.name, kusto_fault(error).message) from error
            raise
