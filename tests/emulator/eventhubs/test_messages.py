"""Messages and frames byte by byte: sections, keys, places, requests, and transfers of several frames."""

import asyncio
from datetime import UTC, datetime

import pytest

from emulator.eventhubs.amqp.codec import decode, encode
from emulator.eventhubs.amqp.frames import (
    EMPTY_FRAME,
    SASL,
    Frame,
    encode_frame,
    encode_settled_transfer,
    encode_transfer,
    read_frame,
)
from emulator.eventhubs.amqp.performatives import Begin, End, Transfer, decode_performative
from emulator.eventhubs.amqp.types import CodecError, Described, Symbol, ULong, Value
from emulator.eventhubs.hubs.messages import (
    BATCH_FORMAT,
    Event,
    Message,
    Request,
    encode_response,
    parse_messages,
    parse_request,
    read_event,
    with_delivery_annotations,
)
from emulator.eventhubs.hubs.segment import Record

KEY = Symbol("x-opt-partition-key")


def section(code: int, value: Value) -> bytes:
    return encode(Described(ULong(code), value))


HEADER = section(0x70, [True])
DELIVERY = section(0x71, {Symbol("d"): 1})
PROPERTIES = section(0x73, ["id"])
APPLICATION = section(0x74, {"a": 1})
DATA = section(0x75, b"body")
FOOTER = section(0x78, {Symbol("f"): 1})


def annotations(**entries: Value) -> bytes:
    return section(0x72, {Symbol(name): value for name, value in entries.items()})


def keyed(key: Value) -> bytes:
    return section(0x72, {KEY: key, Symbol("other"): 5})


def test_what_is_kept_of_a_message() -> None:
    (found,) = parse_messages(HEADER + DELIVERY + keyed("k") + PROPERTIES + APPLICATION + DATA + FOOTER, 0)
    other = encode(Symbol("other")) + encode(5)
    assert found == Message(HEADER, other, 2, PROPERTIES + APPLICATION + DATA + FOOTER, "k")
    assert found.size == len(HEADER) + len(other) + len(found.rest) + 128


def test_a_stored_message_has_its_place_among_its_annotations() -> None:
    (found,) = parse_messages(HEADER + keyed("k") + DATA, 0)
    place = {"x-opt-sequence-number": 7, "x-opt-offset": "1234", "x-opt-enqueued-time": 1_709_305_200_000}
    stored = found.stored(7, 1234, 1_709_305_200_000)
    assert stored.startswith(HEADER)
    assert stored.endswith(DATA)
    described, end = decode(stored, len(HEADER))
    assert isinstance(described, Described)
    assert isinstance(described.value, dict)
    assert end == len(stored) - len(DATA)
    assert {str(name): value for name, value in described.value.items()} == {**place, str(KEY): "k", "other": 5}
    event = read_event(Record(7, 1234, 1_709_305_200_000, stored))
    assert event == Event(7, "1234", datetime(2024, 3, 1, 15, 0, tzinfo=UTC), "k", b"body", {})
    delivered = with_delivery_annotations(stored, {Symbol("d"): 1})
    assert delivered == HEADER + DELIVERY + stored[len(HEADER) :]


@pytest.mark.parametrize(
    ("sections", "body", "properties", "key"),
    [
        (annotations() + DATA + DATA, b"bodybody", {}, None),
        (keyed("k") + APPLICATION + section(0x77, "text"), b"text", {"a": 1}, "k"),
        (keyed(5) + section(0x77, 5), b"", {}, None),
        (section(0x74, [1]) + section(0x76, [1]) + FOOTER, b"", {}, None),
    ],
)
def test_what_readers_are_told(sections: bytes, body: bytes, properties: dict[str, Value], key: str | None) -> None:
    event = read_event(Record(0, 0, 1, sections))
    assert event == Event(0, "0", datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC), key, body, properties)


def test_a_batch_hands_its_key_to_messages_without_one() -> None:
    own, none = keyed("own") + DATA, DATA
    batch = keyed("all") + section(0x75, own) + section(0x75, none)
    assert [each.partition_key for each in parse_messages(batch, BATCH_FORMAT)] == ["own", "all"]
    assert [each.rest for each in parse_messages(batch, BATCH_FORMAT)] == [DATA, DATA]
    assert len(parse_messages(batch, 0)) == 1


@pytest.mark.parametrize(
    ("data", "message_format", "problem"),
    [
        (section(0x6F, b""), 0, "a message has no section 0x6f"),
        (section(0x79, b""), 0, "a message has no section 0x79"),
        (encode(Described(Symbol("data"), b"")), 0, "a message has no section 'data'"),
        (b"\x40", 0, "byte 0 of a message begins no section"),
        (DATA + b"\x40", 0, f"byte {len(DATA)} of a message begins no section"),
        (section(0x75, "text"), BATCH_FORMAT, "a batch holds messages as binary data"),
        (keyed("k" * 129), 0, "the partition key has 129 characters, at most 128 are allowed"),
    ],
)
def test_what_is_no_message(data: bytes, message_format: int, problem: str) -> None:
    with pytest.raises(CodecError) as caught:
        parse_messages(data, message_format)
    assert str(caught.value) == problem


def test_a_key_may_have_128_characters_and_a_section_a_long_code() -> None:
    assert parse_messages(keyed("k" * 128), 0)[0].partition_key == "k" * 128
    # The same section with its code in eight bytes.
    wide = b"\x00\x80" + (0x75).to_bytes(8, "big") + encode(b"body")
    assert parse_messages(wide, 0)[0].rest == wide
    assert read_event(Record(0, 0, 0, wide)).body == b"body"


def test_many_annotations_are_read_as_few_are() -> None:
    many: dict[Value, Value] = {Symbol(f"name-{number}"): "x" * 20 for number in range(20)}
    (found,) = parse_messages(section(0x72, {**many, KEY: "k", Symbol("x-opt-offset"): "9"}), 0)
    expected = b"".join(encode(name) + encode(value) for name, value in many.items())
    assert found == Message(b"", expected, 40, b"", "k")


@pytest.mark.parametrize(
    ("data", "request_"),
    [
        (
            section(0x73, ["id", None, None, None, "me"]) + APPLICATION + section(0x77, [1]),
            Request("id", "me", {"a": 1}, [1]),
        ),
        (section(0x73, ["id", None, None, None, 5]), Request("id", None, {}, None)),
        (section(0x73, ["id", None, None, None]), Request("id", None, {}, None)),
        (section(0x73, []) + DATA + FOOTER, Request(None, None, {}, b"body")),
        (section(0x73, "id"), Request(None, None, {}, None)),
    ],
)
def test_requests(data: bytes, request_: Request) -> None:
    assert parse_request(data) == request_


def test_a_response() -> None:
    fields: list[Value] = [None, None, None, None, None, "id", *[None] * 7]
    assert encode_response("id", {"status": 200}, "done") == (
        section(0x73, fields) + section(0x74, {"status": 200}) + section(0x77, "done")
    )


def read(data: bytes, max_frame_size: int = 512, kind: int = 0) -> Frame:
    async def reading() -> Frame:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return await read_frame(reader, max_frame_size, kind=kind)

    return asyncio.run(reading())


def test_a_transfer_of_several_frames() -> None:
    transfer = Transfer(3, 4, b"t", 0, True)
    part = Transfer(3, 4, b"t", 0, True, more=True)
    assert len(encode_frame(1, transfer)) == len(encode_frame(1, part))
    room = 512 - len(encode_frame(1, part))
    for size, parts in (
        (room, [room]),
        (room + 1, [room, 1]),
        (2 * room, [room, room]),
        (2 * room + 1, [room, room, 1]),
    ):
        payload = bytes(number % 251 for number in range(size))
        frames = [read(frame) for frame in encode_transfer(1, transfer, payload, 512)]
        assert [len(frame.payload) for frame in frames] == parts
        assert b"".join(frame.payload for frame in frames) == payload
        assert [frame.performative for frame in frames] == [part] * (len(parts) - 1) + [transfer]


def test_a_settled_transfer_is_written_as_any_other() -> None:
    frame = encode_settled_transfer(2, 3, 300, 7, b"payload")
    assert read(frame) == Frame(2, Transfer(3, 300, bytes((7,)), 0, True), b"payload")


def test_frames_as_they_are_read() -> None:
    end = encode_frame(5, End())
    assert read(end) == Frame(5, End())
    # Four bytes of an extended header, which nobody has a use for.
    assert read((len(end) + 4).to_bytes(4, "big") + b"\x03" + end[5:8] + b"more" + end[8:]) == Frame(5, End())
    assert read(EMPTY_FRAME) == Frame(0, None)
    assert read(EMPTY_FRAME[:5] + b"\x07\x00\x09") == Frame(9, None)
    room = 512 - len(encode_frame(0, Begin(None, 0, 1, 1)))
    assert read(encode_frame(0, Begin(None, 0, 1, 1), b"x" * room)).payload == b"x" * room
    assert decode_performative(end[8:]) == (End(), len(end) - 8)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\x00\x00\x02\x01\x02\x00\x00\x00", "a frame of 513 bytes with its body at 8; at most 512 are agreed"),
        (b"\x00\x00\x00\x08\x01\x00\x00\x00", "a frame of 8 bytes with its body at 4; at most 512 are agreed"),
        (b"\x00\x00\x00\x08\x03\x00\x00\x00", "a frame of 8 bytes with its body at 12; at most 512 are agreed"),
        (encode_frame(0, End(), kind=SASL), "a frame of type 1, expected 0"),
    ],
)
def test_what_is_no_frame(data: bytes, problem: str) -> None:
    with pytest.raises(CodecError) as caught:
        read(data)
    assert str(caught.value) == problem
