"""The walks of the documents, walked: every function that they name runs, in their order."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import orjson
import pytest

from api.app import create_app
from cli.composition.delivery import direct
from cli.composition.embedded import EmbeddedEventhouse
from emulator.server.app import create_app as create_wire
from kql.registry import load_registry
from producer.pipeline.pipeline import Pipeline, PipelineSettings
from producer.pipeline.spool import Spool
from producer.secret import Secret
from producer.settings import NetworkSettings
from producer.sources.chain import TradeChain
from producer.sources.finnhub.stream import FinnhubStream
from producer.sources.streaming import StreamingSource
from tests.documents.calls import Call, Calls, profiled, walk
from tests.kql.template import open_market
from tests.producer.clock import ManualClock
from tests.producer.websocket_server import ScriptedServer, say, serving, stall, until, when

ARCHITECTURE, ENGINE = "ARCHITECTURE.md", "emulator/engine/README.md"
TO_ENGINE = walk(ARCHITECTURE, "a trade, to the engine")
IN_ENGINE = walk(ENGINE, "a trade, in the engine", "emulator/engine/")
# A Wednesday afternoon in New York.
OPEN = datetime(2025, 11, 5, 15, 0, tzinfo=UTC)


def frame(number: int) -> str:
    trade = {"s": "AAPL", "p": 200.0 + number, "t": int(OPEN.timestamp() * 1000) + number, "v": 1}
    return orjson.dumps({"type": "trade", "data": [trade]}).decode()


@pytest.fixture
def calls() -> Iterator[Calls]:
    with profiled() as calls:
        yield calls


@pytest.fixture
async def eventhouse(tmp_path: Path) -> AsyncIterator[EmbeddedEventhouse]:
    eventhouse = open_market(tmp_path)
    yield eventhouse
    await eventhouse.close()


def assert_walked(calls: Calls, named: list[Call]) -> None:
    assert calls.in_order(named) == named


@pytest.mark.slow
async def test_a_trade(eventhouse: EmbeddedEventhouse, calls: Calls, tmp_path_factory: pytest.TempPathFactory) -> None:
    clock = ManualClock(OPEN)
    second, seen = asyncio.Event(), 2
    server = ScriptedServer([say(frame(0), frame(1)), when(second), say(frame(2)), stall])
    async with serving(server), direct(eventhouse).sink() as sink:
        dialect = FinnhubStream(["AAPL"], Secret("key"), url=server.url)
        chain = TradeChain([StreamingSource(dialect, clock, NetworkSettings(offline=True))], clock)
        with Spool(tmp_path_factory.mktemp("spool")) as spool:
            pipeline = Pipeline(chain, sink, clock, PipelineSettings(), spool=spool)
            running = asyncio.create_task(pipeline.run())
            await until(lambda: pipeline.counters.sent == seen)
            calls.is_recording = True
            second.set()
            await until(lambda: pipeline.counters.sent == seen + 1)
            calls.is_recording = False
            running.cancel()
            await asyncio.wait({running})
    assert_walked(calls, [*TO_ENGINE, *IN_ENGINE])
    unique = [list(row) for row in (await eventhouse.query("TradesUnique | project Price | sort by Price asc")).rows()]
    assert unique == [[200.0], [201.0], [202.0]]


@pytest.mark.slow
async def test_a_request(eventhouse: EmbeddedEventhouse, calls: Calls) -> None:
    app = create_app(load_registry(), eventhouse)
    path = "/v1/prices/AAPL/latest"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http:
        await http.get(path, headers={"cache-control": "no-cache"})
        calls.is_recording = True
        answer = await http.get(path, params={"as_of": "2026-01-05T00:00:00Z"})
        calls.is_recording = False
    assert answer.json()["data"] == []
    assert_walked(calls, walk(ARCHITECTURE, "a request"))


@pytest.mark.slow
async def test_a_text_over_the_wire(eventhouse: EmbeddedEventhouse, calls: Calls) -> None:
    wire = create_wire(eventhouse._engine)
    body = {"db": "Market", "csl": "Trades | where Price > 1 | summarize count() by Symbol"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(wire), base_url="http://127.0.0.1") as http:
        calls.is_recording = True
        answer = await http.post("/v2/rest/query", json=body)
        calls.is_recording = False
    assert [each["FrameType"] for each in answer.json()][-1] == "DataSetCompletion"
    assert_walked(calls, walk(ARCHITECTURE, "a text over the wire"))


def test_a_walk_in_another_order_is_told() -> None:
    calls = Calls([("a.py", "f"), ("a.py", "g"), ("a.py", "f")])
    assert calls.in_order([("a.py", "f"), ("a.py", "g")]) == [("a.py", "f"), ("a.py", "g")]
    assert calls.in_order([("a.py", "g"), ("a.py", "g")]) == [("a.py", "g")]
