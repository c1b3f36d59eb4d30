"""The one writer of an Eventhouse: transactions one after the other, small ingestions together in one commit."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

import duckdb

from emulator.engine import failures
from emulator.engine.catalog import store as catalog_store
from emulator.engine.catalog.records import Catalog
from emulator.engine.derived.steps import Pipelines
from emulator.engine.derived.view_storage import refresh
from emulator.engine.failures import Failure, PolicyAborted, record_failure
from emulator.engine.faults import closed_fault, kusto_fault
from emulator.engine.session.cores import Cores
from emulator.engine.session.session import Session
from emulator.engine.storage.known_groups import KnownGroups
from emulator.engine.storage.relations import last_ingestion
from emulator.engine.storage.staging import Staging
from emulator.engine.storage.transaction import Transaction
from emulator.engine.writing import marks
from emulator.engine.writing.jobs import Job, store
from emulator.errors import KustoError

Result = TypeVar("Result")

# Who waits first is not held up by all who come after; a larger payload makes a commit of its own.
_MAX_ROWS_PER_COMMIT = 250_000


class Writer:
    """Owns the connection that writes, and publishes the catalog as of the last commit.

    Readers take `catalog` without waiting; DuckDB's snapshots keep their rows apart from a transaction in progress.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, pipelines: Pipelines, cores: Cores) -> None:
        self.catalog, self.last_time = _set_up(connection)
        self._pipelines = pipelines
        self._session = Session(connection, cores)
        self._staging = Staging(self._session)
        self._groups = KnownGroups(self._session)
        self._turn = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._is_closed = False

    @property
    def waiting(self) -> int:
        """How many jobs wait for their commit."""
        return len(self._waiting)

    def change(self, action: Callable[[Transaction], Result]) -> Result:
        """Run an action in a transaction of its own.

        It runs again, from the start and without them, after update policies that fail and are not transactional.
        """
        with self._turn:
            return self._commit(action)

    def add(self, job: Job) -> None:
        """Commit a job, together with those that wait beside it; raises what the job itself failed with."""
        self._waiting.append(job)
        with self._turn:
            while not job.is_done:
                self._store(self._next_jobs())
        if job.fault is not None:
            raise job.fault

    def settle(self) -> None:
        """Wait until the transaction in progress, if any, has published its catalog."""
        with self._turn:
            return

    def close(self) -> None:
        """Wait for the transaction in progress and close the connection."""
        with self._turn:
            if not self._is_closed:
                self._is_closed = True
                self._session.close()

    def _next_jobs(self) -> list[Job]:
        jobs = [self._waiting.popleft()]
        rows = jobs[0].count
        while self._waiting and rows + self._waiting[0].count <= _MAX_ROWS_PER_COMMIT:
            jobs.append(self._waiting.popleft())
            rows += jobs[-1].count
        return jobs

    def _store(self, jobs: Sequence[Job]) -> None:
        try:
            self._commit(partial(store, pipelines=self._pipelines, jobs=jobs))
        except KustoError as fault:
            if len(jobs) > 1:
                # One bad batch must not fail its neighbors: each gets a transaction of its own.
                for job in jobs:
                    self._store([job])
                return
            jobs[0].fault = fault
        for job in jobs:
            job.is_done = True

    def _commit(self, action: Callable[[Transaction], Result]) -> Result:
        lost: dict[tuple[str, str], Failure] = {}
        while True:
            try:
                return self._attempt(action, lost)
            except PolicyAborted as aborted:
                # The source keeps its rows; the next attempt leaves the policy out and records why.
                lost[aborted.policy] = aborted.failure

    def _attempt(self, action: Callable[[Transaction], Result], lost: dict[tuple[str, str], Failure]) -> Result:
        if self._is_closed:
            raise closed_fault()
        time = max(datetime.now(UTC).replace(tzinfo=None), self.last_time + timedelta(microseconds=1))
        before = self.catalog
        self._session.begin()
        try:
            transaction = Transaction(self._session, self._staging, self._groups, before, time, lost)
            for failure in lost.values():
                record_failure(transaction.connection, failure)
            result = action(transaction)
            self._staging.tables.clear()
            after = transaction.catalog
            if after is not before:
                after = Catalog(after.databases, before.version + 1, after.next_relation)
                catalog_store.save(transaction.connection, before, after)
            self._session.commit()
        except BaseException as error:
            self._groups.roll_back()
            self._staging.forget()
            self._session.roll_back()
            if isinstance(error, duckdb.Error):
                raise kusto_fault(error) from error
            raise
        self.last_time = time
        if after is before:
            self._groups.end_transaction()
            self._staging.tables.end_transaction()
        else:
            self.catalog = after
            self._groups.forget()
            self._staging.forget()
            self._session.release_plans()
        self._session.give_back_cores()
        return result


def _set_up(connection: duckdb.DuckDBPyConnection) -> tuple[Catalog, datetime]:
    """Make what the writer keeps in the file, where it is missing; return the catalog and the latest ingestion time."""
    catalog_store.create(connection)
    failures.create(connection)
    marks.create(connection)
    catalog = catalog_store.load(connection) or Catalog()
    times = []
    for database in catalog.databases.values():
        for view in database.views.values():
            refresh(connection, database, view)
        times += [last_ingestion(connection, table.relation) for table in database.tables.values()]
    return catalog, max(filter(None, times), default=datetime(1970, 1, 1))  # noqa: DTZ001 - naive UTC
