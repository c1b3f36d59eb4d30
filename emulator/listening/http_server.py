"""The HTTP server around an application: uvicorn, with connections that keep to limits."""

import asyncio
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from emulator.listening.disconnect import SERVER_ENDS
from emulator.listening.limits import Limits
from emulator.listening.protocol import LimitedProtocol

# A server that ends lets requests finish for so long, then cancels them; and so long after that it waits for none.
FINISH_SECONDS = 1.5
_CANCEL_SECONDS = 2
# The server comes by ten times a second.
_TICKS_BETWEEN_LOOKS = 10


class HttpServer(uvicorn.Server):
    """A server that also ends connections whose clients are too slow, and when it ends itself does not wait for ever.

    `on_exit` hears that it begins to end, perhaps twice.
    """

    def __init__(self, config: uvicorn.Config, on_exit: Callable[[], None] = lambda: None) -> None:
        super().__init__(config)
        self._on_exit = on_exit

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Hear a signal, where this server hears them: what it begins may itself be kept from running."""
        self._on_exit()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let requests finish for a while, cancel the others, and close."""
        self._on_exit()
        cancel = asyncio.get_running_loop().call_later(FINISH_SECONDS, self._cancel_requests)
        try:
            await super().shutdown(sockets)
        finally:
            cancel.cancel()

    async def on_tick(self, counter: int) -> bool:
        """Look after the connections once a second."""
        if counter % _TICKS_BETWEEN_LOOKS == 0:
            now = asyncio.get_running_loop().time()
            for connection in tuple(self.server_state.connections):
                if isinstance(connection, LimitedProtocol):
                    connection.overdue(now)
        return await super().on_tick(counter)

    def _cancel_requests(self) -> None:
        for task in self.server_state.tasks:
            task.cancel(SERVER_ENDS)


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
        timeout_graceful_shutdown=int(FINISH_SECONDS) + _CANCEL_SECONDS,
    )


def server_for(app: ASGIApp, limits: Limits | None = None, on_exit: Callable[[], None] = lambda: None) -> HttpServer:
    """Return a server for an application; run it with `server.serve(sockets=[…])`."""
    return HttpServer(configuration(app, limits), on_exit)
