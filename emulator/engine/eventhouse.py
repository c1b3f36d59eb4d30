"""The embedded Eventhouse: KQL databases in a folder or in memory, queried and managed in this process."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from emulator.binder.entities import EntityProvider
from emulator.context import NO_PROPERTIES, RequestProperties
from emulator.engine.catalog.entities import Entities
from emulator.engine.catalog.records import Database
from emulator.engine.commands.dispatch import run_command
from emulator.engine.core import Core
from emulator.engine.ingestion.payload import Payload
from emulator.engine.queued.batching import BatchingLimits
from emulator.engine.queued.ingestion import QueuedIngestion
from emulator.engine.requests import QUERY, Request
from emulator.engine.session.budget import StepLimits
from emulator.engine.writing.marks import Stretch
from emulator.options import COMMAND_TIMEOUT, timeout
from emulator.result import ResultTable
from emulator.schema.definitions import Definitions
from emulator.syntax.requests import is_command
from emulator.text import encodable
from emulator.work import Work


class Eventhouse:
    """An open Eventhouse; safe to share between threads.

    Queries run side by side on snapshots of the last commit. What `ingest` and `command` have returned for is durable:
    it survives the death of the process.
    """

    def __init__(self, core: Core, default_database: str, queued: QueuedIngestion) -> None:
        self._core = core
        self._default = default_database
        self.queued = queued

    @classmethod
    def open(
        cls,
        folder: Path | None,
        *,
        database: str = "NetDefaultDB",
        batching: BatchingLimits | None = None,
        memory: int | None = None,
        steps: StepLimits | None = None,
    ) -> "Eventhouse":
        """Open a data folder, or an Eventhouse in memory for None; `database` is made where it is missing.

        `batching` says how long queued ingestion waits for more, `memory` how many bytes it may use: by default what
        the machine or the container has. `steps` says how long update policies and materialized views may
        hold a commit.

        Raises KustoError naming the folder and its owner where another process has it open.
        """
        core = Core.open(folder, memory, steps)
        try:
            if database not in core.catalog.databases:
                core.writer.change(lambda transaction: transaction.put(Database(database)))
            return cls(core, database, QueuedIngestion(core, folder, batching))
        except BaseException:
            core.close()
            raise

    def query(
        self,
        text: str,
        *,
        database: str | None = None,
        properties: RequestProperties = NO_PROPERTIES,
        work: Work | None = None,
    ) -> tuple[ResultTable, ...]:
        """Run a query and return its results; a text that is a management command goes to `command`.

        `work` says how long it may take and may be canceled from another thread, which raises CancelFault here; without
        it the options of the request do.
        """
        text = encodable(text)
        if is_command(text):
            return (self.command(text, database=database, properties=properties, work=work),)
        return self._core.query(text, database or self._default, properties, work)

    def command(
        self,
        text: str,
        *,
        database: str | None = None,
        properties: RequestProperties = NO_PROPERTIES,
        work: Work | None = None,
    ) -> ResultTable:
        """Run one management command and return its table; `work` as for a query."""
        seconds = timeout(properties.options, COMMAND_TIMEOUT).total_seconds()
        work = work or Work(seconds, properties.client_request_id)
        with self._core.works.carrying_out(work):
            return run_command(self._core, encodable(text), database or self._default, properties)

    def announced(
        self, text: str, work: Work, *, database: str | None = None, properties: RequestProperties = NO_PROPERTIES
    ) -> AbstractContextManager[None]:
        """List a query or command that may have to wait before it is carried out, for this work, within the block.

        So `.show` and `.cancel` find it from then on.
        """
        kind = "" if is_command(text) else QUERY
        of_client = properties.client_request_id, properties.application
        return self._core.requests.announced(Request(work, kind, text, database or self._default, *of_client))

    def ingest(
        self,
        table: str,
        data: bytes,
        *,
        format: str,
        mapping: str | None = None,
        database: str | None = None,
        marks: Mapping[str, Stretch] | None = None,
        work: Work | None = None,
    ) -> int:
        """Store a payload by streaming ingestion and return the rows it had.

        On return they are durable and visible, with what update policies and materialized views make of them; on an
        error nothing of the payload is stored. `marks` say what the payload holds of its sources, and become durable
        together with its rows; one that does not go on where the last one ended raises StaleMark.

        `work` is as for a query.
        """
        work = work or Work(COMMAND_TIMEOUT.total_seconds())
        with self._core.works.carrying_out(work):
            return self._core.ingest(database or self._default, table, Payload(data, format, mapping), marks)

    def mark(self, name: str) -> int | None:
        """Return the position that a source is to be read on from, or None for one never read."""
        return self._core.mark(name)

    def entities(self, database: str | None = None) -> EntityProvider:
        """Return what the binder needs to know of a database, as of now."""
        return Entities(self._core.database(database or self._default))

    def definitions(self, database: str | None = None) -> Definitions:
        """Return what a database is by its definitions, as of now."""
        return self._core.database(database or self._default).definitions()

    def databases(self) -> tuple[str, ...]:
        """Return the names of all databases."""
        return tuple(self._core.catalog.databases)

    def close(self) -> None:
        """Finish what takes a moment, cancel what does not, and close; closing twice is fine."""
        self.queued.close()
        self._core.close()
