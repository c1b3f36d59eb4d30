"""The one writer of an Eventhouse: transactions one after the other, small ingestions together in one commit."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias, TypeVar

import duckdb

from emulator.engine import failures
from emulator.engine.catalog import store as catalog_store
from emulator.engine.catalog.records import Catalog
from emulator.engine.data_folder.log import WriteAheadLog
from emulator.engine.derived.materialization import fall_behind
from emulator.engine.derived.steps import Pipelines
from emulator.engine.derived.view_storage import refresh
from emulator.engine.failures import Losses, PolicyAborted, ViewAborted, record_failure
from emulator.engine.faults import closed_fault, is_disk_full, is_invalidated, kusto_fault
from emulator.engine.session.budget import Budget, Slow, StepLimits
from emulator.engine.session.cores import Cores
from emulator.engine.session.deadline import Watch
from emulator.engine.session.session import Session
from emulator.engine.storage.known_groups import KnownGroups
from emulator.engine.storage.relations import last_ingestion
from emulator.engine.storage.staging import Staging
from emulator.engine.storage.transaction import Transaction
from emulator.engine.writing import marks
from emulator.engine.writing.jobs import Job, store
from emulator.errors import CancelFault, IngestionFault, KustoError
from emulator.instants import utc_now
from emulator.work import Work, WorkEnded, doing, joined, work_here

Result = TypeVar("Result")
# Opens the database, or opens it again: the connection that writes, and its cores.
Opening: TypeAlias = Callable[[], tuple[duckdb.DuckDBPyConnection, Cores]]

_LOGGER = logging.getLogger(__name__)

# Who waits first is not held up by all who come after; a larger payload makes a commit of its own.
_MAX_ROWS_PER_COMMIT = 250_000
# How often who waits for the writer looks whether it has to end: a lock cannot be told to wake one of those at it.
_ASK_SECONDS = 0.1


class Writer:
    """Owns the connection that writes, and publishes the catalog as of the last commit.

    Readers take `catalog` without waiting; DuckDB's snapshots keep their rows apart from a transaction in progress.

    A transaction ends with the work it is for (`work_here`), at any moment before its commit, and is taken back whole;
    from the commit on it counts as done, however late. Who waits for the writer leaves the queue with its work.
    """

    def __init__(
        self,
        open_: Opening,
        pipelines: Pipelines,
        log: WriteAheadLog | None,
        watch: Watch,
        steps: StepLimits | None = None,
    ) -> None:
        self._open = open_
        self._watch = watch
        self._pipelines = pipelines
        self._log = log
        connection, cores = open_()
        self.catalog, self.last_time = _set_up(connection)
        self._use(connection, cores)
        self._turn = threading.Lock()
        self._queue = threading.Lock()
        self.reopened = 0
        # When relations lost rows, by the ingestion time of that transaction; since the process began.
        self.rewritten: dict[str, datetime] = {}
        # Called, with the writer's turn, when a view has fallen behind.
        self.on_behind: Callable[[], None] = lambda: None
        self._waiting: deque[Job] = deque()
        self._slow = Slow()
        self._steps = steps or StepLimits()
        self._is_closed = False
        # Set before `close`: what is folded from then on is what closing folds.
        self.is_ending = False

    @property
    def waiting(self) -> int:
        """How many jobs wait for their commit."""
        return len(self._waiting)

    def change(self, action: Callable[[Transaction], Result]) -> Result:
        """Run an action in a transaction of its own.

        It runs again, from the start and without them, after materialized views that fail, and after update policies
        that do and are not transactional.
        """
        work = work_here() or Work()
        with self._turn_for(work):
            return self._commit(action, work)

    def add(self, job: Job) -> None:
        """Commit a job, together with those that wait beside it; raises what the job itself failed with."""
        job.work = work = work_here() or Work()
        with self._queue:
            self._waiting.append(job)
        while not self._has_turn(work):
            if work.is_over and self._leave(job):
                raise work.fault()
        try:
            while not job.is_done:
                self._store(self._next_jobs())
        finally:
            self._turn.release()
        if job.fault is not None:
            raise job.fault

    def snapshot(self, connection: duckdb.DuckDBPyConnection) -> tuple[Catalog, datetime]:
        """Begin a transaction on a connection that reads; return the catalog and the last ingestion time it sees.

        In turn, since a commit shows its rows a moment before its catalog.
        """
        with self._turn_for(work_here() or Work()):
            if self._is_closed:
                raise closed_fault()
            connection.begin()
            # What DuckDB shows is what was committed when the transaction first reads.
            marks.mark(connection, "")
            return self.catalog, self.last_time

    def settle(self) -> None:
        """Wait until the transaction in progress has published its catalog; open a database that failed again."""
        with self._turn_for(work_here() or Work()):
            if not self._is_closed and not self._session.is_alive():
                self._reopen()

    def close(self) -> None:
        """Wait for the transaction in progress and close the connection."""
        with self._turn:
            if not self._is_closed:
                self._is_closed = True
                if self._log is not None:
                    # Where that fails the log has everything too; the next opening reads it.
                    with suppress(duckdb.Error, OSError):
                        self._log.fold_in_closing(self._session.fold, self.last_time)
                    self._log.close()
                self._session.close()

    @contextmanager
    def _turn_for(self, work: Work) -> Iterator[None]:
        while not self._has_turn(work):
            work.check()
        try:
            yield
        finally:
            self._turn.release()

    def _has_turn(self, work: Work) -> bool:
        """Wait for the turn, but no longer than until somebody should ask whether the work has to end."""
        return self._turn.acquire(timeout=min(_ASK_SECONDS, work.seconds_left or _ASK_SECONDS))

    def _leave(self, job: Job) -> bool:
        """Take a job out of the queue; one that was taken up is about to end with its transaction."""
        with self._queue:
            if job not in self._waiting:
                return False
            self._waiting.remove(job)
            return True

    def _use(self, connection: duckdb.DuckDBPyConnection, cores: Cores) -> None:
        self._session = Session(connection, cores)
        self._staging = Staging(self._session)
        self._groups = KnownGroups(self._session)

    def _reopen(self) -> None:
        """Go on with the database opened again, as of its last commit; raises KustoError where it cannot be."""
        _LOGGER.warning("the storage engine has failed; the database is opened again")
        with suppress(duckdb.Error):
            self._session.close()
        try:
            self._use(*self._open())
        except duckdb.Error as error:
            raise kusto_fault(error) from error
        self.reopened += 1

    def _fold(self, log: WriteAheadLog) -> None:
        try:
            log.fold(self._session.fold, self.last_time)
        except duckdb.Error as error:
            # The commit stands whatever comes of this.
            _LOGGER.warning("the log cannot be folded into the database: %s", str(error).partition("\n")[0])
            if is_invalidated(error):
                with suppress(KustoError):
                    self._reopen()

    def _next_jobs(self) -> list[Job]:
        jobs: list[Job] = []
        rows = 0
        with self._queue:
            while self._waiting and (not jobs or rows + self._waiting[0].count <= _MAX_ROWS_PER_COMMIT):
                job = self._waiting.popleft()
                if job.work.is_over:
                    job.fault = job.work.fault()
                    job.is_done = True
                else:
                    jobs.append(job)
                    rows += job.count
        return jobs

    def _store(self, jobs: Sequence[Job]) -> None:
        if not jobs:
            return
        try:
            with joined([job.work for job in jobs]) as work:
                self._commit(partial(store, pipelines=self._pipelines, jobs=jobs), work)
        except Exception as fault:  # noqa: BLE001 - it belongs to the job that has caused it, whose thread raises it
            if len(jobs) > 1:
                # One bad batch must not fail its neighbors: each gets a transaction of its own.
                for job in jobs:
                    self._store([job])
                return
            jobs[0].fault = fault
        except BaseException:
            # Ctrl-C in this thread: the others must not wait for it.
            for job in jobs:
                job.fault, job.is_done = CancelFault("Request is canceled", "E_QUERY_CANCELLED"), True
            raise
        for job in jobs:
            job.is_done = True

    def _commit(self, action: Callable[[Transaction], Result], work: Work) -> Result:
        lost, budget = Losses(), Budget(work, self._slow, self._steps)
        # The thread may be that of another who waits for the writer.
        with doing(work), closing(budget):
            while True:
                try:
                    result = self._attempt(action, lost, work, budget)
                except PolicyAborted as aborted:
                    # The source keeps its rows; the next attempt leaves the policy out and records why.
                    lost.policies[aborted.policy] = aborted.failure
                except ViewAborted as aborted:
                    if aborted.view in lost.views or not self._has_view(*aborted.view):
                        # The change itself has made it so.
                        raise IngestionFault(
                            f"Materialized view '{aborted.view[1]}' failed: {aborted.reason}",
                            "BadRequest_MaterializedViewFailure",
                        ) from aborted
                    # So does the view, which falls behind.
                    lost.views[aborted.view] = aborted.reason
                else:
                    if lost.views:
                        self._tell_behind(lost)
                    return result

    def _has_view(self, database: str, name: str) -> bool:
        found = self.catalog.databases.get(database)
        return found is not None and name in found.views

    def _tell_behind(self, lost: Losses) -> None:
        for (database, name), reason in lost.views.items():
            _LOGGER.warning("materialized view '%s' of database '%s' falls behind: %s", name, database, reason)
        self.on_behind()

    def _leave_out(self, transaction: Transaction, lost: Losses) -> None:
        for failure in lost.policies.values():
            record_failure(transaction.connection, failure)
        for (database, name), reason in lost.views.items():
            fall_behind(transaction, database, name, self.last_time, reason)

    def _attempt(self, action: Callable[[Transaction], Result], lost: Losses, work: Work, budget: Budget) -> Result:
        if self._is_closed:
            raise closed_fault()
        time = max(utc_now(), self.last_time + timedelta(microseconds=1))
        before = self.catalog
        try:
            self._session.begin()
            budget.begin_attempt()
            with self._watch.interrupting(budget, self._session.interrupt, self._session.bare):
                transaction = Transaction(
                    self._session, self._staging, self._groups, before, time, lost.policies, budget
                )
                self._leave_out(transaction, lost)
                result = action(transaction)
                self._staging.tables.clear()
                after = transaction.catalog
                if after is not before:
                    after = Catalog(after.databases, before.version + 1, after.next_relation)
                    catalog_store.save(transaction.connection, before, after)
            # An interrupt may have come after the last statement. From here on there are none: one amid the commit
            # would leave open whether it was one.
            work.check()
            self._session.commit()
        except BaseException as error:
            if isinstance(error, duckdb.Error) and is_invalidated(error):
                self._reopen()
                raise kusto_fault(error) from error
            self._groups.keep(_parts(before))
            self._staging.forget()
            self._session.roll_back()
            if isinstance(error, Exception | WorkEnded) and work.is_over:
                raise work.fault() from error
            if isinstance(error, duckdb.Error):
                raise kusto_fault(error) from error
            raise
        self.last_time = time
        for relation in transaction.rewritten:
            self.rewritten[relation] = time
        if after is before:
            self._staging.tables.end_transaction()
        else:
            self.catalog = after
            self._groups.keep(_parts(after))
            self._staging.forget()
            self._session.release_plans()
        self._session.give_back_cores()
        if self._log is not None and self._log.committed(time) and not self.is_ending:
            self._fold(self._log)
        return result


def _parts(catalog: Catalog) -> set[str]:
    return {view.parts for database in catalog.databases.values() for view in database.views.values()}


def _set_up(connection: duckdb.DuckDBPyConnection) -> tuple[Catalog, datetime]:
    """Make what the writer keeps in the file, where it is missing; return the catalog and the latest ingestion time."""
    catalog_store.create(connection)
    failures.create(connection)
    marks.create(connection)
    catalog = catalog_store.load(connection) or Catalog()
    times = []
    try:
        for database in catalog.databases.values():
            for view in database.views.values():
                refresh(connection, database, view)
    except duckdb.Error as error:
        if not is_disk_full(error):
            raise
        with suppress(duckdb.TransactionException):
            connection.rollback()
        # Views are in the form of this version once it is opened with room; queries do not ask for it.
        _LOGGER.warning("the disk is full: what is stored can be read, and nothing is stored until there is room")
    for database in catalog.databases.values():
        times += [last_ingestion(connection, table.relation) for table in database.tables.values()]
    return catalog, max(filter(None, times), default=datetime(1970, 1, 1))  # noqa: DTZ001 - naive UTC
