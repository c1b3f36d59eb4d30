"""`/v1/rest/ingest/{database}/{table}`: streaming ingestion; when it answers, the rows are durable and visible."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import orjson
from starlette.requests import Request
from starlette.responses import Response

from emulator.engine.writing.mark_header import MARKS_HEADER, read_marks
from emulator.errors import KustoError
from emulator.lanes.lanes import Lanes
from emulator.options import COMMAND_TIMEOUT
from emulator.server.exchange import Exchange, ExchangePolicy
from emulator.server.properties import named_database
from emulator.server.queued.storage import Storage
from emulator.server.v1 import render_ingestion
from emulator.work import Work

if TYPE_CHECKING:
    from emulator.engine.eventhouse import Eventhouse

# A document that names a blob.
_LONGEST_ADDRESS = 64 * 1024
_SECONDS = COMMAND_TIMEOUT.total_seconds()


class IngestionEndpoint:
    """The streaming ingestion endpoint of one Eventhouse."""

    def __init__(self, eventhouse: "Eventhouse", lanes: Lanes, policy: ExchangePolicy, storage: Storage) -> None:
        self._eventhouse = eventhouse
        self._storage = storage
        self._lanes = lanes
        self._policy = policy

    async def run(self, request: Request) -> Response:
        """Ingest one body and answer the number of records consumed."""
        return await self._policy.run(request, self._run)

    async def _run(self, exchange: Exchange) -> Response:
        query = exchange.request.query_params
        table = exchange.request.path_params["table"]
        database = named_database(exchange.request.path_params["database"])
        exchange.database = database or ""
        stream_format = query.get("streamFormat", "").lower()
        if not stream_format:
            raise KustoError(
                "The parameter 'streamFormat' is missing",
                code="BadRequest_MissingFormat",
                hint="for example csv or json",
            )
        marks = read_marks(exchange.request.headers.get(MARKS_HEADER))
        sent = await exchange.received()
        is_address = query.get("sourceKind", "").lower() == "uri"

        def ingest(work: Work) -> int:
            data = exchange.body.plain(sent, work)
            if is_address:
                data = self._eventhouse.queued.blobs.read(self._storage.own_blob(_source_address(data)))
            # A source may have moved on without a record.
            if not data and not marks:
                raise KustoError("The request carries no data to ingest", code="BadRequest_EmptyBody")
            return self._eventhouse.ingest(
                table,
                data,
                format=stream_format,
                mapping=query.get("mappingName") or None,
                database=database,
                marks=marks,
                work=work,
            )

        rows = await self._lanes.ingest(Work(_SECONDS, exchange.client_request_id), ingest)
        return exchange.reply(render_ingestion(rows))


def _source_address(body: bytes) -> str:
    if len(body) > _LONGEST_ADDRESS:
        raise KustoError(f"The body has more than {_LONGEST_ADDRESS} bytes", code="BadRequest_InvalidSource")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise KustoError(f"The body is not JSON: {error}", code="BadRequest_InvalidSource") from error
    address = next((each for key, each in _items(document) if key.lower() == "sourceuri"), None)
    if not isinstance(address, str):
        raise KustoError("The body names no 'sourceUri'", code="BadRequest_InvalidSource")
    return address


def _items(document: object) -> Iterable[tuple[str, object]]:
    return document.items() if isinstance(document, dict) else ()
