"""The listening socket of the hubs."""

import errno
import socket

from emulator.loopback import is_loopback

_LAST_PORT = 65_535


class ListenError(Exception):
    """The hubs cannot be served where they were asked to be; the message is meant for the user."""


def bind(host: str, port: int, *, key: str | None = None) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    An address beyond loopback needs a key, since whoever reaches the port can send and read.
    """
    if not 0 <= port <= _LAST_PORT:
        raise ListenError(f"{port} is no port; ports are 0 to {_LAST_PORT}")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise ListenError(f"the host '{host}' is unknown: {error.strerror}") from error
    if not key and not is_loopback(str(address[0])):
        raise ListenError(f"listening on {host} opens the hubs to the network; give a key, or use 127.0.0.1")
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ListenError(f"port {port} on {host} is in use by another process; choose another port") from error
        raise ListenError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener
