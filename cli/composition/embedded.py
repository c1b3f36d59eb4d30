"""The client seam over an embedded Eventhouse in this process: no HTTP hop, blocking calls in lanes of threads."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from emulator.context import ParameterValue, RequestProperties
from emulator.engine.eventhouse import Eventhouse
from emulator.lanes.lanes import Lanes
from emulator.options import COMMAND_TIMEOUT, QUERY_TIMEOUT
from emulator.options import timeout as read_timeout
from emulator.result import ResultTable
from emulator.syntax.requests import is_command, is_computing_command, is_show_command, is_urgent_command
from emulator.work import Work
from kql.client import IngestFormat, IngestionResult

_COMMAND_SECONDS = COMMAND_TIMEOUT.total_seconds()


class EmbeddedEventhouse:
    """One database of an embedded Eventhouse as `kql.client.Eventhouse`.

    A call that is canceled ends in its thread too. Clients of one engine share lanes only where they are given them.
    """

    def __init__(
        self, engine: Eventhouse, database: str, *, owns_engine: bool = False, lanes: Lanes | None = None
    ) -> None:
        self.database = database
        self._engine = engine
        self._owns_engine = owns_engine
        self._lanes = lanes or Lanes("eventhouse")

    @classmethod
    def open(cls, folder: Path | None, database: str) -> "EmbeddedEventhouse":
        """Open a data folder, or an Eventhouse in memory for None, and close it with the client."""
        return cls(Eventhouse.open(folder, database=database), database, owns_engine=True)

    async def query(
        self,
        text: str,
        *,
        parameters: Mapping[str, ParameterValue] | None = None,
        options: Mapping[str, object] | None = None,
    ) -> ResultTable:
        """Run a query and return its first result."""
        return (await self.query_all(text, parameters=parameters, options=options))[0]

    async def query_all(
        self,
        text: str,
        *,
        parameters: Mapping[str, ParameterValue] | None = None,
        options: Mapping[str, object] | None = None,
    ) -> Sequence[ResultTable]:
        """Run a query of one or more statements and return the result of each."""
        if is_command(text):
            # The lane of queries may run a text twice.
            return (await self.command(text),)
        properties = RequestProperties(parameters=parameters or {}, options=options or {})
        work = Work(read_timeout(properties.options, QUERY_TIMEOUT).total_seconds())
        with self._engine.announced(text, work, database=self.database, properties=properties):
            return await self._lanes.query(
                work, lambda part: self._engine.query(text, database=self.database, properties=properties, work=part)
            )

    async def command(self, text: str) -> ResultTable:
        """Run one management command and return its table."""
        if is_urgent_command(text):
            lane = self._lanes.urgent
        elif is_show_command(text):
            lane = self._lanes.query
        else:
            lane = self._lanes.command if is_computing_command(text) else self._lanes.control
        whole = Work(_COMMAND_SECONDS)
        with self._engine.announced(text, whole, database=self.database):
            return await lane(whole, lambda work: self._engine.command(text, database=self.database, work=work))

    async def ingest(
        self, table: str, data: bytes, *, format: IngestFormat, mapping: str | None = None
    ) -> IngestionResult:
        """Ingest one batch; on return it is durable and visible."""
        return IngestionResult(
            await self._lanes.ingest(
                Work(_COMMAND_SECONDS),
                lambda work: self._engine.ingest(
                    table, data, format=format, mapping=mapping, database=self.database, work=work
                ),
            )
        )

    async def close(self) -> None:
        """End what runs; close the engine if this client opened it."""
        await self._lanes.close()
        if self._owns_engine:
            await asyncio.to_thread(self._engine.close)
