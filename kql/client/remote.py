"""An Eventhouse over the network, with Microsoft's SDK: Fabric, Azure Data Explorer, or the emulator's wire.

Loading this module loads the Azure packages for queries, the first ingestion those for ingestion; nothing else of `kql`
loads any.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING

from azure.kusto.data import ClientRequestProperties
from azure.kusto.data.aio import KustoClient
from azure.kusto.data.exceptions import KustoClientError
from azure.kusto.data.exceptions import KustoError as SdkError

from emulator.context import ParameterValue
from emulator.errors import IngestionFault, KustoError
from emulator.result import ResultTable
from emulator.syntax.parser import parse_query
from emulator.syntax.statements import DeclareQueryParameters
from emulator.text_forms import timespan_text
from emulator.types import TICKS_PER_DAY, TICKS_PER_MICROSECOND, TICKS_PER_SECOND
from kql.client import IngestFormat, IngestionResult, IngestionWay
from kql.client.connection import connection
from kql.client.faults import fault_of
from kql.client.wire import count_records, result_table

if TYPE_CHECKING:
    from kql.client.remote_ingestion import RemoteIngestion


class RemoteEventhouse:
    """The client seam over HTTP. Queries are concurrent; ingestion runs in threads, since the SDK's client blocks."""

    def __init__(self, url: str, database: str, ingestion: IngestionWay = "streaming") -> None:
        self.database = database
        self._queries = KustoClient(connection(url, is_async=True))
        self._url = url
        self._way = ingestion
        self._ingestion: RemoteIngestion | None = None

    @classmethod
    def connect(cls, url: str, database: str, ingestion: IngestionWay = "streaming") -> "RemoteEventhouse":
        """Connect to a cluster URL, beyond loopback with the machine's Azure identity; needs a running event loop."""
        return cls(url, database, ingestion)

    async def query(
        self,
        text: str,
        *,
        parameters: Mapping[str, ParameterValue] | None = None,
        options: Mapping[str, object] | None = None,
    ) -> ResultTable:
        """Run a query and return its first result; values travel only as declared query parameters."""
        return (await self.query_all(text, parameters=parameters, options=options))[0]

    async def query_all(
        self,
        text: str,
        *,
        parameters: Mapping[str, ParameterValue] | None = None,
        options: Mapping[str, object] | None = None,
    ) -> Sequence[ResultTable]:
        """Run a query of one or more statements and return the result of each."""
        properties = ClientRequestProperties()  # type: ignore[no-untyped-call]  # the SDK does not annotate it
        for name, value in (parameters or {}).items():
            properties.set_parameter(name, parameter_literal(name, value, text))  # type: ignore[arg-type]  # numbers too
        for name, option in (options or {}).items():
            properties.set_option(name, option)
        try:
            response = await self._queries.execute_query(self.database, text, properties)
        except (SdkError, KustoClientError) as error:
            raise fault_of(error, text) from error
        return [result_table(each) for each in response.primary_results]

    async def command(self, text: str) -> ResultTable:
        """Run one management command and return its table."""
        try:
            response = await self._queries.execute_mgmt(self.database, text)
        except (SdkError, KustoClientError) as error:
            raise fault_of(error, text) from error
        return result_table(response.primary_results[0])

    async def ingest(
        self, table: str, data: bytes, *, format: IngestFormat, mapping: str | None = None
    ) -> IngestionResult:
        """Ingest one batch; when it returns, the rows are durable, and visible to queries unless they are queued."""
        ingestion = self._opened_ingestion()
        try:
            records = count_records(data, format)
            is_queued = await asyncio.to_thread(ingestion.send, self.database, table, data, format, mapping)
        except ValueError as error:
            raise IngestionFault(f"The payload is not {format}: {error}", "BadRequest_InvalidPayload") from error
        except (SdkError, KustoClientError) as error:
            raise fault_of(error, "") from error
        return IngestionResult(records, is_queued)

    async def close(self) -> None:
        """Release the connections."""
        await self._queries.close()
        if self._ingestion is not None:
            await asyncio.to_thread(self._ingestion.close)

    def _opened_ingestion(self) -> "RemoteIngestion":
        if self._ingestion is None:
            # Most processes only query, and what the SDK loads for ingestion takes as long as all the rest of it.
            from kql.client.remote_ingestion import RemoteIngestion

            self._ingestion = RemoteIngestion(self._url, self._way)
        return self._ingestion


def parameter_literal(name: str, value: ParameterValue, text: str) -> str | int:
    """Return a value as request properties carry it: text and whole numbers raw, all else as a KQL literal."""
    match value:
        case None:
            return f"{_declared_type(name, text)}(null)"
        case bool():
            return "true" if value else "false"
        case int() | str():
            return value
        case float():
            return f"real({value!r})" if isfinite(value) else f"real({'nan' if value != value else f'{value:+}'})"
        case datetime():
            return f"datetime({value.isoformat()}{'' if value.tzinfo else 'Z'})"
        case timedelta():
            ticks = value.days * TICKS_PER_DAY + value.seconds * TICKS_PER_SECOND
            return f"timespan({timespan_text(ticks + value.microseconds * TICKS_PER_MICROSECOND)})"


def _declared_type(name: str, text: str) -> str:
    for statement in parse_query(text).statements:
        if isinstance(statement, DeclareQueryParameters):
            for parameter in statement.parameters:
                if parameter.name.text == name:
                    return str(parameter.type)
    raise KustoError(
        f"the query declares no parameter '{name}'",
        hint=f"declare query_parameters({name}: type) stands first in a query",
    )
