"""What is kept of answers: counted whole, let go in time, and found under every spelling of a request."""

import asyncio
import tracemalloc
from itertools import product

import httpx
import pytest
from starlette.types import Message

from api.app import create_app
from api.cache import AnswerCache
from api.kept import Answer, KeptAnswers
from api.limits import ApiLimits
from api.spelling import key_of
from cli.composition.embedded import EmbeddedEventhouse
from kql.reference import load_companies
from kql.registry import Registry
from tests.api.test_cache import Clock, Origin

LATEST = "/v1/prices/latest"
HISTORY = "/v1/prices/{symbol}/history"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def answer(clock: Clock, size: int = 100) -> Answer:
    return Answer(200, [(b"etag", b"x" * 20)], b"x" * size, clock())


async def test_everything_that_is_kept_is_counted(clock: Clock) -> None:
    kept = KeptAnswers(10_000, clock)
    first = answer(clock)
    kept.keep(("route", "name", "value"), first, 5)
    assert kept.bytes == 256 + 100 + 24 + 14
    first.gzipped()
    kept.weigh(("route", "name", "value"), first)
    assert kept.bytes == 256 + 100 + 24 + 14 + len(first.gzipped())
    kept.keep(("route", "name", "value"), answer(clock), 5)
    assert kept.bytes == 256 + 100 + 24 + 14
    # What is no longer kept weighs nothing.
    kept.weigh(("route", "name", "value"), first)
    kept.weigh(("other",), first)
    kept.forget(("other",))
    assert (kept.bytes, len(kept)) == (256 + 100 + 24 + 14, 1)
    kept.forget(("route", "name", "value"))
    assert (kept.bytes, len(kept)) == (0, 0)


async def test_long_keys_take_the_place_of_others(clock: Clock) -> None:
    kept = KeptAnswers(10_000, clock)
    for number in range(100):
        kept.keep((f"{number:4000}",), answer(clock), 5)
    assert (len(kept), kept.bytes) == (2, 2 * (256 + 100 + 24 + 4000))
    kept.keep(("x" * 10_000,), answer(clock), 5)
    assert len(kept) == 2


async def test_what_is_too_old_goes_whatever_its_age_limit(clock: Clock) -> None:
    kept = KeptAnswers(1 << 20, clock)
    for number, max_age in enumerate((5, 1, 60, 1)):
        kept.keep((str(number),), answer(clock), max_age)
    clock.now += 1
    kept.expire()
    assert [kept.find((str(number),)) is not None for number in range(4)] == [True, False, True, False]
    clock.now += 59
    kept.expire()
    assert (len(kept), kept.bytes) == (0, 0)


async def test_what_nobody_asks_for_again_goes_by_itself(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.kept._LOOK_SECONDS", 0.001)
    kept = KeptAnswers(1 << 20, clock)
    kept.keep(("a",), answer(clock), 1)
    clock.now += 1
    async with asyncio.timeout(10):
        while len(kept):  # noqa: ASYNC110 - it happens by itself
            await asyncio.sleep(0.001)
    assert kept.bytes == 0
    # And again, for what comes later.
    kept.keep(("a",), answer(clock), 1)
    clock.now += 1
    async with asyncio.timeout(10):
        while len(kept):  # noqa: ASYNC110 - it happens by itself
            await asyncio.sleep(0.001)


def spelt(registry: Registry, route: str, in_path: dict[str, str], query: str) -> tuple[str, ...]:
    endpoint = registry.find(route)
    assert endpoint is not None
    return key_of(endpoint, in_path, query.encode(), load_companies())


@pytest.mark.parametrize(
    "query", ["symbols=AAPL,MSFT", "symbols=aapl,msft", "symbols=aapl,AAPL,msft,AAPL", "symbols=%41APL%2CMSFT",
              "symbols=aapl,%20msft,", "symbols=+AAPL+,MSFT"]
)  # fmt: skip
def test_symbols_have_one_key(registry: Registry, query: str) -> None:
    assert spelt(registry, LATEST, {}, query) == (LATEST, "symbols", "AAPL,MSFT")


@pytest.mark.parametrize(
    "query", ["from=2023-01-02&interval=1d", "interval=1d&from=2023-01-02", "interval=%31d&from=2023-01-02T00:00Z",
              "from=2023-01-02T01:00:00%2B01:00&interval=1d"]
)  # fmt: skip
def test_times_and_the_order_have_one_key(registry: Registry, query: str) -> None:
    assert spelt(registry, HISTORY, {"symbol": "aapl"}, query) == (
        HISTORY, "from", "2023-01-02T00:00:00+00:00", "interval", "1d", "symbol", "AAPL",
    )  # fmt: skip


def test_what_differs_has_another_key(registry: Registry) -> None:
    queries = ("", "from=2023-01-02", "from=2023-01-03", "from=nonsense", "interval=1d", "interval=1D", "from=",
               "symbol=MSFT", "interval=1d&interval=1d", "from=2023-01-02%20", "nothing=1")  # fmt: skip
    keys = [spelt(registry, HISTORY, {"symbol": symbol}, query) for symbol, query in product(("AAPL", "x"), queries)]
    # A blank behind a date is no other date.
    assert len(set(keys)) == len(keys) - 2


@pytest.mark.slow
async def test_many_spellings_are_one_answer(eventhouse: EmbeddedEventhouse, registry: Registry) -> None:
    app = create_app(registry, eventhouse)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http:
        first = (await http.get(f"{LATEST}?symbols=AAPL,MSFT")).content
        for letters in product(*((letter, letter.upper()) for letter in "aaplm")):
            answer = await http.get(f"{LATEST}?symbols={''.join(letters[:4])},{letters[4]}sft")
            assert answer.content == first


@pytest.mark.slow
async def test_memory_does_not_grow_with_spellings(registry: Registry, clock: Clock) -> None:
    cache = AnswerCache(Origin(), registry, ApiLimits(cache_bytes=1 << 20), clock, load_companies())

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_: Message) -> None:
        pass

    async def ask(query: str) -> None:
        scope = {"type": "http", "method": "GET", "path": LATEST, "query_string": query.encode(), "headers": []}
        await cache(scope, receive, send)

    await ask("symbols=AAPL")
    tracemalloc.start()
    try:
        for number in range(200):
            await ask(f"symbols={'aapl,' * 3000}&unknown={number}")
            await ask(f"symbols={'aapl,' * (3000 - number)}")
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # 400 spellings of 15 kB are 6 MB; what is kept of them counts 1 MB.
    assert grown < 1_500_000
