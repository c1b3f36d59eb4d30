"""One client of the hubs: what it may use, and a link for each address that it attaches to."""

from dataclasses import dataclass

from emulator.eventhubs.amqp.performatives import ROLE_RECEIVER, Attach, address
from emulator.eventhubs.amqp.session import Link, Session, link_address
from emulator.eventhubs.errors import HubError
from emulator.eventhubs.hubs.hub import Hubs
from emulator.eventhubs.hubs.throttle import Meter
from emulator.eventhubs.service.access import Access
from emulator.eventhubs.service.addresses import Cbs, Entrance, Exit, Management, check_length, parse_address
from emulator.eventhubs.service.links import ConsumerLink, ProducerLink, RequestLink, ResponseLink
from emulator.eventhubs.service.nodes import Respond, cbs, management


@dataclass(frozen=True, slots=True)
class Namespace:
    """What all clients share."""

    hubs: Hubs
    key: str | None
    meter: Meter


class Client:
    """A client by its connection, with the tokens that it has presented."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._access = Access(namespace.key)

    @property
    def is_known(self) -> bool:
        """Whether the client has shown who it is, where that is asked for."""
        return self._access.is_known

    def open_link(self, session: Session, attach: Attach) -> Link:
        """Make this side's end of a link; raises HubError where the client may not have it."""
        node = parse_address(link_address(attach))
        is_receiver = attach.role == ROLE_RECEIVER
        match node:
            case Cbs():
                return self._node_link(session, attach, "$cbs", cbs(self._access))
            case Management():
                return self._node_link(session, attach, "$management", management(self._namespace.hubs, self._access))
            case Entrance() if not is_receiver:
                self._access.check(node.hub)
                self._namespace.meter.check()
                hub = self._namespace.hubs.find(node.hub)
                partition = None if node.partition is None else hub.partition(node.partition)
                return ProducerLink(session, attach, hub, partition, self._namespace.meter)
            case Exit() if is_receiver:
                # The Azure client presents a token for the very partition that it receives from.
                self._access.check(f"{node.hub}/ConsumerGroups/{node.group}/Partitions/{node.partition}")
                hub = self._namespace.hubs.find(node.hub)
                partition = hub.partition(node.partition)
                return ConsumerLink(session, attach, partition, hub.receivers(node.group, partition))
            case _:
                way = "received from" if is_receiver else "sent to"
                raise HubError("amqp:not-allowed", f"Nothing can be {way} '{link_address(attach)}'")

    def _node_link(self, session: Session, attach: Attach, node: str, answer: Respond) -> Link:
        if attach.role == ROLE_RECEIVER:
            reply_to = address(attach.target)
            if reply_to is not None:
                check_length(reply_to)
            return ResponseLink(session, attach, node, reply_to)
        return RequestLink(session, attach, node, answer)
