"""Clients that mean harm, or are stuck: what they can take of the server, before and after they are known."""

import asyncio
from contextlib import suppress
from typing import cast
from uuid import UUID

import pytest
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubProducerClient

from emulator.eventhubs import EventHubs, Options
from emulator.eventhubs.amqp import connection as connection_module
from emulator.eventhubs.amqp.codec import decode, encode
from emulator.eventhubs.amqp.connection import Connection
from emulator.eventhubs.amqp.frames import AMQP_HEADER, EMPTY_FRAME, encode_frame
from emulator.eventhubs.amqp.performatives import Attach, Begin, Close, Detach, Disposition, Flow, Open, Transfer
from emulator.eventhubs.amqp.room import Room
from emulator.eventhubs.amqp.session import Link, Session
from emulator.eventhubs.amqp.types import CodecError, Described, ULong, Value
from emulator.eventhubs.errors import HubError
from emulator.eventhubs.service.access import Access
from emulator.eventhubs.service.addresses import parse_address
from tests.emulator.eventhubs.clients import TRUSTED
from tests.emulator.eventhubs.test_access import KEY, SAS, token
from tests.emulator.eventhubs.test_wire import DATA, ENTRANCE, Peer, closed, connected

MEBIBYTE = 1 << 20


@pytest.mark.parametrize("element", [0x40, 0x41, 0x42, 0x43, 0x44, 0x45])
def test_arrays_of_nothing_are_not_counted_out(element: int) -> None:
    # Each takes ten bytes and could claim as many elements as the whole frame has bytes.
    array = b"\xf0" + (5).to_bytes(4) + (1000).to_bytes(4) + bytes((element,))
    with pytest.raises(CodecError, match=r"^the array at byte \d+ claims 1000 elements$"):
        decode(b"\xd0" + (4 + 100 * len(array)).to_bytes(4) + (100).to_bytes(4) + array * 100)


def test_keys_of_a_map_that_all_have_one_hash_are_refused() -> None:
    keys = [UUID(int=7 + ((1 << 61) - 1) * number) for number in range(65)]
    assert len(set(map(hash, keys))) == 1
    with pytest.raises(CodecError, match=r"^a map has more than 64 keys of types as UUID$"):
        decode(encode(cast(Value, dict.fromkeys(keys))))
    few: dict[Value, Value] = dict.fromkeys(keys[:64])
    assert decode(encode(few))[0] == few
    many: dict[Value, Value] = dict.fromkeys(range(1000))
    assert decode(encode(many))[0] == many


@pytest.mark.parametrize("address", ["x" * MEBIBYTE, "amqps://host/" + "x/" * 1024])
def test_an_address_has_a_length(address: str) -> None:
    with pytest.raises(HubError) as refused:
        parse_address(address)
    assert refused.value.condition == "amqp:invalid-field"
    assert refused.value.description == f"The address '{address[:100]}…' has more than 1024 characters"


def test_a_token_that_is_sent_again_is_kept_once() -> None:
    access = Access(KEY)
    assert not access.is_known
    for _ in range(3):
        access.put(token("sb://localhost/trades"), SAS)
    assert (access.is_known, list(access._grants)) == (True, ["trades"])


def test_tokens_that_are_no_forms_are_malformed() -> None:
    for text in ("&".join(f"a{number}=" for number in range(1000)), "sr=http://[&sig=x&se=1"):
        with pytest.raises(HubError, match=r"^The token is malformed: "):
            Access(KEY).put(f"SharedAccessSignature {text}", SAS)


class Unread:
    """The writer to a client that reads nothing."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.transport = self
        self.waits = asyncio.Event()
        self.is_gone = False

    def is_closing(self) -> bool:
        return self.is_gone

    def write(self, data: bytes) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return len(self.written)

    async def drain(self) -> None:
        self.waits.set()
        await asyncio.Event().wait()

    def close(self) -> None:
        self.is_gone = True

    abort = close


def no_link(session: Session, attach: Attach) -> Link:
    raise AssertionError


async def test_a_client_that_does_not_read_is_not_read_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "_MOST_UNREAD", 10_000)
    reader, writer = asyncio.StreamReader(), Unread()
    echo = encode_frame(0, Flow(0, 100, 0, 100, echo=True))
    reader.feed_data(AMQP_HEADER + encode_frame(0, Open("x")) + encode_frame(0, Begin(None, 0, 1, 1)) + echo * 1000)
    serving = asyncio.create_task(Connection(no_link, reader, cast(asyncio.StreamWriter, writer)).serve())
    await asyncio.wait_for(writer.waits.wait(), 60)
    assert 10_000 < len(writer.written) < 10_200
    serving.cancel()
    await asyncio.wait([serving])


async def test_a_client_that_does_not_read_gets_no_heartbeats() -> None:
    reader, writer = asyncio.StreamReader(), Unread()
    reader.feed_data(AMQP_HEADER + encode_frame(0, Open("x", idle_time_out=1)))
    serving = asyncio.create_task(Connection(no_link, reader, cast(asyncio.StreamWriter, writer)).serve())
    await asyncio.sleep(0.3)
    assert EMPTY_FRAME not in writer.written
    writer.written.clear()
    await asyncio.sleep(0.3)
    # The first beat is unread, too.
    assert writer.written == EMPTY_FRAME
    serving.cancel()
    await asyncio.wait([serving])


class Holder:
    """A connection that holds something."""

    is_gone = False

    def abort(self) -> None:
        self.is_gone = True


def test_whoever_has_held_something_for_the_longest_makes_room() -> None:
    room = Room(100)
    first, second, third = Holder(), Holder(), Holder()
    room.hold(first, 40)
    room.hold(second, 40)
    room.release(first, 30)
    room.hold(first, 20)
    room.hold(third, 40)
    assert [each.is_gone for each in (first, second, third)] == [False, True, False]
    room.release(second, 40)
    room.hold(third, 30)
    assert [each.is_gone for each in (first, second, third)] == [False, True, False]
    room.hold(third, 1)
    assert [each.is_gone for each in (first, second, third)] == [True, True, False]


def test_who_has_let_go_of_all_or_of_a_part_holds_what_is_left() -> None:
    room = Room(100)
    first, second, third = Holder(), Holder(), Holder()
    room.hold(first, 40)
    room.release(first, 40)
    room.hold(second, 40)
    room.release(second, 30)
    # Of 101 bytes the second has ten, and the first none: after that there is room for nine.
    room.hold(third, 91)
    room.hold(third, 9)
    assert [each.is_gone for each in (first, second, third)] == [False, True, False]
    room.hold(third, 1)
    assert [each.is_gone for each in (first, second, third)] == [False, True, True]


async def served(connections: int = 100) -> EventHubs:
    options = Options(key=KEY, connections=connections)
    return await EventHubs.start(port=0, data=None, hubs={"trades": 1}, options=options)


async def test_a_stranger_has_little_room() -> None:
    hubs = await served()
    try:
        async with connected(hubs) as peer:
            await peer.begin()
            for handle in range(9):
                peer.attach("$cbs", is_receiver=True, handle=handle)
                await peer.expect(Attach)
            refused = (await peer.read()).performative
            assert isinstance(refused, Detach)
            assert "resource-limit-exceeded" in str(refused.error)
        async with connected(hubs) as peer:
            await peer.begin()
            peer.writer.write((40_000).to_bytes(4) + b"\x02\x00\x00\x00")
            ended = (await peer.read()).performative
            assert isinstance(ended, Close)
            assert "a frame of 40000 bytes" in str(ended.error)
        async with connected(hubs) as peer:
            peer.writer.write(AMQP_HEADER + (40_000).to_bytes(4) + b"\x02\x00\x00\x00")
            assert b"a frame of 40000 bytes" in await asyncio.wait_for(peer.reader.read(), 10)
    finally:
        await hubs.close()


async def test_a_stranger_has_half_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "_HANDSHAKE_SECONDS", 0.2)
    hubs = await served()
    try:
        async with connected(hubs) as peer:
            await peer.begin()
            ended = (await peer.read()).performative
            assert isinstance(ended, Close)
            assert "has not shown who it is in time" in str(ended.error)
            assert await peer.reader.read() == b""
    finally:
        await hubs.close()


async def test_where_no_key_is_asked_for_nobody_is_a_stranger(hubs: EventHubs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "_HANDSHAKE_SECONDS", 0.2)
    async with connected(hubs) as peer:
        await peer.begin()
        await asyncio.sleep(0.4)
        peer.attach(ENTRANCE, is_receiver=False)
        await peer.expect(Flow)


async def test_strangers_with_sessions_keep_nobody_out() -> None:
    hubs = await served(connections=2)
    try:
        async with connected(hubs) as first, connected(hubs) as second:
            await first.begin()
            await second.begin()
            async with EventHubProducerClient.from_connection_string(
                hubs.connection_string("trades"), ssl_context=TRUSTED
            ) as producer:
                await producer.send_batch([EventData(b"x")])
            assert await closed(first.reader)
    finally:
        await hubs.close()
    assert hubs.hub("trades").partition(0).end == 1


async def test_messages_that_have_begun_have_a_size_together(hubs: EventHubs) -> None:
    async with connected(hubs) as peer:
        await peer.begin()
        for handle in range(3):
            peer.attach(ENTRANCE, is_receiver=False, handle=handle)
            await peer.expect(Flow)
            peer.send(Transfer(handle, handle, b"a", 0, more=True), bytes(MEBIBYTE - 100))
        refused = (await peer.read()).performative
        assert isinstance(refused, Detach)
        assert (refused.handle, "Too many messages have begun, and not ended" in str(refused.error)) == (2, True)
        # Those that end, or are gone, make room.
        peer.send(Transfer(0, 0, aborted=True))
        peer.send(Detach(1, closed=True))
        peer.attach(ENTRANCE, is_receiver=False, handle=3)
        await peer.expect_any(Flow)
        peer.send(Transfer(3, 3, b"a", 0, more=True), DATA[:3])
        peer.send(Transfer(3), DATA[3:])
        assert isinstance(await peer.expect_any(Disposition), Disposition)
    assert [event.body for event in hubs.hub("trades").partition(0).read(0, 10)] == [b"body"]


async def test_a_client_has_so_many_links(hubs: EventHubs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "_MOST_LINKS", 2)
    async with connected(hubs) as peer:
        await peer.begin()
        peer.send(Begin(None, 0, 100, 100), channel=1)
        for handle in range(2):
            peer.attach(ENTRANCE, is_receiver=False, handle=handle)
            await peer.expect(Flow)
        peer.attach(ENTRANCE, is_receiver=False, handle=2)
        await peer.expect(Attach)
        refused = (await peer.read()).performative
        assert isinstance(refused, Detach)
        assert "The connection has too many links" in str(refused.error)
        peer.send(Detach(0, closed=True))
        await peer.expect_any(Detach)
        peer.attach(ENTRANCE, is_receiver=False, handle=2)
        await peer.expect(Flow)


async def test_answers_that_nobody_asks_for_have_an_end(hubs: EventHubs) -> None:
    request = encode(Described(ULong(0x74), {"operation": "none"}))
    async with connected(hubs) as peer:
        await peer.begin()
        peer.attach("$cbs", is_receiver=False)
        await peer.expect(Flow)
        peer.attach("$cbs", is_receiver=True, handle=1)
        await peer.expect(Attach)
        for number in range(101):
            peer.send(Transfer(0, number, b"a", 0), request)
        outcomes = [str(await peer.expect(Disposition)) for _ in range(101)]
    assert ["too many answers wait for credit" in outcome for outcome in outcomes] == [False] * 100 + [True]


async def test_a_request_and_its_way_back_have_sizes(hubs: EventHubs) -> None:
    async with connected(hubs) as peer:
        await peer.begin()
        peer.attach("$cbs", is_receiver=False)
        await peer.expect(Flow)
        peer.send(Transfer(0, 0, b"a", 0), bytes(65_537))
        assert "a request of 65537 bytes is too large" in str(await peer.expect(Disposition))
        here = Described(ULong(0x29), ["x" * 1025])
        peer.send(Attach("link", 1, role=True, source=Described(ULong(0x28), ["$cbs"]), target=here))
        await peer.expect(Attach)
        refused = (await peer.read()).performative
        assert isinstance(refused, Detach)
        assert "has more than 1024 characters" in str(refused.error)


@pytest.mark.slow
async def test_the_end_waits_for_no_client() -> None:
    hubs = await EventHubs.start(port=0, data=None, hubs={"trades": 1})
    body = encode(Described(ULong(0x75), bytes(100_000)))
    # They end as connections that were cut do.
    with suppress(ConnectionError):
        await _with_a_sender_and_a_stuck_client(hubs, body)


async def _with_a_sender_and_a_stuck_client(hubs: EventHubs, body: bytes) -> None:
    is_over = False

    async def send(peer: Peer) -> None:
        peer.attach(ENTRANCE, is_receiver=False)
        while not is_over and not peer.writer.is_closing():
            # Without a pause: there is always more to store.
            peer.send(Transfer(0, 0, b"a", 0, settled=True), body)
            await peer.writer.drain()

    async with connected(hubs) as sender, connected(hubs) as stuck:
        await sender.begin()
        await stuck.begin()
        cast(asyncio.Transport, stuck.writer.transport).pause_reading()
        echo = encode_frame(0, Flow(0, 100, 0, 100, echo=True)) * 1000
        while not stuck.writer.transport.get_write_buffer_size():
            # Until nothing of it is read any more.
            stuck.writer.write(echo)
            await asyncio.sleep(0.01)
        sending = asyncio.create_task(send(sender))
        await hubs.hub("trades").partition(0).wait_for(10)
        await asyncio.wait_for(hubs.close(), 30)
        assert hubs._connections == {}
        is_over = True
        stuck.writer.transport.abort()
        sender.writer.transport.abort()
        await asyncio.wait([sending])
        sending.exception()


async def test_one_client_does_not_keep_the_loop() -> None:
    reader, writer = asyncio.StreamReader(), Unread()
    reader.feed_data(AMQP_HEADER + encode_frame(0, Open("x")) + encode_frame(0, Begin(None, 0, 1, 1)))
    reader.feed_data(EMPTY_FRAME * 6400)
    reader.feed_eof()
    serving = asyncio.create_task(Connection(no_link, reader, cast(asyncio.StreamWriter, writer)).serve())
    turns = 0
    while not serving.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns >= 100
