"""From a trade's production to its price over the API, beside the Azure client's own way from send to receive."""

import asyncio
import io
import random
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import orjson
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, EventHubProducerClient, PartitionContext
from rich.console import Console

from cli.composition.delivery import Delivery, direct, into_hub
from cli.composition.pipelines import pipeline_to
from emulator.eventhubs.service.access import OPEN_KEY, POLICY
from kql.client.remote import RemoteEventhouse
from producer.model import Trade
from producer.source import Sink
from tests.bench.measure import Pair
from tests.end_to_end.platform import Platform, free_port, running

# In turn, so that a busy moment of the machine meets all of them; of a thousand, ten decide a 99th percentile.
PASSES = 5
ROUNDS = 200
WARM_UP = 20
LATEST = "/v1/prices/AAPL/latest"
# The client asks from then on, without a pause: what it asks sooner, before there can be an answer, would only take the
# cores of the platform from what is measured. A price that was there sooner counts as seen then.
FIRST_ASKED_SECONDS = 0.02
# What no measurement comes near to; longer means that the trade is lost.
PATIENCE_SECONDS = 30.0


@dataclass(slots=True)
class Stages:
    """Seconds of each trade: from start to end, to the sink, in it, from there to the answer; and of that answer."""

    whole: list[float] = field(default_factory=list)
    waiting: list[float] = field(default_factory=list)
    sending: list[float] = field(default_factory=list)
    showing: list[float] = field(default_factory=list)
    polling: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the medians."""
        names = ("waiting", "sending", "showing", "polling")
        return ", ".join(f"{name} {1_000 * statistics.median(getattr(self, name)):.1f}" for name in names) + " ms"


class WatchedSink:
    """Notes when the sink was given its last batch, and when it had delivered it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.given = self.delivered = 0.0

    async def send(self, trades: Sequence[Trade], payloads: Sequence[bytes]) -> None:
        """Send a batch."""
        self.given = time.perf_counter()
        await self._sink.send(trades, payloads)
        self.delivered = time.perf_counter()

    async def close(self) -> None:
        """Leave the sink to its owner."""


class OneByOne:
    """A source whose trades come when the measurement wants them."""

    name = "simulated"

    def __init__(self) -> None:
        self._wanted: asyncio.Queue[Trade] = asyncio.Queue()

    def produce(self, number: int) -> float:
        """Let a trade happen now; return its price, which is like no other."""
        now, price = datetime.now(UTC), 100 + number / 100
        self._wanted.put_nowait(
            Trade(f"freshness:{now.timestamp()}", "AAPL", now, price, 1.0, "SIM", self.name, now),
        )
        return price

    async def trades(self) -> AsyncGenerator[Trade, None]:
        """Iterate over what was asked for."""
        while True:
            yield await self._wanted.get()

    async def close(self) -> None:
        """Hold nothing open."""


async def freshness(platform: Platform, delivery: Delivery, folder: Path, stages: Stages) -> None:
    """Note the seconds from each trade to its price over the API, through the pipeline as the tool runs it."""
    source = OneByOne()
    await asyncio.to_thread(folder.mkdir)
    # Past the API's cache.
    question = httpx.Request("GET", f"{platform.api}{LATEST}", headers={"Cache-Control": "no-cache"})
    watched: list[WatchedSink] = []

    def watch(sink: Sink) -> Sink:
        watched.append(WatchedSink(sink))
        return watched[0]

    pause = random.Random(1)  # noqa: S311 - pauses, not secrets
    async with (
        httpx.AsyncHTTPTransport() as api,
        pipeline_to(delivery, source, folder, Console(file=io.StringIO()), watch=watch) as pipeline,
    ):
        sending = asyncio.create_task(pipeline.run())
        for number in range(ROUNDS + WARM_UP):
            # At random, so that no timer on the way is met at the same phase each time.
            await asyncio.sleep(pause.uniform(0.0, 0.05))
            started = time.perf_counter()
            price = source.produce(number)
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.sleep(FIRST_ASKED_SECONDS)
                asked = time.perf_counter()
                while await latest_price(api, question) != price:
                    asked = time.perf_counter()
            if number >= WARM_UP:
                seen = time.perf_counter()
                stages.whole.append(seen - started)
                stages.waiting.append(watched[0].given - started)
                stages.sending.append(watched[0].delivered - watched[0].given)
                stages.showing.append(seen - watched[0].delivered)
                stages.polling.append(seen - asked)
        sending.cancel()
        await asyncio.wait({sending})


async def latest_price(api: httpx.AsyncHTTPTransport, question: httpx.Request) -> float | None:
    """Ask the API for the price, at little cost: the cores that the asking takes are those of the platform."""
    answer = await api.handle_async_request(question)
    rows = orjson.loads(await answer.aread()).get("data")
    return float(rows[0]["price"]) if rows else None


async def floor(connection: str, number_of_pass: int) -> list[float]:
    """Return the seconds that single events take from the client's send to the client's receive."""
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def take(_: PartitionContext, events: list[EventData]) -> None:
        for event in events:
            arrived.put_nowait(event.body_as_str().encode())

    pause = random.Random(1)  # noqa: S311 - pauses, not secrets
    seconds: list[float] = []
    consumer = EventHubConsumerClient.from_connection_string(connection, "$Default")
    async with EventHubProducerClient.from_connection_string(connection) as producer, consumer:
        receiving = asyncio.create_task(consumer.receive_batch(take, starting_position="-1", max_wait_time=None))
        for number in range(ROUNDS + WARM_UP):
            await asyncio.sleep(pause.uniform(0.0, 0.05))
            body = f'{{"event_id": "floor:{number_of_pass}:{number}"}}'.encode()
            started = time.perf_counter()
            await producer.send_batch([EventData(body)], partition_key="AAPL")
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await arrived.get() != body:
                    pass
            if number >= WARM_UP:
                seconds.append(time.perf_counter() - started)
        receiving.cancel()
        await asyncio.wait({receiving})
    return seconds


def percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 99th of a hundred."""
    return statistics.median(seconds), statistics.quantiles(seconds, n=100)[98]


async def measure(platform: Platform, hub_port: int, folder: Path) -> Iterator[Pair]:
    """Measure both ways and the floor on one running platform."""
    connection = (
        f"Endpoint=sb://127.0.0.1:{hub_port};SharedAccessKeyName={POLICY};SharedAccessKey={OPEN_KEY};"
        "UseDevelopmentEmulator=true;EntityPath=trades"
    )
    eventhouse = RemoteEventhouse.connect(platform.wire, "Market")
    ways = {"direct": direct(eventhouse), "via Event Hubs": into_hub(connection)}
    measured = {name: Stages() for name in ways}
    reference: list[float] = []
    try:
        for number in range(PASSES):
            for name, delivery in ways.items():
                await freshness(platform, delivery, folder / f"{name} {number}", measured[name])
            reference += await floor(connection, number)
    finally:
        await eventhouse.close()
    return iter(
        Pair(f"{name}, {share}", f"bare aio send to receive, {share}", ours, beside, str(stages))
        for name, stages in measured.items()
        for share, ours, beside in zip(("p50", "p99"), percentiles(stages.whole), percentiles(reference), strict=True)
    )


def run() -> Iterator[Pair]:
    """Yield the medians and 99th percentiles of both ways."""
    hub_port = free_port()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with running(
            folder / "data", "--source", "none", "--via", "eventhubs", "--hub-port", str(hub_port)
        ) as platform:
            yield from asyncio.run(measure(platform, hub_port, folder))
