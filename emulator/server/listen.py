"""Sockets and the server process around the application."""

import errno
import signal
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette

from emulator.server.app import create_app
from emulator.server.exchange import is_loopback

if TYPE_CHECKING:
    from emulator.engine.eventhouse import Eventhouse


class ListenError(Exception):
    """The server cannot listen where it was asked to; the message is meant for the user."""


def bind(host: str, port: int, *, token: str | None = None) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    An address beyond loopback needs a token, since whoever reaches the port owns the data.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise ListenError(f"the host '{host}' is unknown: {error.strerror}") from error
    if not token and not is_loopback(str(address[0])):
        raise ListenError(f"listening on {host} opens the Eventhouse to the network; give a token, or use 127.0.0.1")
    # The event loop turns Nagle's delay off only for sockets that name their protocol; with it an answer of two writes
    # takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ListenError(f"port {port} on {host} is in use by another process; choose another port") from error
        raise ListenError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def server_for(app: Starlette) -> uvicorn.Server:
    """Return a server for an application; run it with `server.serve(sockets=[…])`."""
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        # Clients pool connections; one closed under them in an idle moment is an error on their side.
        timeout_keep_alive=120,
        timeout_graceful_shutdown=10,
    )
    return uvicorn.Server(config)


def serve(eventhouse: "Eventhouse", host: str = "127.0.0.1", port: int = 8080, *, token: str | None = None) -> None:
    """Serve until SIGINT or SIGTERM, then finish what runs; the caller closes the Eventhouse."""
    serve_on(eventhouse, bind(host, port, token=token), token=token)


def serve_on(eventhouse: "Eventhouse", listener: socket.socket, *, token: str | None = None) -> None:
    """Serve on a socket that `bind` returned, and close it in the end."""
    # After its shutdown uvicorn raises the signal again; an unhandled SIGTERM would skip what the caller still closes.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with listener, suppress(KeyboardInterrupt):
        server_for(create_app(eventhouse, token=token)).run(sockets=[listener])


def url_of(listener: socket.socket) -> str:
    """Return the address that clients use for a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
