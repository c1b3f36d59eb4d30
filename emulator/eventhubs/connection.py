"""One client: the protocol from the first header to the close, frames handed to sessions, links made for addresses."""

import asyncio
import logging
import struct
import uuid
from dataclasses import dataclass

from emulator.eventhubs.access import Access
from emulator.eventhubs.addresses import Cbs, Entrance, Exit, Management, parse_address
from emulator.eventhubs.amqp_types import CodecError
from emulator.eventhubs.errors import HubError
from emulator.eventhubs.frames import EMPTY_FRAME, MIN_MAX_FRAME_SIZE, encode_frame, read_frame
from emulator.eventhubs.hub import Hubs
from emulator.eventhubs.links import ConsumerLink, ProducerLink, RequestLink, ResponseLink
from emulator.eventhubs.nodes import Answer, cbs, management
from emulator.eventhubs.performatives import (
    ROLE_RECEIVER,
    Attach,
    Begin,
    Close,
    End,
    Open,
    Performative,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
    address,
    error,
)
from emulator.eventhubs.sasl import negotiate
from emulator.eventhubs.session import Link, Session, link_address
from emulator.eventhubs.throttle import Meter

_LOGGER = logging.getLogger(__name__)
_MAX_FRAME_SIZE = 1 << 20
_HANDSHAKE_SECONDS = 30
_CHANNELS = 255


@dataclass(frozen=True, slots=True)
class Namespace:
    """What all connections share."""

    hubs: Hubs
    key: str | None
    meter: Meter


class Connection:
    """A connection of one client."""

    def __init__(self, namespace: Namespace, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.max_frame_size = MIN_MAX_FRAME_SIZE
        self._namespace = namespace
        self._reader = reader
        self._writer = writer
        self._access = Access(namespace.key)
        self._sessions: dict[int, Session] = {}
        self._beating: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Serve the client until it goes, or breaks the protocol."""
        try:
            await asyncio.wait_for(self._open(), _HANDSHAKE_SECONDS)
            while await self._receive():
                pass
        except (CodecError, struct.error) as problem:
            _LOGGER.info("a client is disconnected: %s", problem)
            self.send(0, Close(error("amqp:connection:framing-error", str(problem))))
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            # The client is gone, without a word or before it had said one.
            pass
        finally:
            self._end()

    def close(self) -> None:
        """Tell the client that the server goes."""
        self.send(0, Close(error("amqp:connection:forced", "The server is shutting down")))
        self._end()

    def send(self, channel: int, performative: Performative) -> None:
        """Write a frame."""
        self.write(encode_frame(channel, performative))

    def write(self, data: bytes) -> None:
        """Write encoded frames."""
        if not self._writer.is_closing():
            self._writer.write(data)

    async def drained(self) -> None:
        """Wait until the client has taken most of what was written."""
        await self._writer.drain()

    async def _open(self) -> None:
        await negotiate(self._reader, self._writer)
        frame = await read_frame(self._reader, _MAX_FRAME_SIZE)
        if not isinstance(frame.performative, Open):
            raise CodecError("a connection begins with open")
        opened = frame.performative
        self.max_frame_size = min(max(opened.max_frame_size, MIN_MAX_FRAME_SIZE), _MAX_FRAME_SIZE)
        # No idle time-out: producers of the Azure client send no heartbeats.
        answer = Open(f"eventhubs-{uuid.uuid4()}", None, _MAX_FRAME_SIZE, _CHANNELS)
        self.send(0, answer)
        if opened.idle_time_out:
            self._beating = asyncio.create_task(self._beat(opened.idle_time_out / 2000))

    async def _receive(self) -> bool:
        frame = await read_frame(self._reader, _MAX_FRAME_SIZE)
        session = self._sessions.get(frame.channel)
        match frame.performative:
            case None:
                pass
            case Close():
                self.send(0, Close())
                return False
            case Begin() if session is None and frame.channel <= _CHANNELS:
                self._sessions[frame.channel] = Session(self, frame.channel, frame.performative, self._open_link)
            case End() if session is not None:
                del self._sessions[frame.channel]
                session.end()
                self.send(frame.channel, End())
            case Open() | Begin() | SaslInit() | SaslMechanisms() | SaslOutcome():
                raise CodecError(f"{type(frame.performative).__name__} has no place on channel {frame.channel}")
            case performative if session is not None:
                session.receive(performative, frame.payload)
            case _:
                # The Azure client ends a session before it detaches the links of it.
                pass
        return True

    async def _beat(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            self.write(EMPTY_FRAME)

    def _open_link(self, session: Session, attach: Attach) -> Link:
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
                self._access.check(node.hub)
                hub = self._namespace.hubs.find(node.hub)
                partition = hub.partition(node.partition)
                return ConsumerLink(session, attach, partition, hub.receivers(node.group, partition))
            case _:
                way = "received from" if is_receiver else "sent to"
                raise HubError("amqp:not-allowed", f"Nothing can be {way} '{link_address(attach)}'")

    def _node_link(self, session: Session, attach: Attach, node: str, answer: Answer) -> Link:
        if attach.role == ROLE_RECEIVER:
            return ResponseLink(session, attach, node, address(attach.target))
        return RequestLink(session, attach, node, answer)

    def _end(self) -> None:
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            session.end()
        if self._beating is not None:
            self._beating.cancel()
        self._writer.close()
