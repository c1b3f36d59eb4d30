"""The Eventhouse sink over Microsoft's managed client and a wire in trouble: every trade counts once, soon or later."""

from collections.abc import AsyncIterator, Iterator
from random import Random

import pytest

from emulator.engine.eventhouse import Eventhouse as Engine
from emulator.engine.queued.batching import BatchingLimits
from kql.client.remote import RemoteEventhouse
from producer.clock import SystemClock
from producer.errors import BadData, Transient
from producer.model import Trade, encode_trade
from producer.pipeline.batching import Batch
from producer.pipeline.counters import Counters
from producer.pipeline.delivery import Delivery, DeliverySettings
from producer.sinks.eventhouse import EventhouseSink
from tests.emulator.server.queued import eventually
from tests.kql.faulty_wire import FaultyWire, refusing, serving_faulty
from tests.kql.template import DATABASE, market_folder
from tests.producer.clock import START

INGEST = "/v1/rest/ingest/"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = market_folder(tmp_path_factory.mktemp("market"))
    engine = Engine.open(folder, database=DATABASE, batching=BatchingLimits(age=0.05))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def served(engine: Engine) -> Iterator[tuple[FaultyWire, str]]:
    with serving_faulty(engine) as served:
        yield served


@pytest.fixture
async def sink(served: tuple[FaultyWire, str], queued: list[int]) -> AsyncIterator[EventhouseSink]:
    client = RemoteEventhouse.connect(served[1], DATABASE, "managed")
    yield EventhouseSink(client, queued.append)
    served[0].answer = lambda _request: None
    await client.command(".clear table TradesRaw data")
    await client.command(".clear table Trades data")
    await client.command(".clear materialized-view TradesUnique data")
    await client.close()


@pytest.fixture
def queued() -> list[int]:
    return []


def trades(count: int) -> list[Trade]:
    return [Trade(f"e{n}", "AAPL", START, 100.0 + n, 1.0, "SIM", "simulated", START) for n in range(count)]


async def send(sink: EventhouseSink, batch: list[Trade]) -> None:
    await sink.send(batch, [encode_trade(trade) for trade in batch])


def stored(engine: Engine) -> tuple[int, int]:
    """Return the trades that landed, and those that count."""
    (row,) = engine.query("print toscalar(TradesRaw | count), toscalar(TradesUnique | count)")[0].rows()
    return int(str(row[0])), int(str(row[1]))


@pytest.mark.slow
async def test_trades_that_come_by_both_ways_count_once(
    served: tuple[FaultyWire, str], engine: Engine, sink: EventhouseSink, queued: list[int]
) -> None:
    await send(sink, trades(3))
    assert (stored(engine), queued) == ((3, 3), [])
    served[0].answer = refusing(INGEST, 429)
    await send(sink, trades(5))
    assert queued == [5]
    assert eventually(lambda: stored(engine), lambda found: found[0] >= 8) == (8, 5)


@pytest.mark.slow
async def test_a_batch_above_what_can_be_streamed_gets_there(
    engine: Engine, sink: EventhouseSink, queued: list[int]
) -> None:
    random = Random(7)  # noqa: S311 - text that does not compress
    batch = [
        Trade(random.randbytes(30_000).hex(), "AAPL", START, 1.0, 1.0, "SIM", "simulated", START) for _ in range(200)
    ]
    await send(sink, batch)
    assert queued == [200]
    assert eventually(lambda: stored(engine), lambda found: found[0] >= 200) == (200, 200)


@pytest.mark.slow
async def test_what_may_pass_is_tried_again_and_what_may_not_is_refused(
    served: tuple[FaultyWire, str], engine: Engine, sink: EventhouseSink
) -> None:
    # Neither way is open.
    served[0].answer = lambda request: refusing("/v1/rest/", 503)(request)
    with pytest.raises(Transient):
        await send(sink, trades(1))
    served[0].answer = refusing(INGEST, 400, is_permanent=True)
    with pytest.raises(BadData):
        await send(sink, trades(1))
    assert stored(engine) == (0, 0)


@pytest.mark.slow
async def test_a_delivery_goes_on_by_the_queue(
    served: tuple[FaultyWire, str], engine: Engine, sink: EventhouseSink, queued: list[int]
) -> None:
    counters = Counters()
    delivery = Delivery(sink, SystemClock(), DeliverySettings(), counters, Random(1))  # noqa: S311 - jitter
    served[0].answer = refusing(INGEST, 503)
    batch = trades(4)
    await delivery.deliver(Batch(batch, [encode_trade(trade) for trade in batch]))
    assert (counters.sent, counters.sink_retries, queued) == (4, 0, [4])
    assert eventually(lambda: stored(engine), lambda found: found[0] >= 4) == (4, 4)
