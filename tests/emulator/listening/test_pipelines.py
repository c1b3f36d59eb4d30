"""Requests that are sent before those in front of them are answered, and callers that come by the hundred."""

import asyncio
import logging

import pytest
from starlette.types import Receive, Scope, Send

from emulator.listening.limits import Limits
from tests.emulator.listening.sockets import GET, connected, echo, serving, until


def post(size: int) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)


async def test_requests_wait_as_bytes_and_are_answered_in_turn() -> None:
    gate = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await gate.wait()
            await echo(scope, receive, send)

    sizes = [size for number in range(600) for size in (0, 1, 10_000 if number % 100 == 0 else 3)]
    async with serving(slow) as served, connected(served) as peer:
        sending = asyncio.create_task(peer.send(b"".join(map(post, sizes))))
        await until(lambda: any(each.pipeline for each in served.connections))
        await asyncio.sleep(0.1)
        (connection,) = served.connections
        # Of 1,800 requests those in the first 8 kB are parsed.
        assert 0 < len(connection.pipeline) < 200
        waiting = len(connection._later)
        gate.set()
        assert [await peer.answer() for _ in sizes] == [(200, str(size)) for size in sizes]
        await sending
        assert waiting > 0
        assert (len(connection.pipeline), connection._later) == (0, b"")
        await peer.send(GET)
        assert await peer.answer() == (200, "0")


async def test_requests_behind_one_that_looks_for_its_client_are_not_heaped_up() -> None:
    gate = asyncio.Event()

    async def looking(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await receive()
            # As whoever waits for the client to leave: uvicorn has the socket read on.
            watching: asyncio.Future[object] = asyncio.ensure_future(receive())
            await gate.wait()
            watching.cancel()
            await echo(scope, receive, send)

    async with serving(looking) as served, connected(served) as peer:
        sending = asyncio.create_task(peer.send(GET * 300_000))
        await until(lambda: any(each.pipeline for each in served.connections))
        await asyncio.sleep(0.2)
        (connection,) = served.connections
        assert len(connection._later) < 1_000_000
        sending.cancel()


async def test_a_client_that_leaves_is_missed_by_the_request_whose_turn_it_is(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    heard: list[str] = []
    begun = asyncio.Event()

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            begun.set()
            while (message := await receive())["type"] == "http.request":
                pass
            heard.append(message["type"])
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x"})

    async with serving(waiting) as served:
        async with connected(served) as peer:
            await peer.send(GET * 3)
            await begun.wait()
        await served.holds(0)
        await until(lambda: not served.http.server_state.tasks)
    assert (heard, [record.getMessage() for record in caplog.records]) == (["http.disconnect"], [])


async def test_a_refusal_is_never_written_into_an_answer() -> None:
    gate = asyncio.Event()

    async def in_two_parts(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
            await gate.wait()
            await send({"type": "http.response.body", "body": b"b"})

    async with serving(in_two_parts, Limits(farewell_seconds=0.05)) as served, connected(served) as peer:
        # Behind the answer that is under way stands a request that waits, and one that is none.
        await peer.send(GET)
        await until(lambda: any(each.has_asked and each.cycle.response_started for each in served.connections))
        await peer.send(GET + b"NONE\r\n\r\n")
        answer = await peer.end()
    gate.set()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert (head.split(b"\r\n")[0], body) == (b"HTTP/1.1 200 OK", b"a")


async def test_where_very_many_come_those_that_never_asked_make_room_by_several() -> None:
    async with serving(echo, Limits(connections=60)) as served, connected(served) as kept:
        await kept.send(GET)
        assert await kept.answer() == (200, "0")
        writers = []
        for number in range(60):
            writers.append((await asyncio.open_connection("127.0.0.1", served.port))[1])
            if number < 59:
                await served.holds(number + 2)
        # One too many: the three oldest go.
        await served.holds(58)
        await kept.send(GET)
        assert await kept.answer() == (200, "0")
        for writer in writers:
            writer.close()
