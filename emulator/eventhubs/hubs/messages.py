"""AMQP messages by their sections (OASIS amqp-core-messaging, 3.2): taken apart on arrival, told as events to readers.

A message is stored as it will be delivered, with its place in the partition among its annotations, so that delivery
copies bytes.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from emulator.eventhubs.amqp.codec import decode, encode, encoded_map, map_entries, skip
from emulator.eventhubs.amqp.types import CodecError, Described, Symbol, ULong, Value
from emulator.eventhubs.hubs.segment import Record

BATCH_FORMAT = 0x80013700
MAX_PARTITION_KEY = 128
_SMALL_ANNOTATIONS = 256

_HEADER, _DELIVERY, _MESSAGE, _PROPERTIES, _APPLICATION, _DATA = 0x70, 0x71, 0x72, 0x73, 0x74, 0x75
_VALUE, _FOOTER = 0x77, 0x78
_SECTIONS = range(_HEADER, _FOOTER + 1)

PARTITION_KEY = "x-opt-partition-key"
_SEQUENCE = encode(Symbol("x-opt-sequence-number")) + b"\x81"
_OFFSET = encode(Symbol("x-opt-offset"))
_TIME = encode(Symbol("x-opt-enqueued-time")) + b"\x83"
_KEY = encode(Symbol(PARTITION_KEY))
_OURS = frozenset({"x-opt-sequence-number", "x-opt-offset", "x-opt-enqueued-time", PARTITION_KEY})
_SMALL_DESCRIPTOR = b"\x00\x53"
_ANNOTATIONS_SECTION = _SMALL_DESCRIPTOR + b"\x72"
_LONG = struct.Struct(">q")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Message:
    """A message on its way in: its sections, encoded, and what the hub looks at.

    `annotations` are the entries of others than the hub, `count` their keys and values.
    """

    header: bytes
    annotations: bytes
    count: int
    rest: bytes
    partition_key: str | None

    @property
    def size(self) -> int:
        """About how many bytes will be stored."""
        return len(self.header) + len(self.annotations) + len(self.rest) + 128

    def stored(self, sequence: int, offset: int, time: int) -> bytes:
        """Return the message with its place in the partition."""
        text = b"%d" % offset
        offset_text = bytes((0xA1, len(text))) + text
        place = _SEQUENCE + _LONG.pack(sequence) + _OFFSET + offset_text + _TIME + _LONG.pack(time)
        count = 6 + self.count
        if self.partition_key is not None:
            place += _encoded_key(self.partition_key)
            count += 2
        return self.header + _ANNOTATIONS_SECTION + encoded_map(place + self.annotations, count) + self.rest


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a partition; `offset` is what clients name it by, `properties` are the application's."""

    sequence: int
    offset: str
    enqueued_at: datetime
    partition_key: str | None
    body: bytes
    properties: Mapping[str, Value] = field(default_factory=dict)


def parse_messages(data: bytes, message_format: int) -> list[Message]:
    """Take the messages of a delivery apart: one, or those of a batch. Raises CodecError."""
    if message_format != BATCH_FORMAT:
        return [_parse(data)]
    outer = _parse(data)
    messages: list[Message] = []
    for code, start, _, _ in _sections(data):
        if code == _DATA:
            inner, _ = decode(data, start)
            if not isinstance(inner, bytes):
                raise CodecError("a batch holds messages as binary data")
            message = _parse(inner)
            if message.partition_key is None and outer.partition_key is not None:
                message = replace(message, partition_key=outer.partition_key)
            messages.append(message)
    return messages


def read_event(record: Record) -> Event:
    """Return what a record says, for readers in this process."""
    body: list[bytes] = []
    key: str | None = None
    properties: dict[str, Value] = {}
    for code, start, _, _ in _sections(record.payload):
        match code:
            case 0x72:
                key = _partition_key(record.payload, start)
            case 0x74:
                properties = _map(record.payload, start)
            case 0x75 | 0x77:
                value, _ = decode(record.payload, start)
                if isinstance(value, bytes | str):
                    body.append(value if isinstance(value, bytes) else value.encode())
            case _:
                pass
    time = _EPOCH + timedelta(milliseconds=record.time)
    return Event(record.sequence, str(record.offset), time, key, b"".join(body), properties)


def with_delivery_annotations(payload: bytes, annotations: dict[Value, Value]) -> bytes:
    """Return a stored message with delivery annotations, whose place is between header and message annotations."""
    start = next(begin for code, _, begin, _ in _sections(payload) if code == _MESSAGE)
    section = encode(Described(ULong(_DELIVERY), annotations))
    return payload[:start] + section + payload[start:]


@dataclass(frozen=True, slots=True)
class Request:
    """A message to a node that answers: `$cbs` or `$management`."""

    message_id: Value
    reply_to: str | None
    properties: Mapping[str, Value]
    body: Value


def parse_request(data: bytes) -> Request:
    """Read a request. Raises CodecError."""
    message_id: Value = None
    reply_to: str | None = None
    properties: Mapping[str, Value] = {}
    body: Value = None
    for code, start, _, _ in _sections(data):
        match code:
            case 0x73:
                fields, _ = decode(data, start)
                listed = fields if isinstance(fields, list) else []
                message_id = listed[0] if listed else None
                named = listed[4] if len(listed) > 4 else None
                reply_to = named if isinstance(named, str) else None
            case 0x74:
                properties = _map(data, start)
            case 0x75 | 0x77:
                body, _ = decode(data, start)
            case _:
                pass
    return Request(message_id, reply_to, properties, body)


def encode_response(correlation_id: Value, properties: dict[Value, Value], body: Value) -> bytes:
    """Write the answer to a request: thirteen message properties, of which one is said, and the body as a value."""
    fields: list[Value] = [None] * 13
    fields[5] = correlation_id
    sections = ((_PROPERTIES, fields), (_APPLICATION, properties), (_VALUE, body))
    return b"".join(encode(Described(ULong(code), value)) for code, value in sections)


def _parse(data: bytes) -> Message:
    header, annotations, count, key = b"", b"", 0, None
    rest: list[bytes] = []
    for code, start, begin, end in _sections(data):
        if code == _HEADER:
            header = data[begin:end]
        elif code == _MESSAGE:
            annotations, count, key = _parse_annotations(data[start:end])
        elif code != _DELIVERY:
            # Sections stand in the order of their codes: all that follows is passed on as it is.
            rest.append(data[begin:end])
    if key is not None and len(key) > MAX_PARTITION_KEY:
        raise CodecError(f"the partition key has {len(key)} characters, at most {MAX_PARTITION_KEY} are allowed")
    return Message(header, annotations, count, b"".join(rest), key)


def _sections(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Give the code of each section, where its value begins, where the section itself does, and where it ends."""
    position = 0
    while position < len(data):
        begin = position
        if data[position : position + 2] == _SMALL_DESCRIPTOR and position + 2 < len(data):
            code, position = data[position + 2], position + 3
        else:
            code, position = _descriptor(data, position)
        if code not in _SECTIONS:
            raise CodecError(f"a message has no section {code:#x}")
        end = skip(data, position)
        yield code, position, begin, end
        position = end


def _descriptor(data: bytes, position: int) -> tuple[int, int]:
    if data[position] != 0:
        raise CodecError(f"byte {position} of a message begins no section")
    descriptor, position = decode(data, position + 1)
    if not isinstance(descriptor, int):
        raise CodecError(f"a message has no section {descriptor!r}")
    return int(descriptor), position


def _parse_annotations(data: bytes) -> tuple[bytes, int, str | None]:
    # A producer's messages differ little in what they are annotated with.
    return _parse_small_annotations(data) if len(data) <= _SMALL_ANNOTATIONS else _parse_any_annotations(data)


def _parse_any_annotations(data: bytes) -> tuple[bytes, int, str | None]:
    position, end, _ = map_entries(data, 0)
    others: list[bytes] = []
    partition_key: str | None = None
    while position < end:
        begin = position
        name, position = decode(data, position)
        value = position
        position = skip(data, position)
        if name == PARTITION_KEY:
            key, _ = decode(data, value)
            partition_key = key if isinstance(key, str) else None
        if name not in _OURS:
            others.append(data[begin:position])
    return b"".join(others), 2 * len(others), partition_key


_parse_small_annotations = lru_cache(maxsize=1024)(_parse_any_annotations)


def _partition_key(data: bytes, start: int) -> str | None:
    position, end, _ = map_entries(data, start)
    while position < end:
        value = skip(data, position)
        if data[position:value] == _KEY:
            key, _ = decode(data, value)
            return key if isinstance(key, str) else None
        position = skip(data, value)
    return None


@lru_cache(maxsize=1024)
def _encoded_key(partition_key: str) -> bytes:
    return _KEY + encode(partition_key)


def _map(data: bytes, start: int) -> dict[str, Value]:
    value, _ = decode(data, start)
    if not isinstance(value, dict):
        return {}
    return {str(key): each for key, each in value.items()}
