"""What bodies of requests may take together, and that inflating them stops nobody."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import httpx
import pytest

from emulator.engine.eventhouse import Eventhouse
from emulator.errors import CancelFault, CommandThrottledFault, LimitFault
from emulator.server.app import create_app
from emulator.server.bodies import MAX_BODY, MAX_INFLATED, Body, Room, Rooms
from emulator.server.errors import PayloadFault
from emulator.server.exchange import ExchangePolicy
from emulator.work import Work

INGEST = "/v1/rest/ingest/NetDefaultDB/Readings?streamFormat=csv"
ROW = b"2026-01-02,a,1.5\n"
MEGABYTE = 1_000_000


def opened(eventhouse: Eventhouse, rooms: Rooms) -> httpx.AsyncClient:
    app = create_app(eventhouse, policy=ExchangePolicy(rooms=rooms))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", timeout=60)


async def gated(gate: asyncio.Event, begun: asyncio.Event, size: int) -> AsyncIterator[bytes]:
    """Send a payload of whole rows of which the last ones wait for the gate."""
    yield ROW * (size // len(ROW))
    begun.set()
    await gate.wait()
    yield ROW


@pytest.mark.slow
@pytest.mark.parametrize("path", [INGEST, "/v1/rest/mgmt", "/v2/rest/query"])
async def test_requests_that_wait_are_bounded_by_their_bytes(eventhouse: Eventhouse, path: str) -> None:
    rooms = Rooms(Room(MEGABYTE), Room(MAX_INFLATED))
    gate, begun = asyncio.Event(), asyncio.Event()
    async with opened(eventhouse, rooms) as http:
        first = asyncio.create_task(http.post(INGEST, content=gated(gate, begun, 600_000)))
        await begun.wait()
        held = rooms.sent.taken
        refused = await http.post(path, content=ROW * 30_000)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert refused.json()["error"]["innererror"]["message"] == (
            "The request was aborted due to throttling: others wait with as much as this Eventhouse holds. "
            "Retrying after some backoff might succeed. Capacity: 1000000 bytes"
        )
        # Small ones still go in beside it, and what was refused is held no longer.
        assert rooms.sent.taken == held
        assert (await http.post(INGEST, content=ROW)).status_code == 200
        gate.set()
        assert (await first).status_code == 200
        assert rooms.sent.taken == 0
        assert (await http.post(INGEST, content=ROW * 30_000)).status_code == 200
        assert rooms.sent.taken == 0


async def test_who_leaves_takes_his_bytes_along(eventhouse: Eventhouse) -> None:
    rooms = Rooms(Room(MEGABYTE), Room(MAX_INFLATED))
    gate, begun = asyncio.Event(), asyncio.Event()
    async with opened(eventhouse, rooms) as http:
        first = asyncio.create_task(http.post(INGEST, content=gated(gate, begun, 600_000)))
        await begun.wait()
        first.cancel()
        await asyncio.wait([first])
        assert rooms.sent.taken == 0


async def test_blobs_are_told_to_come_again_where_there_is_no_room(eventhouse: Eventhouse) -> None:
    rooms = Rooms(Room(MEGABYTE), Room(MAX_INFLATED))
    address = eventhouse.queued.access.signed("ingestion-blobs", "rw").replace("?", "/one?")
    async with opened(eventhouse, rooms) as http:
        answer = await http.put(address, content=bytes(MEGABYTE + 1))
        assert (answer.status_code, answer.headers["x-ms-error-code"]) == (503, "ServerBusy")
        assert (await http.put(address, content=bytes(MEGABYTE))).status_code == 201
    assert rooms.sent.taken == 0


@pytest.mark.slow
@pytest.mark.parametrize("path", [INGEST.replace("csv", "txt"), "/v1/rest/mgmt", "/v2/rest/query"])
async def test_others_go_on_while_a_body_is_inflated(eventhouse: Eventhouse, path: str) -> None:
    rooms = Rooms()
    bomb = gzip.compress(bytes(600 * MEGABYTE), 1)
    async with opened(eventhouse, rooms) as http:
        answer = asyncio.create_task(http.post(path, content=bomb))
        turns = 0
        while not answer.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert (await answer).status_code == 413
    # On the loop itself there would be two or three.
    assert turns > 15
    assert (rooms.sent.taken, rooms.inflated.taken) == (0, 0)


def test_what_bodies_become_is_bounded_together() -> None:
    rooms = Rooms(Room(MEGABYTE), Room(MEGABYTE))
    sent = gzip.compress(bytes(800_000))
    first, second = Body(rooms), Body(rooms)
    assert first.plain(sent, Work()) == bytes(800_000)
    with pytest.raises(CommandThrottledFault):
        second.plain(sent, Work())
    second.release()
    first.release()
    assert second.plain(sent, Work()) == bytes(800_000)
    second.release()
    assert rooms.inflated.taken == 0
    with pytest.raises(PayloadFault, match="larger than 500000 bytes after decompression"):
        first.plain(sent, Work(), 500_000)


def test_inflating_ends_with_its_work() -> None:
    sent, canceled = gzip.compress(bytes(800_000)), Work()
    canceled.cancel()
    with pytest.raises(LimitFault):
        Body(Rooms()).plain(sent, Work(0))
    with pytest.raises(CancelFault):
        Body(Rooms()).plain(sent, canceled)


@pytest.mark.slow
async def test_a_large_query_is_read_as_a_small_one(eventhouse: Eventhouse) -> None:
    text = "x" * 1_900_000
    document = {"csl": f"print n = strlen('{text}')", "properties": '{"ClientRequestId": "large"}'}
    sent = httpx.Request("POST", "/", json=document).read()
    async with opened(eventhouse, Rooms()) as http:
        for content in (sent, gzip.compress(sent)):
            answer = await http.post("/v1/rest/query", content=content)
            assert answer.json()["Tables"][0]["Rows"] == [[1_900_000]]
            assert answer.headers["x-ms-client-request-id"] == "large"


async def test_a_body_that_says_it_is_too_large_is_not_read(eventhouse: Eventhouse) -> None:
    read: list[str] = []

    async def sent() -> AsyncIterator[bytes]:
        read.append("begun")
        yield b"{}"

    async with opened(eventhouse, Rooms()) as http:
        answer = await http.post("/v1/rest/query", content=sent(), headers={"Content-Length": str(MAX_BODY + 1)})
    error = answer.json()["error"]
    assert (answer.status_code, error["innererror"]["message"], read) == (
        413, f"The request body is larger than {MAX_BODY} bytes", [],
    )  # fmt: skip
