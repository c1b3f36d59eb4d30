"""The client seam over an embedded Eventhouse in this process: no HTTP hop, blocking calls in a few threads."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from emulator.context import ParameterValue, RequestProperties
from emulator.engine.eventhouse import Eventhouse
from emulator.result import ResultTable
from kql.client import IngestFormat, IngestionResult

T = TypeVar("T")


class EmbeddedEventhouse:
    """One database of an embedded Eventhouse as `kql.client.Eventhouse`."""

    def __init__(self, engine: Eventhouse, database: str, *, owns_engine: bool = False) -> None:
        self.database = database
        self._engine = engine
        self._owns_engine = owns_engine
        self._threads = ThreadPoolExecutor(os.cpu_count() or 2, thread_name_prefix="eventhouse")

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
        properties = RequestProperties(parameters=parameters or {}, options=options or {})
        return await self._run(lambda: self._engine.query(text, database=self.database, properties=properties))

    async def command(self, text: str) -> ResultTable:
        """Run one management command and return its table."""
        return await self._run(lambda: self._engine.command(text, database=self.database))

    async def ingest(
        self, table: str, data: bytes, *, format: IngestFormat, mapping: str | None = None
    ) -> IngestionResult:
        """Ingest one batch; on return it is durable and visible."""
        return IngestionResult(
            await self._run(
                lambda: self._engine.ingest(table, data, format=format, mapping=mapping, database=self.database)
            )
        )

    async def close(self) -> None:
        """Wait for what runs; close the engine if this client opened it."""
        await asyncio.to_thread(self._threads.shutdown)
        if self._owns_engine:
            await asyncio.to_thread(self._engine.close)

    async def _run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)
