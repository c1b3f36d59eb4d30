"""One client: the protocol from the first header to the close, and frames handed to sessions."""

import asyncio
import logging
import struct
import uuid
from collections.abc import Callable
from typing import TypeAlias, cast

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
from emulator.eventhubs.amqp.room import Room
from emulator.eventhubs.amqp.sasl import negotiate
from emulator.eventhubs.amqp.session import MAX_MESSAGE_SIZE, Link, Session
from emulator.eventhubs.amqp.types import CodecError

_LOGGER = logging.getLogger(__name__)
_MAX_FRAME_SIZE = 1 << 20
# What a client that nobody knows yet may send at once: an open, an attach, a token of some thousand characters.
_STRANGERS_FRAME_SIZE = 32 << 10
_HANDSHAKE_SECONDS = 30
_CHANNELS = 255
# Answers that wait for a client to read them; beyond that nothing more of it is read.
_MOST_UNREAD = 1 << 20
_FASTEST_BEAT_SECONDS = 0.1
# Of one client, before the others have their turn: some milliseconds.
_FRAMES_IN_A_TURN = 64
# A megabyte at 35 kB a second.
_FRAME_SECONDS = 30
# The Azure clients have a link in each connection, and two more for tokens.
_MOST_LINKS, _STRANGERS_LINKS = 1024, 8
# Messages in parts: one, and another of another link.
_MOST_UNFINISHED = 2 * MAX_MESSAGE_SIZE


OpenLink: TypeAlias = Callable[[Session, Attach], Link]


class Connection:
    """A connection of one client; `open_link` makes the server's end of a link, or raises AmqpError.

    Until `is_known` says that the client has shown who it is, it gets little room, and half a minute.
    """

    def __init__(
        self,
        open_link: OpenLink,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        is_known: Callable[[], bool] = lambda: True,
        room: Room | None = None,
    ) -> None:
        self.max_frame_size = MIN_MAX_FRAME_SIZE
        self._room = room or Room()
        self._unfinished = 0
        self._open_link = open_link
        self._is_known = is_known
        self._reader = reader
        self._writer = writer
        self._sessions: dict[int, Session] = {}
        self._beating: asyncio.Task[None] | None = None

    @property
    def is_used(self) -> bool:
        """Whether the client has begun anything, and may."""
        return bool(self._sessions) and self._is_known()

    async def serve(self) -> None:
        """Serve the client until it goes, or breaks the protocol."""
        leaving = asyncio.get_running_loop().call_later(_HANDSHAKE_SECONDS, self._require_known)
        try:
            await asyncio.wait_for(self._open(), _HANDSHAKE_SECONDS)
            frames = 0
            while await self._receive():
                frames += 1
                if frames % _FRAMES_IN_A_TURN == 0:
                    # What has arrived already is read without a pause.
                    await asyncio.sleep(0)
        except (CodecError, struct.error) as problem:
            _LOGGER.info("a client is disconnected: %s", problem)
            self.send(0, Close(error("amqp:connection:framing-error", str(problem))))
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            # The client is gone, without a word or before it had said one.
            pass
        finally:
            leaving.cancel()
            self._end()

    def pause(self) -> None:
        """Read nothing more of the client; what it was acknowledged is stored."""
        if not self._writer.is_closing():
            cast(asyncio.Transport, self._writer.transport).pause_reading()

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

    def may_link(self) -> bool:
        """Whether the client may have another link."""
        most = _MOST_LINKS if self._is_known() else _STRANGERS_LINKS
        return sum(len(session.links) for session in self._sessions.values()) < most

    def hold(self, size: int) -> bool:
        """Let a link hold a part of a message, unless the client has too many parts of others."""
        most = _MOST_UNFINISHED if self._is_known() else _STRANGERS_FRAME_SIZE
        if self._unfinished + size > most:
            return False
        self._unfinished += size
        self._room.hold(self, size)
        return True

    def release(self, size: int) -> None:
        """Let go of parts."""
        self._unfinished -= size
        self._room.release(self, size)

    async def drained(self) -> None:
        """Wait until the client has taken most of what was written."""
        await self._writer.drain()

    async def _open(self) -> None:
        await negotiate(self._reader, self._writer)
        frame = await read_frame(self._reader, _STRANGERS_FRAME_SIZE)
        if not isinstance(frame.performative, Open):
            raise CodecError("a connection begins with open")
        opened = frame.performative
        self.max_frame_size = min(max(opened.max_frame_size, MIN_MAX_FRAME_SIZE), _MAX_FRAME_SIZE)
        # No idle time-out: producers of the Azure client send no heartbeats.
        answer = Open(f"eventhubs-{uuid.uuid4()}", None, _MAX_FRAME_SIZE, _CHANNELS)
        self.send(0, answer)
        if opened.idle_time_out:
            self._beating = asyncio.create_task(self._beat(max(opened.idle_time_out / 2000, _FASTEST_BEAT_SECONDS)))

    async def _receive(self) -> bool:
        if self._writer.transport.get_write_buffer_size() > _MOST_UNREAD:
            await self._writer.drain()
        largest = _MAX_FRAME_SIZE if self._is_known() else _STRANGERS_FRAME_SIZE
        frame = await read_frame(self._reader, largest, read_large=self._read_large)
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

    async def _read_large(self, size: int) -> bytes:
        self._room.hold(self, size)
        try:
            async with asyncio.timeout(_FRAME_SECONDS):
                return await self._reader.readexactly(size)
        finally:
            self._room.release(self, size)

    async def _beat(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            # To a client that reads nothing anyway, nothing more is said.
            if not self._writer.transport.get_write_buffer_size():
                self.write(EMPTY_FRAME)

    def _require_known(self) -> None:
        if not self._is_known():
            self.send(0, Close(error("amqp:connection:forced", "The client has not shown who it is in time")))
            if self._writer.transport.get_write_buffer_size():
                # To wait until it has read this would be to wait for ever.
                self.abort()
            else:
                self._writer.close()

    def _end(self) -> None:
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            session.end()
        if self._beating is not None:
            self._beating.cancel()
        self._writer.close()
