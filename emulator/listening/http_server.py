"""The HTTP server around an application: uvicorn, with connections that keep to limits."""

import asyncio

import uvicorn
from starlette.types import ASGIApp

from emulator.listening.limits import Limits
from emulator.listening.protocol import LimitedProtocol

GRACE_SECONDS = 5
# The server comes by ten times a second.
_TICKS_BETWEEN_LOOKS = 10


class HttpServer(uvicorn.Server):
    """A server that also ends connections whose clients are too slow."""

    async def on_tick(self, counter: int) -> bool:
        """Look after the connections once a second."""
        if counter % _TICKS_BETWEEN_LOOKS == 0:
            now = asyncio.get_running_loop().time()
            for connection in tuple(self.server_state.connections):
                if isinstance(connection, LimitedProtocol):
                    connection.overdue(now)
        return await super().on_tick(counter)


def configuration(app: ASGIApp, limits: Limits | None = None) -> uvicorn.Config:
    """Return how an application is served: quiet about single requests, and within limits."""
    chosen = limits or Limits()

    class Protocol(LimitedProtocol):
        limits = chosen

    return uvicorn.Config(
        app,
        http=Protocol,
        # No application here speaks WebSocket, whose connections would be under no limit.
        ws="none",
        access_log=False,
        # A warning is a line for each malformed request, and whoever reaches the port could write the log full.
        log_level="error",
        timeout_keep_alive=chosen.idle_seconds,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def server_for(app: ASGIApp, limits: Limits | None = None) -> HttpServer:
    """Return a server for an application; run it with `server.serve(sockets=[…])`."""
    return HttpServer(configuration(app, limits))
