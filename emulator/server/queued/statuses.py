"""The status table: what became of a source, by its id.

Clients that report to it write a row before they queue a message and look it up later under the keys of their choice;
here the row key is the source id, and the Eventhouse itself keeps the row.
"""

import re

import orjson
from starlette.requests import Request
from starlette.responses import Response

from emulator.engine.queued.access import STATUS_TABLE
from emulator.engine.queued.ingestion import QueuedIngestion
from emulator.errors import KustoError
from emulator.lanes.lanes import Lanes
from emulator.server.queued.storage import SECONDS, Storage
from emulator.work import Work

_KEYS = re.compile(r"\(PartitionKey='(?P<partition>[^']*)',\s*RowKey='(?P<row>[^']*)'\)")


class StatusEndpoint:
    """The statuses of sources."""

    def __init__(self, queued: QueuedIngestion, storage: Storage, lanes: Lanes) -> None:
        self._queued = queued
        self._storage = storage
        self._lanes = lanes

    async def run(self, request: Request) -> Response:
        """Answer the status of one source as an entity of the table."""
        return await self._storage.run(request, self._entity)

    async def _entity(self, request: Request) -> Response:
        self._storage.check(request, STATUS_TABLE, "r")
        keys = _KEYS.fullmatch(request.path_params["keys"])
        if keys is None:
            raise KustoError(
                "The status table answers single entities.",
                "UnsupportedOperation",
                hint=f"{STATUS_TABLE}(PartitionKey='<source id>',RowKey='<source id>')",
            )
        found = await self._lanes.ingest(Work(SECONDS), lambda _: self._queued.status(keys["row"]))
        if found is None:
            raise KustoError(f"Nothing is known of the source '{keys['row']}'.", "ResourceNotFound")
        entity = {"PartitionKey": keys["partition"], "RowKey": keys["row"], **found}
        return Response(orjson.dumps(entity), media_type="application/json;odata=nometadata")
