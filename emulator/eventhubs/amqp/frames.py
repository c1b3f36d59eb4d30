"""Frames and protocol headers of AMQP 1.0 (OASIS amqp-core-transport, 2.2 and 2.3)."""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from emulator.eventhubs.amqp.performatives import (
    Performative,
    SaslPerformative,
    Transfer,
    decode_performative,
    encode_performative,
)
from emulator.eventhubs.amqp.types import CodecError

AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"
HEADER_SIZE = 8
MIN_MAX_FRAME_SIZE = 512
_LARGE = 64 << 10
EMPTY_FRAME = b"\x00\x00\x00\x08\x02\x00\x00\x00"

AMQP, SASL = 0, 1
_HEAD = struct.Struct(">IBBH")

# A transfer of eleven fields: handle, id and tag vary, then come format 0, settled, not more and six nulls or falses.
_SETTLED = struct.Struct(">IBBH 6sBI BI BBB 8s")
_SETTLED_REST = (b"\x43\x41\x42\x40\x40\x42\x42\x42",)
_SETTLED_TRANSFER = (b"\x00\x53\x14\xc0" + bytes((1 + 5 + 5 + 3 + 8, 11)), 0x70)


@dataclass(frozen=True, slots=True)
class Frame:
    """A received frame; an empty one, which only says that the peer lives, has no performative."""

    channel: int
    performative: Performative | SaslPerformative | None
    payload: bytes = b""


def encode_frame(
    channel: int, performative: Performative | SaslPerformative, payload: bytes = b"", *, kind: int = AMQP
) -> bytes:
    """Write a frame."""
    body = encode_performative(performative)
    return _HEAD.pack(_HEAD.size + len(body) + len(payload), 2, kind, channel) + body + payload


def encode_settled_transfer(channel: int, handle: int, delivery: int, tag: int, payload: bytes) -> bytes:
    """Write a settled message as one frame: the same as `encode_frame`, many times as fast."""
    return (
        _SETTLED.pack(
            _SETTLED.size + len(payload),
            2,
            AMQP,
            channel,
            *_SETTLED_TRANSFER,
            handle,
            0x70,
            delivery,
            0xA0,
            1,
            tag,
            *_SETTLED_REST,
        )
        + payload
    )


def encode_transfer(channel: int, transfer: Transfer, payload: bytes, max_frame_size: int) -> list[bytes]:
    """Write a message as one frame, or as several where it does not fit into one."""
    whole = encode_frame(channel, transfer, payload)
    if len(whole) <= max_frame_size:
        return [whole]
    first = Transfer(
        transfer.handle,
        transfer.delivery_id,
        transfer.delivery_tag,
        transfer.message_format,
        transfer.settled,
        more=True,
    )
    room = max_frame_size - len(encode_frame(channel, first))
    frames: list[bytes] = []
    for start in range(0, len(payload), room):
        part = payload[start : start + room]
        frames.append(encode_frame(channel, first if start + room < len(payload) else transfer, part))
    return frames


async def read_frame(
    reader: asyncio.StreamReader,
    max_frame_size: int,
    *,
    kind: int = AMQP,
    read_large: Callable[[int], Awaitable[bytes]] | None = None,
) -> Frame:
    """Read the next frame; `read_large` reads the body of one that is larger than the reader holds anyway.

    Raises CodecError for what is no frame, and IncompleteReadError where the connection ends.
    """
    size, data_offset, type_, channel = _HEAD.unpack(await reader.readexactly(_HEAD.size))
    if not _HEAD.size <= 4 * data_offset <= size <= max_frame_size:
        raise CodecError(
            f"a frame of {size} bytes with its body at {4 * data_offset}; at most {max_frame_size} are agreed"
        )
    if size > _LARGE and read_large is not None:
        body = await read_large(size - _HEAD.size)
    else:
        body = await reader.readexactly(size - _HEAD.size)
    if 4 * data_offset > _HEAD.size:
        body = body[4 * data_offset - _HEAD.size :]
    if not body:
        # Of any type: the Azure client marks its empty frames as neither AMQP nor SASL.
        return Frame(channel, None)
    if type_ != kind:
        raise CodecError(f"a frame of type {type_}, expected {kind}")
    performative, start = decode_performative(body)
    return Frame(channel, performative, body[start:])
