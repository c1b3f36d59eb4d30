"""Batches into a remote Eventhouse: at once, or by the queue where that is not possible."""

import json
import os
from collections.abc import AsyncIterator, Iterator

import pytest

from emulator.engine.eventhouse import Eventhouse as Engine
from emulator.engine.queued.batching import BatchingLimits
from emulator.errors import EngineFault, EntityNotFound, KustoError, ThrottledFault
from kql.client import IngestionWay
from kql.client.faults import not_queued
from kql.client.remote import RemoteEventhouse
from tests.emulator.server.queued import eventually
from tests.kql.faulty_wire import Answer, FaultyWire, refusing, serving_faulty

DATABASE = "Market"
ROWS = b'{"N": 1}\n{"N": 2}\n'
INGEST = "/v1/rest/ingest/"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine.open(None, database=DATABASE, batching=BatchingLimits(age=0.05))
    engine.command(".create table T (N: long, Text: string)")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def served(engine: Engine) -> Iterator[tuple[FaultyWire, str]]:
    with serving_faulty(engine) as served:
        yield served


@pytest.fixture
def wire(served: tuple[FaultyWire, str], engine: Engine) -> Iterator[FaultyWire]:
    wire, _ = served
    wire.streamed = 0
    wire.paths.clear()
    yield wire
    wire.answer = lambda _request: None
    engine.command(".clear table T data")


@pytest.fixture
async def managed(served: tuple[FaultyWire, str]) -> AsyncIterator[RemoteEventhouse]:
    client = RemoteEventhouse.connect(served[1], DATABASE, "managed")
    yield client
    await client.close()


def count(engine: Engine) -> int:
    return int(str(engine.query("T | count")[0].records()[0]["Count"]))


def arrived(engine: Engine, rows: int) -> int:
    return eventually(lambda: count(engine), lambda found: found >= rows)


async def test_what_can_be_streamed_is_streamed(wire: FaultyWire, managed: RemoteEventhouse, engine: Engine) -> None:
    result = await managed.ingest("T", ROWS, format="json")
    assert (result.is_queued, result.consumed_records) == (False, 2)
    assert count(engine) == 2
    assert wire.paths == [f"{INGEST}{DATABASE}/T"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    [
        refusing(INGEST, 429),
        refusing(INGEST, 503),
        refusing(INGEST, 400, code="BadRequest_StreamingIngestionFailed"),
        refusing(INGEST, 413, is_permanent=True, code="BadRequest_PayloadTooLarge"),
    ],
    ids=["throttled", "unavailable", "passing", "too large"],
)
async def test_what_cannot_be_streamed_for_now_is_queued(
    wire: FaultyWire, managed: RemoteEventhouse, engine: Engine, answer: Answer
) -> None:
    wire.answer = answer
    result = await managed.ingest("T", ROWS, format="json")
    assert (result.is_queued, result.consumed_records) == (True, 2)
    assert arrived(engine, 2) == 2


@pytest.mark.slow
async def test_a_batch_that_is_too_large_to_stream_is_queued_at_once(
    wire: FaultyWire, managed: RemoteEventhouse, engine: Engine
) -> None:
    # Random digits, so that it stays above 4 MB when compressed.
    data = b"\n".join(json.dumps({"N": n, "Text": os.urandom(50_000).hex()}).encode() for n in range(100))
    assert (await managed.ingest("T", data, format="json")).is_queued
    assert arrived(engine, 100) == 100
    assert wire.streamed == 0


@pytest.mark.slow
async def test_what_is_wrong_for_good_is_not_queued(
    wire: FaultyWire, managed: RemoteEventhouse, engine: Engine
) -> None:
    with pytest.raises(EntityNotFound, match="Nowhere") as caught:
        await managed.ingest("Nowhere", ROWS, format="json")
    assert caught.value.permanent
    assert not [path for path in wire.paths if path.startswith("/storage/")]
    assert len(engine.command(".show ingestion failures")) == 0


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["/v1/rest/mgmt", "/storage/ingestion-blobs/", "/storage/ready-for-aggregation/"])
async def test_without_a_queue_to_fall_back_on_it_may_still_pass(
    wire: FaultyWire, managed: RemoteEventhouse, engine: Engine, trouble: str
) -> None:
    throttled, refused = refusing(INGEST, 429), refusing(trouble, 400, is_permanent=True)
    wire.answer = lambda request: throttled(request) or refused(request)
    with pytest.raises(EngineFault, match="queue") as caught:
        await managed.ingest("T", ROWS, format="json")
    assert not caught.value.permanent
    assert "sig=" not in str(caught.value)
    wire.answer = lambda _request: None
    assert not (await managed.ingest("T", ROWS, format="json")).is_queued
    assert count(engine) == 2


@pytest.mark.parametrize(("way", "is_queued"), [("streaming", False), ("queued", True)])
async def test_one_way_alone_takes_no_other(
    wire: FaultyWire, served: tuple[FaultyWire, str], engine: Engine, way: IngestionWay, is_queued: bool
) -> None:
    client = RemoteEventhouse.connect(served[1], DATABASE, way)
    assert (await client.ingest("T", ROWS, format="json")).is_queued == is_queued
    assert arrived(engine, 2) == 2
    assert wire.streamed == (not is_queued)
    await client.close()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusing(INGEST, 429), ThrottledFault),
        (refusing(INGEST, 400, code="BadRequest_StreamingIngestionFailed"), EngineFault),
        (refusing(INGEST, 400, is_permanent=True), KustoError),
    ],
)
async def test_streaming_alone_says_whether_it_may_pass(
    wire: FaultyWire, served: tuple[FaultyWire, str], answer: Answer, kind: type[KustoError]
) -> None:
    wire.answer = answer
    client = RemoteEventhouse.connect(served[1], DATABASE)
    with pytest.raises(kind) as caught:
        await client.ingest("T", ROWS, format="json")
    assert caught.value.permanent == (kind is KustoError)
    assert wire.streamed == 1
    await client.close()


def test_a_batch_that_no_queue_took_is_told_by_the_kind_of_its_cause_alone() -> None:
    fault = ValueError("https://host/queue?sig=secret")
    outer = RuntimeError("outer")
    outer.__cause__ = fault
    found = [(each.message, each.code) for each in map(not_queued, (fault, outer))]
    assert found == [("the batch could not be queued: ValueError", "TH_QUEUE")] * 2
