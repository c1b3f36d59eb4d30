"""The SASL layer at the start of a connection: everybody is anonymous, tokens follow over `$cbs`."""

import asyncio

from emulator.eventhubs.amqp.frames import (
    AMQP_HEADER,
    HEADER_SIZE,
    MIN_MAX_FRAME_SIZE,
    SASL,
    SASL_HEADER,
    encode_frame,
    read_frame,
)
from emulator.eventhubs.amqp.performatives import SaslInit, SaslMechanisms, SaslOutcome
from emulator.eventhubs.amqp.types import Array, CodecError, Symbol

_ANONYMOUS = "ANONYMOUS"
_OK, _REFUSED = 0, 1


async def negotiate(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Exchange protocol headers, with SASL where the client asks for it; raise CodecError for another protocol."""
    header = await reader.readexactly(HEADER_SIZE)
    if header == SASL_HEADER:
        _write(writer, SASL_HEADER)
        await _authenticate(reader, writer)
        header = await reader.readexactly(HEADER_SIZE)
    # A peer that offers what was not asked for must say what it would take, then close.
    _write(writer, AMQP_HEADER)
    if header != AMQP_HEADER:
        raise CodecError(f"the protocol header {header!r} is not that of AMQP 1.0")


async def _authenticate(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    _write(writer, encode_frame(0, SaslMechanisms(Array((Symbol(_ANONYMOUS),))), kind=SASL))
    await writer.drain()
    frame = await read_frame(reader, MIN_MAX_FRAME_SIZE, kind=SASL)
    if not isinstance(frame.performative, SaslInit):
        raise CodecError("SASL begins with the choice of a mechanism")
    is_known = frame.performative.mechanism == _ANONYMOUS
    _write(writer, encode_frame(0, SaslOutcome(_OK if is_known else _REFUSED), kind=SASL))
    if not is_known:
        raise CodecError(f"the SASL mechanism '{frame.performative.mechanism}' is not offered")


def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    if writer.is_closing():
        # To write into a connection that is gone is another error in each event loop.
        raise ConnectionResetError("the connection is closed")
    writer.write(data)
