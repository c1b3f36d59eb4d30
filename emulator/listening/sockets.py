"""Listening sockets."""

import errno
import socket

from emulator.loopback import is_loopback

_LAST_PORT = 65_535
# Connections that the system completes before the process takes them.
_BACKLOG = 2048


class ListenError(Exception):
    """The server cannot listen where it was asked to; the message is meant for the user."""


class OpenToNetwork(ListenError):
    """The address is not of this machine alone, and no key is asked for."""


class PortInUse(ListenError):
    """Another process listens there."""


def bind(
    host: str, port: int, *, key: str | None = None, what: str = "the Eventhouse", key_name: str = "a token"
) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    An address beyond loopback needs a key, by any name, since whoever reaches the port owns what is served.
    """
    if not 0 <= port <= _LAST_PORT:
        raise ListenError(f"{port} is no port; ports are 0 to {_LAST_PORT}")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError) as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else "no such name can be written"
        raise ListenError(f"the host '{host}' is unknown: {reason}") from error
    if not key and not is_loopback(str(address[0])):
        raise OpenToNetwork(f"listening on {host} opens {what} to the network; give {key_name}, or use 127.0.0.1")
    # The event loop turns Nagle's delay off only for sockets that name their protocol; with it an answer of two writes
    # takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A peer that vanished without a word is found out in the end.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(f"port {port} on {host} is in use by another process") from error
        raise ListenError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the address that clients use for a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
