"""Where the storage endpoints are."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from emulator.engine.queued.access import STATUS_TABLE
from emulator.engine.queued.ingestion import QueuedIngestion
from emulator.errors import KustoError
from emulator.lanes.lanes import Lanes
from emulator.server.queued.blobs import BlobEndpoint
from emulator.server.queued.queues import QueueEndpoint
from emulator.server.queued.statuses import StatusEndpoint
from emulator.server.queued.storage import PREFIX, Storage, fault_response


def storage_routes(queued: QueuedIngestion, storage: Storage, lanes: Lanes) -> list[Route]:
    """Return the routes of blobs, queues and the status table."""
    blobs = BlobEndpoint(queued.blobs, storage, lanes)
    queues = QueueEndpoint(queued, storage, lanes)
    statuses = StatusEndpoint(queued, storage, lanes)
    return [
        Route(PREFIX + STATUS_TABLE + "{keys}", statuses.run, methods=["GET"]),
        Route(PREFIX + "{queue}/messages", queues.add, methods=["POST"]),
        Route(PREFIX + "{queue}/messages", queues.reports, methods=["GET"]),
        Route(PREFIX + "{queue}/messages/{message}", queues.remove, methods=["DELETE"]),
        Route(PREFIX + "{container}/{blob:path}", blobs.run, methods=["PUT", "GET", "HEAD"]),
        Route(PREFIX + "{rest:path}", _unbuilt, methods=["GET", "PUT", "POST", "DELETE", "HEAD"]),
    ]


async def _unbuilt(request: Request) -> Response:
    return fault_response(
        KustoError(f"'{request.method} {request.url.path}' is not built here.", "UnsupportedHttpVerb")
    )
