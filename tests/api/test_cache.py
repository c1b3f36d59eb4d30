"""Answers are kept for their age, shared while they are computed, and revalidated by their tag."""

import asyncio
import gzip
import json
from dataclasses import replace

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from api.cache import AnswerCache
from api.limits import ApiLimits
from kql.registry import Registry

ROUTE = "/v1/prices/{symbol}/history"
PATH = "/v1/prices/AAPL/history"


class Origin:
    """A real ASGI application that counts its answers and waits at a gate."""

    def __init__(self, status: int = 200) -> None:
        self.answers = 0
        self.canceled = 0
        self.status = status
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.answers += 1
        self.asked.set()
        body = json.dumps({"answer": self.answers, "padding": "x" * 3000}).encode()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.canceled += 1
            raise
        headers = [(b"content-type", b"application/json"), (b"etag", b'W/"%d"' % self.answers)]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body[:5], "more_body": True})
        await send({"type": "http.response.body", "body": body[5:]})


class Clock:
    """Time that stands still until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def origin() -> Origin:
    return Origin()


def caching(
    origin: Origin, registry: Registry, clock: Clock, *, max_age: int = 5, peer: str = "192.0.2.1",
    limits: ApiLimits | None = None,
) -> httpx.AsyncClient:  # fmt: skip
    endpoint = registry.find(ROUTE)
    assert endpoint is not None
    one = Registry((replace(endpoint, max_age=max_age),))
    cache = AnswerCache(origin, one, limits or ApiLimits(compress_above=1000), clock)
    transport = httpx.ASGITransport(cache, client=(peer, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://t", headers={"accept-encoding": ""})


async def test_an_answer_is_kept_until_it_is_too_old(origin: Origin, registry: Registry, clock: Clock) -> None:
    async with caching(origin, registry, clock) as http:
        first = await http.get(PATH)
        clock.now += 4.9
        second = await http.get(PATH)
        assert first.content == second.content
        assert (second.headers["cache-control"], second.headers["age"]) == ("max-age=5", "4")
        clock.now += 0.1
        assert (await http.get(PATH)).json()["answer"] == 2


async def test_other_queries_other_methods_and_other_paths_are_separate(
    origin: Origin, registry: Registry, clock: Clock
) -> None:
    async with caching(origin, registry, clock) as http:
        for number, path in enumerate((PATH, f"{PATH}?interval=1h", "/v1/prices/MSFT/history", "/openapi.json"), 1):
            assert (await http.get(path)).json()["answer"] == number
        await http.post(PATH)
        await http.get("/openapi.json")
        assert origin.answers == 6


async def test_no_cache_asks_for_a_fresh_answer(origin: Origin, registry: Registry, clock: Clock) -> None:
    async with caching(origin, registry, clock) as http:
        await http.get(PATH)
        assert (await http.get(PATH, headers={"cache-control": "no-cache"})).json()["answer"] == 2
        assert (await http.get(PATH)).json()["answer"] == 2


async def test_simultaneous_requests_share_one_computation(origin: Origin, registry: Registry, clock: Clock) -> None:
    origin.gate.clear()
    async with caching(origin, registry, clock) as http:
        requests = [asyncio.create_task(http.get(PATH)) for _ in range(20)]
        await origin.asked.wait()
        requests[0].cancel()
        origin.gate.set()
        answers = await asyncio.gather(*requests[1:])
    assert origin.answers == 1
    assert {answer.json()["answer"] for answer in answers} == {1}


async def test_who_leaves_alone_ends_the_computation_and_who_comes_then_begins_another(
    origin: Origin, registry: Registry, clock: Clock
) -> None:
    origin.gate.clear()
    async with caching(origin, registry, clock) as http:
        requests = [asyncio.create_task(http.get(PATH)) for _ in range(3)]
        await origin.asked.wait()
        for _ in range(10):
            await asyncio.sleep(0)
        for leaving in requests[:2]:
            leaving.cancel()
        await asyncio.gather(*requests[:2], return_exceptions=True)
        assert (origin.answers, origin.canceled) == (1, 0)
        requests[2].cancel()
        late = asyncio.create_task(http.get(PATH))
        await asyncio.gather(requests[2], return_exceptions=True)
        origin.gate.set()
        assert (await late).json()["answer"] == 2
    assert (origin.answers, origin.canceled) == (2, 1)


async def test_a_matching_tag_is_answered_without_a_body(origin: Origin, registry: Registry, clock: Clock) -> None:
    async with caching(origin, registry, clock) as http:
        tag = (await http.get(PATH)).headers["etag"]
        for sent in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
            answer = await http.get(PATH, headers={"if-none-match": sent})
            assert (answer.status_code, answer.content) == (304, b"")
            assert answer.headers["etag"] == tag
        assert (await http.get(PATH, headers={"if-none-match": '"other"'})).status_code == 200


async def test_errors_are_not_kept(registry: Registry, clock: Clock) -> None:
    origin = Origin(503)
    async with caching(origin, registry, clock) as http:
        assert [(await http.get(PATH)).status_code for _ in range(2)] == [503, 503]
    assert origin.answers == 2


async def test_without_an_age_nothing_is_kept(origin: Origin, registry: Registry, clock: Clock) -> None:
    async with caching(origin, registry, clock, max_age=0) as http:
        assert [(await http.get(PATH)).json()["answer"] for _ in range(2)] == [1, 2]
        assert (await http.get(PATH)).headers["cache-control"] == "no-cache"


async def test_memory_is_bounded_and_the_oldest_goes_first(origin: Origin, registry: Registry, clock: Clock) -> None:
    async with caching(origin, registry, clock, limits=ApiLimits(cache_bytes=7000)) as http:
        for symbol in ("A", "B", "A", "C"):
            await http.get(f"/v1/prices/{symbol}/history")
        assert origin.answers == 3
        await http.get("/v1/prices/A/history")
        assert origin.answers == 3
        await http.get("/v1/prices/B/history")
        assert origin.answers == 4


@pytest.mark.parametrize(
    ("peer", "accepted", "compressed"),
    [("192.0.2.1", "gzip, br", True), ("192.0.2.1", "gzip;q=0", False), ("192.0.2.1", "br", False),
     ("127.0.0.1", "gzip", False)],
)  # fmt: skip
async def test_large_answers_to_other_machines_are_compressed(
    origin: Origin, registry: Registry, clock: Clock, peer: str, accepted: str, compressed: bool
) -> None:
    async with caching(origin, registry, clock, peer=peer) as http:
        request = http.build_request("GET", PATH, headers={"accept-encoding": accepted})
        answer = await http.send(request, stream=True)
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
        assert ("content-encoding" in answer.headers) is compressed
        assert json.loads(gzip.decompress(raw) if compressed else raw)["answer"] == 1
        assert int(answer.headers["content-length"]) == len(raw)
