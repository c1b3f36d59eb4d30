"""Sockets and the server around an application."""

import errno
import socket

import uvicorn
from starlette.types import ASGIApp

from emulator.loopback import is_loopback


class ListenError(Exception):
    """The server cannot listen where it was asked to; the message is meant for the user."""


class OpenToNetwork(ListenError):
    """The address is not of this machine alone, and no token is asked for."""


class PortInUse(ListenError):
    """Another process listens there."""


def bind(host: str, port: int, *, token: str | None = None) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    An address beyond loopback needs a token, since whoever reaches the port owns the data.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise ListenError(f"the host '{host}' is unknown: {error.strerror}") from error
    if not token and not is_loopback(str(address[0])):
        raise OpenToNetwork(f"listening on {host} opens the Eventhouse to the network; give a token, or use 127.0.0.1")
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
            raise PortInUse(f"port {port} on {host} is in use by another process") from error
        raise ListenError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def server_for(app: ASGIApp) -> uvicorn.Server:
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


def url_of(listener: socket.socket) -> str:
    """Return the address that clients use for a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
