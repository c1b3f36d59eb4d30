"""The one writer of an Eventhouse: transactions one after the other, small ingestions together in one commit."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeAlias, TypeVar

import duckdb

from emulator.engine.catalog import store as catalog_store
from emulator.engine.catalog.records import Catalog
from emulator.engine.failures import Failure, PolicyAborted, record_failure
from emulator.engine.faults import kusto_fault
from emulator.engine.session.cores import Cores
from emulator.engine.session.statements import Statements
from emulator.engine.storage.rows import Rows
from emulator.engine.storage.transaction import Transaction
from emulator.engine.writing.marks import Stretch
from emulator.errors import KustoError
from emulator.types import Schema

Result = TypeVar("Result")

_MAX_ROWS_PER_COMMIT = 250_000


@dataclass(slots=True)
class Job:
    """Rows on their way into a table, in the columns of `schema`; `marks` say what they are of their sources.

    `also` is what else commits together with the rows.
    """

    database: str
    table: str
    schema: Schema
    rows: tuple[Rows, ...]
    marks: Mapping[str, Stretch] = field(default_factory=dict)
    also: Callable[[Transaction], None] | None = None
    is_done: bool = False
    fault: Exception | None = field(default=None)

    @property
    def count(self) -> int:
        """How many rows it has."""
        return sum(map(len, self.rows))


Lost: TypeAlias = dict[tuple[str, str], Failure]
Apply: TypeAlias = Callable[[Transaction, list[Job], Lost], None]


class Writer:
    """Owns the connection that writes, and publishes the catalog as of the last commit.

    Readers take `catalog` without waiting; DuckDB's snapshots keep their rows apart from a transaction in progress.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        catalog: Catalog,
        last_time: datetime,
        apply: Apply,
        cores: Cores,
    ) -> None:
        self.catalog = catalog
        self.last_time = last_time
        self._apply = apply
        self._connection = connection
        self._statements = Statements(connection, cores)
        self._turn = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._is_closed = False

    def change(self, action: Callable[[Transaction], Result]) -> Result:
        """Run an action in a transaction of its own."""
        with self._turn:
            return self._transact(action)

    def change_rows(self, action: Callable[[Transaction, Lost], Result]) -> Result:
        """Run an action that adds rows: again without the policies that fail and are not transactional."""
        with self._turn:
            return self._transact_rows(action)

    def add(self, job: Job) -> None:
        """Commit a job, together with those that wait beside it; raises what the job itself failed with."""
        self._waiting.append(job)
        with self._turn:
            while not job.is_done:
                self._commit_waiting()
        if job.fault is not None:
            raise job.fault

    def settle(self) -> None:
        """Wait until the transaction in progress, if any, has published its catalog."""
        with self._turn:
            return

    def close(self) -> None:
        """Wait for the transaction in progress, fold the log into the file, and close the connection."""
        with self._turn:
            if not self._is_closed:
                self._is_closed = True
                self._fold_log()
                self._connection.close()

    def _fold_log(self) -> None:
        try:
            self._connection.execute("CHECKPOINT")
        except duckdb.Error:
            # The log has everything too; the next opening reads it.
            return

    def _commit_waiting(self) -> None:
        group = [self._waiting.popleft()]
        rows = group[0].count
        while self._waiting and rows + self._waiting[0].count <= _MAX_ROWS_PER_COMMIT:
            group.append(self._waiting.popleft())
            rows += group[-1].count
        if len(group) > 1 and self._try(group) is None:
            return
        # One bad batch must not fail its neighbors: each gets a transaction of its own.
        for job in group:
            job.fault = self._try([job])
            job.is_done = True

    def _try(self, group: list[Job]) -> Exception | None:
        try:
            self._transact_rows(lambda transaction, lost: self._apply(transaction, group, lost))
        except KustoError as error:
            return error
        for job in group:
            job.is_done = True
        return None

    def _transact_rows(self, action: Callable[[Transaction, Lost], Result]) -> Result:
        lost: Lost = {}

        def attempt(transaction: Transaction) -> Result:
            for failure in lost.values():
                record_failure(transaction.connection, failure)
            return action(transaction, lost)

        while True:
            try:
                return self._transact(attempt)
            except PolicyAborted as aborted:
                # The source keeps its rows; the next attempt leaves the policy out and records why.
                lost[aborted.policy] = aborted.failure

    def _transact(self, action: Callable[[Transaction], Result]) -> Result:
        if self._is_closed:
            raise closed_fault()
        time = max(datetime.now(UTC).replace(tzinfo=None), self.last_time + timedelta(microseconds=1))
        before = self.catalog
        self._statements.begin()
        try:
            transaction = Transaction(self._statements, before, time)
            result = action(transaction)
            self._statements.end_batch()
            after = transaction.catalog
            if after is not before:
                after = _next_version(after, before)
                catalog_store.save(self._statements.connection, before, after)
            self._statements.commit()
        except BaseException as error:
            self._roll_back()
            if isinstance(error, duckdb.Error):
                raise kusto_fault(error) from error
            raise
        self.last_time = time
        if after is before:
            self._statements.end_transaction()
        else:
            self.catalog = after
            self._statements.forget()
        return result

    def _roll_back(self) -> None:
        # A failed commit has rolled back already.
        with suppress(duckdb.TransactionException):
            self._connection.rollback()
        self._statements.roll_back()


def closed_fault() -> KustoError:
    """Return the fault of a request to an Eventhouse that was closed."""
    return KustoError("The Eventhouse is closed.", "TH_Closed")


def _next_version(after: Catalog, before: Catalog) -> Catalog:
    return Catalog(after.databases, before.version + 1, after.next_relation)
