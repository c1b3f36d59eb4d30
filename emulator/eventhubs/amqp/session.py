"""A session: its windows, its links by handle, and the frames that belong to it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from emulator.eventhubs.amqp.errors import AmqpError
from emulator.eventhubs.amqp.frames import encode_settled_transfer, encode_transfer
from emulator.eventhubs.amqp.performatives import (
    ROLE_RECEIVER,
    Attach,
    Begin,
    Detach,
    Disposition,
    End,
    Flow,
    Performative,
    Transfer,
    address,
    error,
)
from emulator.eventhubs.amqp.types import Described

MAX_MESSAGE_SIZE = 1 << 20
RESOURCE_LIMIT = "amqp:resource-limit-exceeded"
_WINDOW = 0x7FFFFFFF
_NUMBERS = 1 << 32
# Deliveries go out settled, so their tags need not differ for long.
_TAGS = 256


class Wire(Protocol):
    """The connection as a session sees it."""

    max_frame_size: int

    def send(self, channel: int, performative: Performative) -> None:
        """Write a frame."""

    def write(self, data: bytes) -> None:
        """Write encoded frames."""

    async def drained(self) -> None:
        """Wait until the peer has taken most of what was written."""

    def may_link(self) -> bool:
        """Whether the peer may have another link."""

    def hold(self, size: int) -> bool:
        """Let a link hold a part of a message, unless the peer has too many parts of others."""

    def release(self, size: int) -> None:
        """Let go of parts."""


class Link(Protocol):
    """One end of a link, as the session drives it."""

    def attached(self) -> None:
        """Begin, once the attach is answered."""

    def flow(self, flow: Flow) -> None:
        """Take new credit."""

    def transfer(self, transfer: Transfer, payload: bytes) -> None:
        """Take a message or a part of one."""

    def detached(self) -> None:
        """Let go of everything; the link is gone."""


class Session:
    """One session of a connection, with the same channel number both ways."""

    def __init__(self, wire: Wire, channel: int, begin: Begin, open_link: "Callable[[Session, Attach], Link]") -> None:
        self.links: dict[int, Link] = {}
        self._wire = wire
        self._channel = channel
        self._open_link = open_link
        self._next_incoming = begin.next_outgoing_id
        self._next_outgoing = 0
        self._peer_window = begin.incoming_window
        self._is_ended = False
        self._send(Begin(channel, 0, _WINDOW, _WINDOW, begin.handle_max))

    def receive(self, performative: Performative, payload: bytes) -> None:
        """Take a frame of this session; after an end of this side's none counts."""
        if self._is_ended:
            return
        match performative:
            case Attach():
                self._attach(performative)
            case Flow():
                self._flow(performative)
            case Transfer():
                self._next_incoming = (self._next_incoming + 1) % _NUMBERS
                receiving = self._link(performative.handle)
                if receiving is not None:
                    receiving.transfer(performative, payload)
            case Detach():
                leaving = self.links.pop(performative.handle, None)
                if leaving is not None:
                    leaving.detached()
                    self._send(Detach(performative.handle, performative.closed))
            case _:
                # Dispositions of the peer: all is sent settled, so they say nothing new.
                return

    def detach(self, handle: int, failure: Described) -> None:
        """End a link with an error."""
        link = self.links.pop(handle, None)
        if link is not None:
            link.detached()
            self._send(Detach(handle, closed=True, error=failure))

    def flow(self, handle: int, delivery_count: int, credit: int) -> None:
        """Allow a sender so many more messages, or tell a receiver how far its credit is used."""
        self._send(self._windows(Flow(handle=handle, delivery_count=delivery_count, link_credit=credit)))

    def settle(self, delivery: int, outcome: Described) -> None:
        """Tell the sender of a delivery what became of it."""
        self._send(Disposition(ROLE_RECEIVER, delivery, delivery, settled=True, state=outcome))

    def room(self) -> int:
        """Return how many frames the peer would take."""
        return self._peer_window

    def deliver(self, handle: int, payloads: list[bytes]) -> None:
        """Send messages, settled."""
        out: list[bytes] = []
        for payload in payloads:
            number = self._next_outgoing
            frame = encode_settled_transfer(self._channel, handle, number, number % _TAGS, payload)
            frames = [frame]
            if len(frame) > self._wire.max_frame_size:
                tag = bytes((number % _TAGS,))
                transfer = Transfer(handle, number, tag, 0, settled=True)
                frames = encode_transfer(self._channel, transfer, payload, self._wire.max_frame_size)
            out += frames
            self._next_outgoing = (self._next_outgoing + len(frames)) % _NUMBERS
            self._peer_window -= len(frames)
        self._wire.write(b"".join(out))

    def hold(self, size: int) -> bool:
        """Let a link hold a part of a message, unless the peer has too many parts of others."""
        return self._wire.hold(size)

    def release(self, size: int) -> None:
        """Let go of parts."""
        self._wire.release(size)

    async def drained(self) -> None:
        """Wait until the peer has taken most of what was written."""
        await self._wire.drained()

    def end(self) -> None:
        """Let go of all links."""
        links, self.links = self.links, {}
        for link in links.values():
            link.detached()
        self._is_ended = True

    def _attach(self, attach: Attach) -> None:
        if attach.handle in self.links:
            self._fail("amqp:session:handle-in-use", f"the handle {attach.handle} is in use")
            return
        answer = replace(
            attach,
            role=not attach.role,
            unsettled=None,
            incomplete_unsettled=False,
            initial_delivery_count=0,
            max_message_size=None,
            offered_capabilities=None,
            desired_capabilities=None,
            properties=None,
        )
        try:
            if not self._wire.may_link():
                raise AmqpError(RESOURCE_LIMIT, "The connection has too many links")
            link = self._open_link(self, attach)
        except AmqpError as refusal:
            # The client reads the error only from a link that was attached.
            self._send(answer)
            self._send(Detach(attach.handle, closed=True, error=error(refusal.condition, refusal.description)))
            return
        self.links[attach.handle] = link
        self._send(replace(answer, max_message_size=MAX_MESSAGE_SIZE))
        link.attached()

    def _flow(self, flow: Flow) -> None:
        window = ((flow.next_incoming_id or 0) + flow.incoming_window - self._next_outgoing) % _NUMBERS
        # Beyond half of all numbers the peer is behind by more than its window.
        self._peer_window = window if window < _NUMBERS // 2 else 0
        if flow.handle is None:
            for link in tuple(self.links.values()):
                link.flow(flow)
            if flow.echo:
                self._send(self._windows(Flow()))
            return
        granted = self._link(flow.handle)
        if granted is not None:
            granted.flow(flow)

    def _link(self, handle: int) -> Link | None:
        # A handle just detached by this side may still be in use by frames on their way.
        return self.links.get(handle)

    def _windows(self, flow: Flow) -> Flow:
        return replace(
            flow,
            next_incoming_id=self._next_incoming,
            incoming_window=_WINDOW,
            next_outgoing_id=self._next_outgoing,
            outgoing_window=_WINDOW,
        )

    def _fail(self, condition: str, description: str) -> None:
        self.end()
        self._wire.send(self._channel, End(error(condition, description)))

    def _send(self, performative: Performative) -> None:
        if not self._is_ended:
            self._wire.send(self._channel, performative)


def link_address(attach: Attach) -> str:
    """Return the node that a link is attached to: a receiver's source, a sender's target."""
    return address(attach.source if attach.role == ROLE_RECEIVER else attach.target) or ""
