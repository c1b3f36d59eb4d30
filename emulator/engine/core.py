"""What queries, commands and ingestion share: the DuckDB file, its cursors, the writer and the compiled queries."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Self

import duckdb

from emulator.context import NO_PROPERTIES, RequestProperties
from emulator.engine.catalog.entities import Entities
from emulator.engine.catalog.records import Catalog, Database
from emulator.engine.data_folder.commits import require_all
from emulator.engine.data_folder.log import WriteAheadLog
from emulator.engine.data_folder.opening import connect, unopened, unusable
from emulator.engine.derived.shown_views import ShownViews
from emulator.engine.derived.steps import Pipelines
from emulator.engine.faults import STORAGE_ERRORS, kusto_fault
from emulator.engine.folder_lock import FolderLock
from emulator.engine.ingestion.payload import Payload, PayloadReader
from emulator.engine.requests import QUERY, Request, Requests
from emulator.engine.running.connections import ReadConnections
from emulator.engine.running.execute import create_macros, execute
from emulator.engine.running.limits import Limits
from emulator.engine.running.query import CompiledQueries
from emulator.engine.running.results import expect_copies
from emulator.engine.session.budget import StepLimits
from emulator.engine.session.cores import Cores
from emulator.engine.session.deadline import Watch
from emulator.engine.session.memory import MemoryLimits
from emulator.engine.session.workload import TableSizes, Workload
from emulator.engine.storage import computed
from emulator.engine.storage.relations import DuckStorage
from emulator.engine.storage.transaction import Transaction, find_database, find_table
from emulator.engine.udf import register
from emulator.engine.works import Works
from emulator.engine.writing import marks
from emulator.engine.writing.jobs import Job, TableChanged
from emulator.engine.writing.materializing import Materializing
from emulator.engine.writing.writer import Writer
from emulator.errors import EngineFault
from emulator.result import ResultTable
from emulator.sql.build import lit
from emulator.sql.engine_functions import CONNECTION
from emulator.sql.render import render
from emulator.sql.statements import SetOption, SetVariable
from emulator.work import Work, work_here

_LOG = logging.getLogger(__name__)

_ATTEMPTS = 4
# What takes no longer than this is not ended by closing; what is ended takes no longer than that, unless DuckDB is in a
# function of its own that does not look up.
_GRACE_SECONDS = 0.5
_PATIENCE_SECONDS = 3.0
# A batch up to this many groups finds them through the index of a view; the default of 50 would scan the whole view.
_INDEX_PROBES = 2048
_UTC = render(SetOption("TimeZone", lit("UTC")))


class Core:
    """One open Eventhouse; every method may be called from any thread."""

    def __init__(
        self,
        open_database: Callable[[], duckdb.DuckDBPyConnection],
        limits: MemoryLimits,
        lock: FolderLock | None,
        log: WriteAheadLog | None,
        steps: StepLimits | None = None,
    ) -> None:
        self._open_database = open_database
        self._limits = limits
        self._lock = lock
        self._connection: duckdb.DuckDBPyConnection
        self._is_connected = False
        self._shown = ShownViews(self._lend)
        self._watch = Watch()
        self.works = Works()
        self._closing = threading.Lock()
        self._is_closed = False
        self.compiled = CompiledQueries()
        self.requests = Requests()
        self.pipelines = Pipelines()
        self._payloads = PayloadReader(self._lend)
        expect_copies()
        self.writer = Writer(self._connect, self.pipelines, log, self._watch, steps)
        self._materializing = Materializing(self.writer, self.works)
        self.writer.on_behind = self._materializing.wake
        self._materializing.wake()

    @classmethod
    def open(cls, folder: Path | None, memory: int | None = None, steps: StepLimits | None = None) -> Self:
        """Open the Eventhouse of a folder, made if it is not there; None keeps everything in memory.

        `memory` is the bytes it may use, by default what the machine or the container has; `steps` how long update
        policies and views may hold a commit.

        Raises KustoError for a folder that cannot be used, is not complete, or belongs to another process.
        """
        if folder is None:
            return cls(partial(duckdb.connect, ":memory:"), MemoryLimits.of(None, memory), None, None, steps)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = FolderLock.acquire(folder)
        except OSError as error:
            raise unusable(folder, error) from error
        log = None
        try:
            require_all(folder)
            log = WriteAheadLog(folder)
            return cls(partial(connect, folder), MemoryLimits.of(folder, memory), lock, log, steps)
        except BaseException as error:
            if log is not None:
                log.close()
            lock.release()
            if isinstance(error, duckdb.Error):
                raise unopened(folder, error) from error
            if isinstance(error, OSError):
                raise unusable(folder, error) from error
            raise

    @property
    def catalog(self) -> Catalog:
        """The catalog as of the last commit."""
        return self.writer.catalog

    def database(self, name: str) -> Database:
        """Return a database by name, or raise EntityNotFound."""
        return find_database(self.catalog, name)

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a connection for reading, whose statements end with the work that this thread does.

        What DuckDB raises within the block becomes the fault that it is.
        """
        try:
            with self._lend() as cursor:
                yield cursor
        except STORAGE_ERRORS as error:
            raise kusto_fault(error) from error

    @contextmanager
    def _lend(self) -> Iterator[duckdb.DuckDBPyConnection]:
        work = work_here() or Work()
        with self._readers.lend() as cursor:
            try:
                with self._watch.interrupting(work, cursor.interrupt, cursor):
                    yield cursor
            except STORAGE_ERRORS as error:
                if work.is_over:
                    raise work.fault() from error
                raise

    def query(
        self, text: str, database: str, properties: RequestProperties = NO_PROPERTIES, work: Work | None = None
    ) -> tuple[ResultTable, ...]:
        """Run a query on the latest committed state; without `work` it may take what its options say."""
        work = work or Work(Limits.of(properties.options).timeout.total_seconds(), properties.client_request_id)
        request = Request(work, QUERY, text, database, properties.client_request_id, properties.application)
        with self.works.carrying_out(work), self.requests.begun(request):
            while True:
                catalog = self.catalog
                snapshot = find_database(catalog, database)
                key = (snapshot.name, catalog.version)
                storage = DuckStorage(shown=self._shown.of(snapshot))
                reopened = self.writer.reopened
                compiled = self.compiled.of(text, Entities(snapshot), storage, key)
                try:
                    with self._readers.lend() as cursor:
                        return execute(
                            compiled,
                            cursor,
                            properties,
                            fit=self._cores.fit,
                            are_large=self._sizes.are_large,
                            watch=self._watch,
                            work=work,
                        )
                except EngineFault:
                    # A relation may have been dropped between compiling and running: then the catalog has moved on,
                    # or is about to, since a commit shows its tables a moment before its catalog. Or DuckDB has failed.
                    self.writer.settle()
                    is_same = self.catalog.databases.get(snapshot.name) is snapshot
                    if work.is_over or (is_same and self.writer.reopened == reopened):
                        raise

    def fit(self, workload: Workload) -> AbstractContextManager[None]:
        """Let a statement work on as many cores as it can use, within the block."""
        return self._cores.fit(workload)

    def read(self, database: str, table: str, payload: Payload) -> Job:
        """Read a payload in the columns that its table has now; the writer stores it."""
        snapshot = self.database(database)
        target = find_table(snapshot, table)
        return Job(snapshot.name, table, target.schema, (self._payloads.read(payload, snapshot, target),))

    def ingest(
        self,
        database: str,
        table: str,
        payload: Payload,
        stretches: Mapping[str, marks.Stretch] | None = None,
        also: Callable[[Transaction], None] | None = None,
    ) -> int:
        """Store a payload; return its rows when they are durable and visible.

        `stretches` are marks to move with it, `also` is what else commits with it, or refuses it.
        """
        attempt = 1
        while True:
            job = self.read(database, table, payload)
            job.marks = stretches or {}
            job.also = also
            try:
                self.writer.add(job)
            except TableChanged:
                if attempt == _ATTEMPTS:
                    raise
                attempt += 1
            else:
                return job.count

    def mark(self, name: str) -> int | None:
        """Return the position of a mark as of the last commit."""
        with self.cursor() as cursor:
            return marks.mark(cursor, name)

    def close(self) -> None:
        """Finish what is short, end what is not, and close the file; further calls are errors."""
        with self._closing:
            if self._is_closed:
                return
            self._is_closed = True
        self.writer.is_ending = True
        self._materializing.stop()
        has_ended = self.works.close(_GRACE_SECONDS, _PATIENCE_SECONDS)
        self._materializing.join(_PATIENCE_SECONDS)
        self._watch.close()
        if not has_ended:
            # What is durable is in the log; a connection cannot be closed under what runs on it.
            _LOG.warning("a statement does not end; the database is left open")
            return
        self.writer.close()
        self._disconnect()
        if self._lock is not None:
            self._lock.release()

    def _connect(self) -> tuple[duckdb.DuckDBPyConnection, Cores]:
        """Open the database, or open it again; return the connection that writes, and the cores."""
        if self._is_connected:
            if self._lock is None:
                raise EngineFault("The storage engine failed, and with it what was in memory.", "TH_MemoryLost")
            self._disconnect()
        connection = self._open_database()
        self._limits.limit_instance(connection)
        computed.attach(connection)
        self._connection, self._is_connected = connection, True
        self._readers = ReadConnections(self._new_reader)
        self._sizes = TableSizes(connection)
        self._cores = Cores(connection, self._sizes)
        register(connection, self._watch.work_of)
        writing = self._new_cursor()
        writing.execute(render(SetOption("dynamic_or_filter_threshold", lit(_INDEX_PROBES))))
        return writing, self._cores

    def _disconnect(self) -> None:
        self._readers.close()
        self._cores.close()
        self._sizes.close()
        self._connection.close()

    def _new_reader(self) -> duckdb.DuckDBPyConnection:
        cursor = self._new_cursor()
        self._limits.limit_query(cursor)
        return cursor

    def _new_cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = self._connection.cursor()
        cursor.execute(_UTC)
        cursor.execute(render(SetVariable(CONNECTION, lit(id(cursor)))))
        create_macros(cursor)
        return cursor
