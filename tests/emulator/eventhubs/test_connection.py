"""A connection frame by frame, on a stream that keeps what is written: its answers, its end, and what it may hold."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest

from emulator.eventhubs.amqp import connection as module
from emulator.eventhubs.amqp.connection import Connection
from emulator.eventhubs.amqp.frames import AMQP_HEADER, EMPTY_FRAME, HEADER_SIZE, encode_frame
from emulator.eventhubs.amqp.performatives import (
    Attach,
    Begin,
    Close,
    Detach,
    End,
    Flow,
    Open,
    Performative,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
    Transfer,
    decode_performative,
    error,
)
from emulator.eventhubs.amqp.room import Holder, Room
from emulator.eventhubs.amqp.session import Link, Session
from emulator.eventhubs.amqp.types import Array, Symbol

MOST = 0x7FFFFFFF
OPEN, BEGIN = Open("client"), Begin(None, 0, 1, 1)
MOST_OF = (None, 1 << 20, 255)
OPENED, BEGUN = Open("server", *MOST_OF), Begin(0, 0, MOST, MOST)
GONE = Close(error("amqp:connection:forced", "The server is shutting down"))
LATE = Close(error("amqp:connection:forced", "The client has not shown who it is in time"))


class Stream:
    """The writer to a client, and its transport; `unread` says what the client has not taken."""

    def __init__(self, unread: int = 0) -> None:
        self.written = bytearray()
        self.unread = unread
        self.did: list[str] = []
        self.transport = self
        self.beaten = asyncio.Event()

    def is_closing(self) -> bool:
        return "close" in self.did

    def write(self, data: bytes) -> None:
        self.written += data
        if data == EMPTY_FRAME:
            self.beaten.set()

    def get_write_buffer_size(self) -> int:
        return self.unread

    async def drain(self) -> None:
        self.did.append("drain")

    def close(self) -> None:
        self.did.append("close")

    def abort(self) -> None:
        self.did.append("abort")

    def pause_reading(self) -> None:
        self.did.append("pause")


class Counted(Room):
    """A room that keeps what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, Holder, int]] = []

    def hold(self, holder: Holder, size: int) -> None:
        self.asked.append(("hold", holder, size))

    def release(self, holder: Holder, size: int) -> None:
        self.asked.append(("release", holder, size))


class Kept:
    """Links that keep who was told of the end."""

    def __init__(self) -> None:
        self.ended: list[int] = []

    def open(self, _: Session, attach: Attach) -> Link:
        def nothing(*_: object) -> None: ...

        link = SimpleNamespace(attached=nothing, flow=nothing, transfer=nothing)
        link.detached = lambda: self.ended.append(attach.handle)
        return cast(Link, link)


def made(
    stream: Stream, *frames: tuple[int, Performative], is_known: bool = True, room: Room | None = None,
    links: Kept | None = None,
) -> tuple[Connection, asyncio.StreamReader]:  # fmt: skip
    """Return a connection whose client has written frames."""
    reader = asyncio.StreamReader()
    reader.feed_data(AMQP_HEADER + b"".join(encode_frame(channel, each) for channel, each in frames))
    writer = cast(asyncio.StreamWriter, stream)
    return Connection((links or Kept()).open, reader, writer, lambda: is_known, room), reader


async def answers(*frames: tuple[int, Performative]) -> tuple[list[tuple[int, object]], Stream]:
    """Return what a client that writes frames and goes is told after the first answer, and its stream."""
    stream = Stream()
    connection, reader = made(stream, (0, OPEN), *frames)
    reader.feed_eof()
    await connection.serve()
    (_, opened), *told = list(read(stream))
    assert opened == OPENED
    return told, stream


def read(stream: Stream) -> Iterator[tuple[int, object]]:
    """Yield the channels and performatives that were written; a name that is made up is the server's."""
    data = bytes(stream.written)
    assert data[:HEADER_SIZE] == AMQP_HEADER
    at = HEADER_SIZE
    while at < len(data):
        size, channel = int.from_bytes(data[at : at + 4]), int.from_bytes(data[at + 6 : at + 8])
        if size == len(EMPTY_FRAME):
            yield channel, None
        else:
            found, _ = decode_performative(data[at + 8 : at + size])
            yield channel, OPENED if isinstance(found, Open) and found == Open(found.container_id, *MOST_OF) else found
        at += size


async def test_sessions_begin_and_end_on_their_channels_and_what_is_of_none_is_passed_over() -> None:
    told, stream = await answers(
        (0, BEGIN), (255, BEGIN), (255, End()), (255, End()), (7, Detach(1)), (255, BEGIN), (0, Close()), (0, BEGIN)
    )  # fmt: skip
    assert told == [(0, BEGUN), (255, begun(255)), (255, End()), (255, begun(255)), (0, Close())]
    assert stream.did == ["close"]


def begun(channel: int) -> Begin:
    return Begin(channel, 0, MOST, MOST)


@pytest.mark.parametrize(
    ("channel", "performative"),
    [
        (0, BEGIN),
        (256, BEGIN),
        (1, OPEN),
        (0, SaslInit(Symbol("ANONYMOUS"))),
        (0, SaslMechanisms(Array((Symbol("ANONYMOUS"),)))),
        (0, SaslOutcome(0)),
    ],
)
async def test_what_has_no_place_ends_the_connection(channel: int, performative: Performative) -> None:
    told, stream = await answers((0, BEGIN), (channel, performative), (1, BEGIN))
    text = f"{type(performative).__name__} has no place on channel {channel}"
    assert told == [(0, BEGUN), (0, Close(error("amqp:connection:framing-error", text)))]
    assert stream.did == ["close"]


async def test_a_connection_begins_with_open() -> None:
    stream = Stream()
    connection, _ = made(stream, (0, BEGIN), (0, OPEN))
    await connection.serve()
    refusal = error("amqp:connection:framing-error", "a connection begins with open")
    assert list(read(stream)) == [(0, Close(refusal))]


@pytest.mark.parametrize(("asked", "agreed"), [(0, 512), (511, 512), (600, 600), (1 << 20, 1 << 20), (MOST, 1 << 20)])
async def test_the_size_of_frames_is_what_both_take(asked: int, agreed: int) -> None:
    connection, reader = made(Stream(), (0, Open("client", max_frame_size=asked)))
    assert connection.max_frame_size == 512
    reader.feed_eof()
    await connection.serve()
    assert connection.max_frame_size == agreed


@pytest.mark.parametrize(
    ("asked", "seconds"), [(None, []), (0, []), (1, [0.1]), (200, [0.1]), (1_000, [0.5]), (60_000, [30.0])]
)
async def test_the_client_hears_something_twice_in_the_time_that_it_waits(
    asked: int | None, seconds: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[float] = []

    async def beat(_: Connection, every: float) -> None:
        found.append(every)
        await asyncio.Event().wait()

    monkeypatch.setattr(Connection, "_beat", beat)
    connection, reader = made(Stream(), (0, Open("client", idle_time_out=asked)))
    asyncio.get_running_loop().call_soon(reader.feed_eof)
    await connection.serve()
    await asyncio.sleep(0)
    tasks = asyncio.all_tasks() - {cast("asyncio.Task[object]", asyncio.current_task())}
    assert (found, tasks) == (seconds, set()), "the beating ends with the connection"


async def test_a_beat_is_an_empty_frame_to_a_client_that_has_read_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FASTEST_BEAT_SECONDS", 0.001)
    for unread, beats in ((0, True), (1, False)):
        stream = Stream(unread)
        connection, _ = made(stream, (0, Open("client", idle_time_out=2)))
        serving = asyncio.create_task(connection.serve())
        if beats:
            await asyncio.wait_for(stream.beaten.wait(), 30)
        await asyncio.sleep(0.01)
        serving.cancel()
        await asyncio.wait([serving])
        assert {performative for _, performative in read(stream)} == ({OPENED, None} if beats else {OPENED})


async def test_after_64_frames_others_have_their_turn() -> None:
    stream = Stream()
    echo = Flow(0, 100, 0, 100, echo=True)
    connection, _ = made(stream, (0, OPEN), (0, BEGIN), *((0, echo) for _ in range(130)))
    serving = asyncio.create_task(connection.serve())
    seen = set()
    for _ in range(20):
        await asyncio.sleep(0)
        seen.add(sum(isinstance(told, Flow) for _, told in read(stream)) if stream.written else 0)
    serving.cancel()
    await asyncio.wait([serving])
    # The begin is the first of the first 64.
    assert sorted(seen) == [0, 63, 127, 130]


@pytest.mark.parametrize(("unread", "did"), [(1 << 20, ["close"]), ((1 << 20) + 1, ["drain", "drain", "close"])])
async def test_no_frame_is_read_while_answers_wait(unread: int, did: list[str]) -> None:
    stream = Stream(unread)
    connection, reader = made(stream, (0, OPEN), (0, BEGIN))
    reader.feed_eof()
    await connection.serve()
    assert stream.did == did


@pytest.mark.parametrize(("is_known", "most"), [(False, 32 << 10), (True, 2 << 20)])
def test_parts_are_held_up_to_a_size_together(is_known: bool, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_UNFINISHED", 2 << 20)
    room = Counted()
    connection = Connection(Kept().open, *nobody(), lambda: is_known, room)
    assert [connection.hold(size) for size in (most - 1, 2, 1, 1)] == [True, False, True, False]
    connection.release(3)
    assert [connection.hold(size) for size in (4, 3)] == [False, True]
    assert room.asked == [
        ("hold", connection, most - 1), ("hold", connection, 1), ("release", connection, 3), ("hold", connection, 3)
    ]  # fmt: skip


def nobody() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return cast(asyncio.StreamReader, None), cast(asyncio.StreamWriter, Stream())


def test_a_connection_alone_has_room_and_nobody_is_a_stranger() -> None:
    connection = Connection(Kept().open, *nobody())
    assert [connection.hold(33 << 10), connection.hold(100 << 20)] == [True, False]


@pytest.mark.parametrize(("is_known", "most"), [(False, 8), (True, 10)])
async def test_links_of_all_sessions_count_together(is_known: bool, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_LINKS", 10)
    attaches = ((number % 2, Attach(f"{number}", number, False)) for number in range(11))
    stream, links = Stream(), Kept()
    connection, reader = made(
        stream, (0, OPEN), (0, BEGIN), (1, BEGIN), *attaches, is_known=is_known, links=links
    )  # fmt: skip
    assert connection.may_link()
    reader.feed_eof()
    await connection.serve()
    refused = [told.handle for _, told in read(stream) if isinstance(told, Detach)]
    assert refused == list(range(most, 11))
    assert sorted(links.ended) == list(range(most)), "the end of the connection is that of its links"


async def test_a_large_frame_takes_room_while_it_is_read() -> None:
    room, stream = Counted(), Stream()
    connection, reader = made(stream, (0, OPEN), room=room)
    small, large = (encode_frame(9, Transfer(0, 0), bytes(size)) for size in (60_000, 70_000))
    reader.feed_data(small + large)
    reader.feed_eof()
    await connection.serve()
    size = len(large) - 8
    assert room.asked == [("hold", connection, size), ("release", connection, size)]


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("begins", [(), ((0, BEGIN),)])
async def test_a_connection_is_used_where_somebody_known_has_begun_something(
    is_known: bool, begins: tuple[tuple[int, Performative], ...]
) -> None:
    connection, _ = made(Stream(), (0, OPEN), *begins, is_known=is_known)
    serving = asyncio.create_task(connection.serve())
    for _ in range(5):
        await asyncio.sleep(0)
    assert connection.is_used is (is_known and bool(begins))
    serving.cancel()
    await asyncio.wait([serving])
    assert not connection.is_used


@pytest.mark.parametrize(
    ("is_known", "unread", "told", "did"),
    [(False, 0, [LATE], ["close"]), (False, 1, [LATE], ["abort"]), (True, 0, [], [])],
)
async def test_who_has_not_shown_who_it_is_in_time_is_let_go(
    is_known: bool, unread: int, told: list[Close], did: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_HANDSHAKE_SECONDS", 0.1)
    stream = Stream(unread)
    connection, _ = made(stream, (0, OPEN), is_known=is_known)
    serving = asyncio.create_task(connection.serve())
    await asyncio.sleep(0.15)
    assert (list(read(stream)), stream.did) == ([(0, each) for each in (OPENED, *told)], did)
    serving.cancel()
    await asyncio.wait([serving])


async def test_a_client_that_goes_in_time_leaves_no_clock_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_HANDSHAKE_SECONDS", 0.1)
    stream = Stream()
    connection, reader = made(stream, (0, OPEN), is_known=False)
    reader.feed_eof()
    await connection.serve()
    await asyncio.sleep(0.15)
    assert (list(read(stream)), stream.did) == ([(0, OPENED)], ["close"])


async def test_the_server_goes_with_a_word_or_without() -> None:
    stream, links = Stream(), Kept()
    connection, _ = made(stream, (0, OPEN), (0, BEGIN), (0, Attach("a", 4, False)), links=links)
    serving = asyncio.create_task(connection.serve())
    for _ in range(5):
        await asyncio.sleep(0)
    connection.pause()
    connection.close()
    # To a connection that closes, nothing is written, and nothing of it is read anyway.
    connection.send(0, End())
    connection.pause()
    connection.abort()
    assert list(read(stream))[-1] == (0, GONE)
    assert (links.ended, stream.did) == ([4], ["pause", "close", "abort"])
    serving.cancel()
    await asyncio.wait([serving])


async def test_to_wait_for_the_client_is_to_drain_the_stream() -> None:
    stream = Stream()
    connection, _ = made(stream)
    await connection.drained()
    assert stream.did == ["drain"]
