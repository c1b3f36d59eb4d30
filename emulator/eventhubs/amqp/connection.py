"""One client: the protocol from the first header to the close, and frames handed to sessions."""

import asyncio
import logging
import struct
import uuid
from collections.abc import Callable
from typing import TypeAlias

from emulator.eventhubs.amqp.frames import EMPTY_FRAME, MIN_MAX_FRAME_SIZE, encode_frame, read_frame
from emulator.eventhubs.amqp.performatives import (
    Attach,
    Begin,
    Close,
    End,
    Open,
    Performative,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
    error,
)
from emulator.eventhubs.amqp.sasl import negotiate
from emulator.eventhubs.amqp.session import Link, Session
from emulator.eventhubs.amqp.types import CodecError

_LOGGER = logging.getLogger(__name__)
_MAX_FRAME_SIZE = 1 << 20
_HANDSHAKE_SECONDS = 30
_CHANNELS = 255


OpenLink: TypeAlias = Callable[[Session, Attach], Link]


class Connection:
    """A connection of one client; `open_link` makes the server's end of a link, or raises AmqpError."""

    def __init__(self, open_link: OpenLink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.max_frame_size = MIN_MAX_FRAME_SIZE
        self._open_link = open_link
        self._reader = reader
        self._writer = writer
        self._sessions: dict[int, Session] = {}
        self._beating: asyncio.Task[None] | None = None

    @property
    def is_used(self) -> bool:
        """Whether the client has begun anything."""
        return bool(self._sessions)

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

    def abort(self) -> None:
        """End the connection without a word."""
        self._writer.transport.abort()

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

    def _end(self) -> None:
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            session.end()
        if self._beating is not None:
            self._beating.cancel()
        self._writer.close()
