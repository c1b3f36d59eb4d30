"""The addresses of nodes: full URLs as the Azure clients write them, or bare paths."""

import re
from dataclasses import dataclass
from typing import TypeAlias

from emulator.eventhubs.errors import HubError

_SCHEME = re.compile(r"[a-z]{1,32}://[^/]*/?", re.IGNORECASE)
# Names of namespaces, hubs and groups have at most 260 characters together.
_LONGEST = 1024
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Cbs:
    """The node that takes tokens."""


@dataclass(frozen=True, slots=True)
class Management:
    """The node that tells of hubs and partitions."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where events are sent: a hub, or one of its partitions."""

    hub: str
    partition: str | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """Where events are received: a partition in the eyes of a consumer group."""

    hub: str
    group: str
    partition: str


Node: TypeAlias = Cbs | Management | Entrance | Exit


def check_length(address: str) -> None:
    """Raise HubError for an address that is longer than any."""
    if len(address) > _LONGEST:
        raise HubError("amqp:invalid-field", f"The address '{address[:_SHOWN]}…' has more than {_LONGEST} characters")


def parse_address(address: str) -> Node:
    """Read an address; raise HubError for what names no node."""
    check_length(address)
    scheme = _SCHEME.match(address)
    parts = [part for part in address[scheme.end() if scheme else 0 :].split("/") if part]
    match [part.lower() for part in parts]:
        case ["$cbs"]:
            return Cbs()
        case ["$management"] | [_, "$management"]:
            return Management()
        case [_]:
            return Entrance(parts[0])
        case [_, "partitions", _]:
            return Entrance(parts[0], parts[2])
        case [_, "consumergroups", _, "partitions", _]:
            return Exit(parts[0], parts[2], parts[4])
        case _:
            raise HubError("amqp:not-found", f"The messaging entity '{address}' could not be found")
