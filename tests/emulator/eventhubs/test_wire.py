"""The protocol by hand: what clients other than Azure's do, and what breaks it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from emulator.eventhubs import EventHubs, Options
from emulator.eventhubs.amqp.codec import encode
from emulator.eventhubs.amqp.frames import (
    AMQP_HEADER,
    EMPTY_FRAME,
    SASL,
    SASL_HEADER,
    Frame,
    encode_frame,
    encode_settled_transfer,
    encode_transfer,
    read_frame,
)
from emulator.eventhubs.amqp.performatives import (
    Attach,
    Begin,
    Close,
    Detach,
    Disposition,
    End,
    Flow,
    Open,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
    Transfer,
    decode_performative,
)
from emulator.eventhubs.amqp.types import Array, Described, Symbol, ULong
from tests.emulator.eventhubs.events import message

ENTRANCE = "amqps://host/trades/Partitions/0"
EXIT = "trades/ConsumerGroups/$default/Partitions/0"
DATA = encode(Described(ULong(0x75), b"body"))


class Peer:
    """A client that writes and reads single frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, performative: object, payload: bytes = b"", channel: int = 0) -> None:
        self.writer.write(encode_frame(channel, performative, payload))  # type: ignore[arg-type] # any of them

    async def read(self) -> Frame:
        return await asyncio.wait_for(read_frame(self.reader, 1 << 21), 10)

    async def expect(self, kind: type) -> object:
        """Return the next frame of a kind, whatever comes before it."""
        while True:
            found = (await self.read()).performative
            if isinstance(found, kind):
                return found
            assert not isinstance(found, Close | Detach | End), found

    async def expect_any(self, kind: type) -> object:
        """Return the next frame of a kind, also of one that ends something."""
        while True:
            found = (await self.read()).performative
            if isinstance(found, kind):
                return found

    async def begin(self) -> None:
        self.writer.write(AMQP_HEADER)
        self.send(Open("test"))
        self.send(Begin(None, 0, 100, 100))
        assert await self.reader.readexactly(8) == AMQP_HEADER
        await self.expect(Begin)

    def attach(self, address: str, *, is_receiver: bool, handle: int = 0, filters: object = None) -> None:
        terminus: list[object] = [address, None, None, None, None, None, None, filters]
        ours = Described(ULong(0x28 if is_receiver else 0x29), terminus)  # type: ignore[arg-type] # values of AMQP
        other = Described(ULong(0x29 if is_receiver else 0x28), ["here"])
        source, target = (ours, other) if is_receiver else (other, ours)
        self.send(Attach(f"link {handle}", handle, is_receiver, source=source, target=target, initial_delivery_count=0))


@asynccontextmanager
async def connected(hubs: EventHubs) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", hubs.port)
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


async def test_sasl_offers_to_be_anonymous_and_nothing_else(hubs: EventHubs) -> None:
    async with connected(hubs) as peer:
        peer.writer.write(SASL_HEADER)
        assert await peer.reader.readexactly(8) == SASL_HEADER
        offered = await read_frame(peer.reader, 512, kind=SASL)
        assert offered.performative == SaslMechanisms(Array((Symbol("ANONYMOUS"),)))
        peer.writer.write(encode_frame(0, SaslInit(Symbol("PLAIN"), b"\0me\0secret"), kind=SASL))
        assert (await read_frame(peer.reader, 512, kind=SASL)).performative == SaslOutcome(1)


@pytest.mark.parametrize(
    "start",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"AMQP\x00\x00\x09\x01",
        AMQP_HEADER + b"\xff\xff\xff\xff\x02\x00\x00\x00",
        AMQP_HEADER + b"\x00\x00\x00\x08\x01\x00\x00\x00",
        AMQP_HEADER + b"\x00\x00\x00\x0c\x02\x00\x00\x00\x00\x53\x10\xc0",
        AMQP_HEADER + encode_frame(0, Begin(None, 0, 1, 1)),
        AMQP_HEADER + encode_frame(0, Open("x")) * 2,
    ],
)
async def test_what_is_not_amqp_is_answered_with_a_header_and_the_end(hubs: EventHubs, start: bytes) -> None:
    async with connected(hubs) as peer:
        peer.writer.write(start)
        answer = await asyncio.wait_for(peer.reader.read(), 10)
        assert answer.startswith(AMQP_HEADER)
        assert b"amqp:connection:framing-error" in answer
    # The server lives on.
    async with connected(hubs) as peer:
        await peer.begin()


async def test_a_new_client_takes_the_place_of_one_that_has_begun_nothing() -> None:
    hubs = await EventHubs.start(port=0, data=None, hubs={"trades": 1}, options=Options(connections=3))
    try:
        async with connected(hubs) as working:
            await working.begin()
            halves = [await asyncio.open_connection("127.0.0.1", hubs.port) for _ in range(10)]
            async with connected(hubs) as other:
                await other.begin()
                # One half is left beside the two that work.
                assert sum([await closed(reader) for reader, _ in halves[:9]]) == 9
                working.attach(ENTRANCE, is_receiver=False)
                await working.expect(Attach)
            for _, writer in halves:
                writer.close()
    finally:
        await hubs.close()


async def test_where_all_have_begun_a_new_client_is_let_go() -> None:
    hubs = await EventHubs.start(port=0, data=None, hubs={"trades": 1}, options=Options(connections=1))
    try:
        async with connected(hubs) as working:
            await working.begin()
            reader, writer = await asyncio.open_connection("127.0.0.1", hubs.port)
            assert await closed(reader)
            writer.close()
            working.attach(ENTRANCE, is_receiver=False)
            await working.expect(Attach)
    finally:
        await hubs.close()


async def closed(reader: asyncio.StreamReader) -> bool:
    """Wait until the server has ended a connection without a word."""
    try:
        return await asyncio.wait_for(reader.read(), 10) == b""
    except ConnectionResetError:
        return True


async def test_a_message_in_parts_is_one_event_and_an_aborted_one_none(hubs: EventHubs) -> None:
    async with connected(hubs) as peer:
        await peer.begin()
        peer.attach(ENTRANCE, is_receiver=False)
        granted = await peer.expect(Flow)
        assert isinstance(granted, Flow)
        assert granted.link_credit
        peer.send(Transfer(0, 0, b"a", 0, more=True), DATA[:3])
        peer.send(Transfer(0, aborted=True))
        for frame in encode_transfer(0, Transfer(0, 1, b"b", 0), DATA, 48):
            peer.writer.write(frame)
        settled = await peer.expect(Disposition)
        assert isinstance(settled, Disposition)
        assert (settled.first, settled.settled, settled.state) == (1, True, Described(ULong(0x24), []))
    assert [event.body for event in hubs.hub("trades").partition(0).read(0, 10)] == [b"body"]


async def test_a_message_that_cannot_be_read_is_rejected_and_the_link_lives(hubs: EventHubs) -> None:
    async with connected(hubs) as peer:
        await peer.begin()
        peer.attach(ENTRANCE, is_receiver=False)
        for number, data in enumerate((b"junk", b"\x00\x53\x75\xa0\xff", DATA)):
            peer.send(Transfer(0, number, bytes((number,)), 0), data)
        outcomes = [await peer.expect(Disposition) for _ in range(3)]
    assert ["amqp:decode-error" in str(outcome) for outcome in outcomes] == [True, True, False]
    assert hubs.hub("trades").partition(0).end == 1


async def test_credit_is_renewed_and_never_overdrawn(hubs: EventHubs) -> None:
    await hubs.hub("trades").partition(0).append([message(b"%d" % number) for number in range(5)])
    earliest = {Symbol("apache.org:selector-filter:string"): "amqp.annotation.x-opt-offset > '-1'"}
    async with connected(hubs) as peer:
        await peer.begin()
        peer.attach(EXIT, is_receiver=True, filters=earliest)
        await peer.expect(Attach)
        peer.send(Flow(0, 100, 0, 100, 0, 0, 2))
        assert [(await peer.read()).performative.__class__ for _ in range(2)] == [Transfer, Transfer]
        peer.send(Flow(2, 100, 0, 100, 0, 2, 2, echo=True))
        assert isinstance((await peer.read()).performative, Flow)
        assert [(await peer.read()).performative.__class__ for _ in range(2)] == [Transfer, Transfer]
        # With the window of the session shut, credit alone moves nothing.
        peer.send(Flow(4, 0, 0, 100, 0, 4, 10, echo=True))
        assert isinstance((await peer.read()).performative, Flow)
        peer.send(Flow(4, 100, 0, 100))
        assert isinstance((await peer.read()).performative, Transfer)
        peer.send(Flow(5, 100, 0, 100, 0, 5, 10, drain=True))
        drained = await peer.expect(Flow)
        assert isinstance(drained, Flow)
        assert (drained.delivery_count, drained.link_credit) == (15, 0)


@pytest.mark.parametrize(
    ("address", "is_receiver", "condition"),
    [
        ("trades", True, "amqp:not-allowed"),
        (EXIT, False, "amqp:not-allowed"),
        ("", False, "amqp:not-found"),
        ("a/b/c/d/e/f", True, "amqp:not-found"),
        ("trades/Partitions/9", False, "com.microsoft:argument-out-of-range"),
    ],
)
async def test_links_to_nowhere_are_attached_and_detached(
    hubs: EventHubs, address: str, is_receiver: bool, condition: str
) -> None:
    async with connected(hubs) as peer:
        await peer.begin()
        peer.attach(address, is_receiver=is_receiver)
        await peer.expect(Attach)
        detached = (await peer.read()).performative
        assert isinstance(detached, Detach)
        assert condition in str(detached.error)


@pytest.mark.parametrize("filters", [{Symbol("other"): "x"}, {Symbol("apache.org:selector-filter:string"): "x = 1"}])
async def test_filters_that_mean_nothing_are_refused(hubs: EventHubs, filters: dict[Symbol, str]) -> None:
    async with connected(hubs) as peer:
        await peer.begin()
        peer.attach(EXIT, is_receiver=True, filters=filters)
        await peer.expect(Attach)
        detached = (await peer.read()).performative
        assert isinstance(detached, Detach)
        assert "not supported" in str(detached.error)


async def test_links_sessions_and_connections_are_ended_in_order(hubs: EventHubs) -> None:
    async with connected(hubs) as peer:
        await peer.begin()
        peer.attach(ENTRANCE, is_receiver=False)
        await peer.expect(Attach)
        peer.attach(ENTRANCE, is_receiver=False)
        ended = await asyncio.wait_for(_first(peer, End), 10)
        assert "handle-in-use" in str(ended)
    async with connected(hubs) as peer:
        await peer.begin()
        peer.attach(ENTRANCE, is_receiver=False)
        await peer.expect(Flow)
        peer.send(Detach(0, closed=True))
        assert (await peer.read()).performative == Detach(0, closed=True)
        peer.send(End())
        assert (await peer.read()).performative == End()
        # Late frames of an ended session are nobody's.
        peer.send(Detach(0))
        peer.send(Close())
        assert (await peer.read()).performative == Close()
        assert await peer.reader.read() == b""


async def test_a_client_that_asks_for_heartbeats_gets_them(hubs: EventHubs) -> None:
    async with connected(hubs) as peer:
        peer.writer.write(AMQP_HEADER + encode_frame(0, Open("test", idle_time_out=20)))
        await peer.reader.readexactly(8)
        opened = await peer.read()
        assert isinstance(opened.performative, Open)
        assert opened.performative.idle_time_out is None
        assert await asyncio.wait_for(peer.reader.readexactly(16), 10) == EMPTY_FRAME * 2


async def test_requests_without_a_way_back_are_rejected(hubs: EventHubs) -> None:
    request = encode(Described(ULong(0x74), {"operation": "READ"}))
    async with connected(hubs) as peer:
        await peer.begin()
        peer.attach("$management", is_receiver=False)
        await peer.expect(Flow)
        peer.send(Transfer(0, 0, b"a", 0), request)
        assert "attach a receiver first" in str(await peer.expect(Disposition))
        peer.attach("$management", is_receiver=True, handle=1)
        await peer.expect(Attach)
        peer.send(Flow(0, 100, 0, 100, 1, 0, 10))
        peer.send(Transfer(0, 1, b"b", 0), request)
        await peer.expect(Disposition)
        answer = await peer.read()
        assert b"the entity type" in answer.payload or b"could not be found" in answer.payload


async def _first(peer: Peer, kind: type) -> object:
    while True:
        found = (await peer.read()).performative
        if isinstance(found, kind):
            return found


async def test_answers_wait_for_credit(hubs: EventHubs) -> None:
    properties = encode(Described(ULong(0x73), ["id", None, None, None, "here"]))
    asked = Described(ULong(0x74), {"operation": "READ", "type": "com.microsoft:eventhub", "name": "trades"})
    request = properties + encode(asked) + encode(Described(ULong(0x77), None))
    async with connected(hubs) as peer:
        await peer.begin()
        peer.attach("$management", is_receiver=False)
        await peer.expect(Attach)
        peer.attach("$management", is_receiver=True, handle=1)
        await peer.expect(Attach)
        peer.send(Flow(0, 100, 0, 100, 1, 0, 1))
        for number in range(2):
            peer.send(Transfer(0, number, bytes((number,)), 0, settled=True), request)
        await peer.expect(Transfer)
        # Had the second answer come without credit, it would come before the echo.
        peer.send(Flow(1, 100, 2, 100, echo=True))
        assert isinstance((await peer.read()).performative, Flow)
        peer.send(Flow(1, 100, 2, 100, 1, 1, 1))
        assert isinstance((await peer.read()).performative, Transfer)


def test_the_fast_transfer_is_the_plain_one() -> None:
    for handle, number in ((0, 0), (3, 1_000_000)):
        frame = encode_settled_transfer(7, handle, number, 200, b"payload")
        performative, start = decode_performative(frame[8:])
        assert performative == Transfer(handle, number, bytes((200,)), 0, settled=True)
        assert frame[8 + start :] == b"payload"
