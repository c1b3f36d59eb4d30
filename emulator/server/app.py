"""The Kusto REST wire of one Eventhouse as a Starlette application; it translates, and knows no KQL."""

import signal
import socket
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from emulator.engine.writing.mark_header import MARKS_PATH
from emulator.errors import ClosingFault
from emulator.lanes.lanes import Lanes
from emulator.listening.disconnect import DisconnectLayer
from emulator.listening.exit import be_ready_to_exit, exit_within
from emulator.listening.faults import FaultLayer
from emulator.listening.http_server import server_for
from emulator.listening.keys import usable_key
from emulator.listening.sockets import bind
from emulator.server.auth import METADATA, AccessLayer
from emulator.server.errors import RequestContext, error_body, internal_fault
from emulator.server.exchange import ExchangePolicy
from emulator.server.ingest import IngestionEndpoint
from emulator.server.management import ManagementEndpoint
from emulator.server.marks import MarksEndpoint
from emulator.server.query import QueryEndpoints
from emulator.server.queued.routes import storage_routes
from emulator.server.queued.storage import Storage

if TYPE_CHECKING:
    from emulator.engine.eventhouse import Eventhouse


def create_app(
    eventhouse: "Eventhouse",
    *,
    token: str | None = None,
    origins: Collection[str] = (),
    hosts: Collection[str] = (),
    policy: ExchangePolicy | None = None,
    lanes: Lanes | None = None,
) -> Starlette:
    """Return the application; the caller keeps and closes the Eventhouse.

    What it does is done in `lanes`, by default those of a server that has the machine for itself.

    With a token every request must carry it as `Authorization: Bearer <token>`, except for the blobs and queues of
    queued ingestion, whose addresses are signed. Browsers' pages are let in from loopback and from `origins`; without a
    token the server answers to names of this machine and to `hosts`. A token that no header can carry is UnusableKey.
    """
    token = usable_key(token)
    lanes = lanes or Lanes()
    policy = policy or ExchangePolicy()
    queries = QueryEndpoints(eventhouse, lanes, policy)
    management = ManagementEndpoint(eventhouse, lanes, policy)
    storage = Storage(eventhouse.queued.access, policy.rooms)
    ingestion = IngestionEndpoint(eventhouse, lanes, policy, storage)
    marks = MarksEndpoint(eventhouse, lanes, policy)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await lanes.close()

    app = Starlette(
        routes=[
            Route("/v2/rest/query", queries.v2, methods=["GET", "POST"]),
            Route("/v1/rest/query", queries.v1, methods=["GET", "POST"]),
            Route("/v1/rest/mgmt", management.run, methods=["POST"]),
            Route("/v1/rest/ingest/{database}/{table:path}", ingestion.run, methods=["POST"]),
            Route(MARKS_PATH, marks.run, methods=["GET"]),
            Route("/v1/rest/auth/metadata", _metadata, methods=["GET"]),
            Route("/v1/rest/ping", _ping, methods=["GET"]),
            Route("/", _about, methods=["GET"]),
            *storage_routes(eventhouse.queued, storage, lanes),
        ],
        middleware=[
            Middleware(DisconnectLayer, closing=_closing),
            Middleware(FaultLayer, answer=_failed),
            Middleware(AccessLayer, token=token, origins=tuple(origins), hosts=tuple(hosts)),
        ],
        lifespan=lifespan,
    )
    # A redirect would name whatever host the request named.
    app.router.redirect_slashes = False
    return app


def serve(eventhouse: "Eventhouse", host: str = "127.0.0.1", port: int = 8080, *, token: str | None = None) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP, then finish what runs; the caller closes the Eventhouse."""
    serve_on(eventhouse, bind(host, port, key=token), token=token)


def serve_on(
    eventhouse: "Eventhouse",
    listener: socket.socket,
    *,
    token: str | None = None,
    hosts: Collection[str] = (),
    origins: Collection[str] = (),
) -> None:
    """Serve on a socket that `bind` returned, and close it in the end; what `create_app` takes says who may come."""
    be_ready_to_exit()
    # After its shutdown uvicorn raises the signal again; an unhandled SIGTERM would skip what the caller still closes.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A closed terminal ends it as SIGTERM does, which uvicorn handles.
    signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    with listener, suppress(KeyboardInterrupt):
        server_for(create_app(eventhouse, token=token, hosts=hosts, origins=origins), on_exit=exit_within).run(
            sockets=[listener]
        )


async def _closing(scope: Scope, receive: Receive, send: Send) -> None:
    fault = ClosingFault("The Eventhouse closes", "TH_Closing", hint="ask again when it is open")
    answer = Response(error_body(fault, RequestContext("", "")), fault.http_status, media_type="application/json")
    await answer(scope, receive, send)


def _failed(id_: str) -> Response:
    return Response(error_body(internal_fault(id_), RequestContext("", id_)), 520, media_type="application/json")


async def _metadata(_request: Request) -> Response:
    return Response(METADATA, media_type="application/json")


async def _ping(_request: Request) -> Response:
    return Response(b"Pong!", media_type="text/plain")


async def _about(_request: Request) -> Response:
    about = {
        "name": "embedded Eventhouse",
        "query": "/v2/rest/query",
        "management": "/v1/rest/mgmt",
        "ingestion": "/v1/rest/ingest/{database}/{table}?streamFormat=json",
    }
    return Response(orjson.dumps(about), media_type="application/json")
