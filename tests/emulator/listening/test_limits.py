"""What a connection may cost, over real sockets: sizes, times, and how many there are."""

import asyncio
import resource

import pytest
from starlette.types import Receive, Scope, Send

from emulator.listening import limits as limits_module
from emulator.listening.limits import Limits, most_connections
from tests.emulator.listening.sockets import GET, Peer, Served, connected, echo, serving, until

SMALL = Limits(url=1000, head=4000, headers=20, body=100_000, connections=4, farewell_seconds=0.05)
QUICK = Limits(farewell_seconds=0.05)
TOO_LARGE = (431, "The head of the request is too large.")


def get(headers: bytes, target: bytes = b"/") -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\n%b\r\n" % (target, headers)


@pytest.mark.parametrize(
    "head",
    [
        get(b"X: %b\r\n" % (b"x" * 4000)),
        get(b"%b: 1\r\n" % (b"X" * 4000)),
        get(b"".join(b"X%d: %b\r\n" % (number, b"x" * 300) for number in range(15))),
        get(b"".join(b"X%d: 1\r\n" % number for number in range(21))),
        get(b"X: " + b"x" * 300_000),
        b"GET / HTTP/1.1\r\nX: 1\r\n" + b"x" * 100_000,
        b"\r\n" * 3000,
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;%b" % (b"x" * 300_000),
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nT: %b" % (b"x" * 300_000),
    ],
    ids=["value", "name", "many", "count", "endless-value", "endless-name", "blank-lines", "extension", "trailer"],
)
@pytest.mark.parametrize("step", [1 << 30, 900])
async def test_a_head_has_a_size(head: bytes, step: int) -> None:
    async with serving(echo, SMALL) as served, connected(served) as peer:
        for start in range(0, len(head), step):
            await peer.send(head[start : start + step])
            await asyncio.sleep(0)
        assert await peer.answer() == TOO_LARGE
        assert await peer.end() == b""


@pytest.mark.parametrize(
    "begin", [b"GET / HTTP/1.1\r\nHost: h\r\nX: ", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000000\r\n\r\n"]
)
@pytest.mark.slow
async def test_what_is_refused_is_not_read_to_its_end(begin: bytes) -> None:
    async with serving(echo, Limits(body=100_000, farewell_seconds=0.5)) as served, connected(served) as peer:
        sending = asyncio.create_task(peer.send(begin + bytes(60_000_000).replace(b"\0", b"x")))
        assert (await peer.answer())[0] in (413, 431)
        # The connection goes while most of it is still to be sent.
        with pytest.raises(ConnectionError):
            await sending


@pytest.mark.parametrize("size", [1001, 3500, 300_000])
async def test_a_url_has_a_length(size: int) -> None:
    async with serving(echo, SMALL) as served, connected(served) as peer:
        await peer.send(get(b"", b"/".ljust(size, b"x")))
        assert await peer.answer() in ((414, "The URL is too long."), TOO_LARGE)
        assert await peer.end() == b""


async def test_what_is_within_the_limits_is_answered() -> None:
    async with serving(echo, SMALL) as served, connected(served) as peer:
        await peer.send(get(b"X: %b\r\n" % (b"x" * 2900), b"/".ljust(1000, b"x")))
        assert await peer.answer() == (200, "0")
        await peer.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(100):
            await peer.send(b"x" * 1000)
            await asyncio.sleep(0)
        assert await peer.answer() == (200, "100000")
        chunks = b"64\r\n%b\r\n" % (b"x" * 100) * 900
        await peer.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        assert await peer.answer() == (200, "90000")
        # Requests sent ahead of their answers are many heads, each of them small.
        await peer.send(get(b"X: 1\r\n") * 200)
        assert [await peer.answer() for _ in range(200)] == [(200, "0")] * 200


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 100001\r\n\r\n%b", b"Transfer-Encoding: chunked\r\n\r\n186a1\r\n%b"]
)
async def test_a_body_has_a_size(framing: bytes) -> None:
    async with serving(echo, SMALL) as served, connected(served) as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: h\r\n" + framing % (b"x" * 100_001))
        assert await peer.answer() == (413, "The body of the request is too large.")
        assert await peer.end() == b""


@pytest.mark.parametrize("length", [100_001, 99_999_999_999_999])
@pytest.mark.parametrize("more", [b"", b"Expect: 100-continue\r\n"])
async def test_a_body_that_says_it_is_too_large_is_not_waited_for(length: int, more: bytes) -> None:
    async with serving(echo, SMALL) as served, connected(served) as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: h\r\n%bContent-Length: %d\r\n\r\n" % (more, length))
        assert await peer.answer() == (413, "The body of the request is too large.")
        assert await peer.end() == b""


async def test_what_is_no_http_is_refused() -> None:
    async with serving(echo, SMALL) as served, connected(served) as peer:
        await peer.send(b"\x16\x03\x01 hello\r\n\r\n")
        assert await peer.answer() == (400, "Invalid HTTP request received.")
        assert await peer.end() == b""


async def test_who_sends_on_after_the_answer_is_let_go() -> None:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body"})

    async with serving(refuse, QUICK) as served, connected(served) as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000000\r\n\r\n")
        assert await peer.answer() == (401, "")
        await peer.send(b"x" * 2_000_000)
        assert await peer.end() == b""


@pytest.mark.parametrize("before", [b"", GET])
@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\nX: 1\r\n", b"G", b"\r\n"])
async def test_half_a_head_is_waited_for_so_long(before: bytes, start: bytes) -> None:
    async with serving(echo, QUICK) as served, connected(served) as peer:
        await peer.send(before)
        if before:
            assert await peer.answer() == (200, "0")
        await peer.send(start)
        await heard(served)
        served.look(9.0)
        assert len(served.connections) == 1
        served.look(10.1)
        assert await peer.answer() == (408, "The request did not come in time.")
        assert await peer.end() == b""


async def test_half_a_head_behind_a_request_is_waited_for_no_longer() -> None:
    async with serving(echo, QUICK) as served, connected(served) as peer:
        await peer.send(GET + b"GET / HT")
        assert await peer.answer() == (200, "0")
        served.look(10.1)
        assert await peer.answer() == (408, "The request did not come in time.")


async def heard(served: Served) -> None:
    """Let the server hear what was sent before: it answers another connection after it."""
    async with connected(served) as peer:
        await peer.send(GET)
        await peer.answer()
    await served.holds(1)


@pytest.mark.slow
async def test_a_head_that_drips_is_ended_by_the_server_itself() -> None:
    async with serving(echo, Limits(head_seconds=0.2)) as served, connected(served) as peer:
        await peer.send(b"GET / HTTP/1.1\r\n")
        dripping = asyncio.create_task(drip(peer, b"X: 1\r\n"))
        assert await peer.answer() == (408, "The request did not come in time.")
        dripping.cancel()


async def drip(peer: Peer, part: bytes) -> None:
    while True:
        await peer.send(part)
        await asyncio.sleep(0.05)


async def test_a_connection_without_a_request_is_closed_without_a_word() -> None:
    async with serving(echo, QUICK) as served, connected(served) as peer:
        await served.holds(1)
        served.look(10.1)
        assert await peer.end() == b""


async def test_a_body_has_to_move() -> None:
    async with serving(echo, QUICK) as served, connected(served) as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n" + b"x" * 20_000)
        await heard(served)
        served.look(10.1)
        await peer.send(b"x" * 5000)
        await heard(served)
        served.look(20.3)
        assert await peer.answer() == (408, "The body of the request did not come in time.")
        assert await peer.end() == b""


async def test_who_does_not_read_the_answer_is_let_go() -> None:
    size = 40_000_000

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            length = (b"content-length", b"%d" % size)
            await send({"type": "http.response.start", "status": 200, "headers": [length]})
            await send({"type": "http.response.body", "body": bytes(size)})

    async with serving(large) as served, connected(served) as peer:
        await peer.send(GET)
        await until(lambda: any(each.transport.get_write_buffer_size() for each in served.connections))
        served.look(0)
        served.look(10.1)
        await served.holds(0)


async def test_a_new_caller_takes_the_place_of_one_that_asks_nothing() -> None:
    async with serving(echo, SMALL) as served, connected(served) as kept:
        await kept.send(GET)
        assert await kept.answer() == (200, "0")
        halves = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(20)]
        for number in range(3):
            async with connected(served) as peer:
                await peer.send(GET)
                assert await peer.answer() == (200, "0"), number
        # The connection that was of use before is the last to go.
        await kept.send(GET)
        assert await kept.answer() == (200, "0")
        for _, writer in halves:
            writer.close()


async def test_where_all_are_at_work_a_new_caller_is_told_to_come_back() -> None:
    gate = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await gate.wait()
            await echo(scope, receive, send)

    async with serving(slow, SMALL) as served:
        peers = [Peer(*await asyncio.open_connection("127.0.0.1", served.port)) for _ in range(4)]
        for peer in peers:
            await peer.send(GET)
        await until(lambda: sum(each.is_busy for each in served.connections) == 4)
        async with connected(served) as fifth:
            assert (await fifth.end()).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        gate.set()
        assert [await peer.answer() for peer in peers] == [(200, "0")] * 4
        for peer in peers:
            peer.close()


@pytest.mark.parametrize(
    ("soft", "connections"), [(64, 16), (256, 52), (1024, 308), (1 << 20, 1000), (resource.RLIM_INFINITY, 1000)]
)
def test_connections_leave_descriptors_for_everything_else(
    monkeypatch: pytest.MonkeyPatch, soft: int, connections: int
) -> None:
    monkeypatch.setattr(limits_module, "getrlimit", lambda _: (soft, soft))
    assert most_connections() == connections
