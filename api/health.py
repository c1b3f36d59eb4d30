"""`/healthz`: the process lives; `/readyz`: the Eventhouse answers and knows every function of the registry."""

import asyncio
from collections.abc import Awaitable, Callable

import orjson
from fastapi import FastAPI, Response

from api.trouble import told
from emulator.errors import KustoError
from kql.client import Eventhouse
from kql.registry import Registry
from kql.registry_rules import ALIVE_ROUTE, READY_ROUTE

_PATIENCE_SECONDS = 5.0


def add_health(app: FastAPI, registry: Registry, eventhouse: Eventhouse) -> None:
    """Add both routes; they stand outside of the documentation."""
    needed = {endpoint.contract.name for endpoint in registry.endpoints}

    async def healthz() -> Response:
        return _status(200, "ok")

    async def readyz() -> Response:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                missing = needed - await _functions(eventhouse)
        except TimeoutError:
            return _status(503, "the Eventhouse does not answer")
        except KustoError as error:
            return _status(503, told(error)[0])
        if missing:
            return _status(503, f"not deployed: {', '.join(sorted(missing))}")
        return _status(200, "ready")

    routes: dict[str, Callable[[], Awaitable[Response]]] = {ALIVE_ROUTE: healthz, READY_ROUTE: readyz}
    for path, handler in routes.items():
        app.add_api_route(path, handler, methods=["GET"], include_in_schema=False, response_class=Response)


async def _functions(eventhouse: Eventhouse) -> set[str]:
    table = await eventhouse.command(".show functions")
    return {str(record["Name"]) for record in table.records()}


def _status(status: int, text: str) -> Response:
    return Response(orjson.dumps({"status": text}), status, {"Cache-Control": "no-store"}, "application/json")
