"""What one connection may cost before anyone knows who is calling, and how many there may be at once."""

from dataclasses import dataclass, field
from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit

MEBIBYTE = 1024 * 1024

# What an application may be sent, unless it says less.
LARGEST_BODY = 64 * MEBIBYTE

# Of the descriptors of a process: what files, logs and calls to others take, and how many servers share the rest.
_RESERVED_DESCRIPTORS = 100
_SERVERS = 3
_MOST_CONNECTIONS = 1000
_FEWEST_CONNECTIONS = 16
LEAST_DESCRIPTORS = _RESERVED_DESCRIPTORS + _SERVERS * _FEWEST_CONNECTIONS
"""What a process has to have to serve at all."""


def most_connections() -> int:
    """Return how many connections one server may hold, so that the process never runs out of descriptors."""
    soft, _ = getrlimit(RLIMIT_NOFILE)
    if soft == RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(_FEWEST_CONNECTIONS, min(_MOST_CONNECTIONS, (soft - _RESERVED_DESCRIPTORS) // _SERVERS))


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds.

    A head is a request line with its headers, or the trailers of a body. It is due within `head_seconds`; bodies and
    answers have to move by `slowest` bytes a second, looked at every `stall_seconds`. Whoever asks nothing more is let
    go after `idle_seconds`, sooner where others wait for the place.
    """

    url: int = 16 * 1024
    head: int = 64 * 1024
    headers: int = 100
    # A little more than applications take, who say so in their clients' own language.
    body: int = LARGEST_BODY + MEBIBYTE
    head_seconds: float = 10.0
    stall_seconds: float = 10.0
    slowest: int = 1024
    # A client that is still sending sees why it was refused only if the connection stays open for that long.
    farewell_seconds: float = 2.0
    # Clients pool connections; one closed under them in an idle moment is an error on their side.
    idle_seconds: int = 120
    connections: int = field(default_factory=most_connections)
