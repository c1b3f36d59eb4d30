"""The Event Hubs sink against a bare loop over the Azure client, both into the same durable local hub."""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import groupby

from azure.eventhub import EventData
from azure.eventhub.aio import EventHubProducerClient

from producer.model import Trade, encode_trade
from producer.secret import Secret
from producer.sinks.eventhubs import EventHubSettings, EventHubSink
from tests.bench.measure import Pair
from tests.companies import KNOWN
from tests.end_to_end.platform import free_port, offline_environment

EVENTS = 20_000
BATCH = 500
ROUNDS = 5


@contextmanager
def hub() -> Iterator[str]:
    """Serve a durable hub in a process of its own and give its connection string."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "eventhubs", "--port", str(free_port()), "--data", folder],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=offline_environment(),
        )
        if process.stdout is None:
            raise RuntimeError("the hub says nothing")
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.stdout.close()
            process.wait()


def batches() -> list[list[Trade]]:
    """Return trades of all symbols in the sizes that the pipeline sends."""
    start = datetime.now(UTC)
    trades = [
        Trade(
            f"bench:{number}",
            KNOWN[number % len(KNOWN)],
            start + timedelta(microseconds=number),
            100.0 + number % 100,
            10.0,
            "SIM",
            "simulated",
            start,
        )
        for number in range(EVENTS)
    ]
    return [trades[first : first + BATCH] for first in range(0, EVENTS, BATCH)]


async def through_the_sink(sink: EventHubSink, sent: Sequence[tuple[list[Trade], list[bytes]]]) -> None:
    """Send all batches as the pipeline does."""
    for trades, payloads in sent:
        await sink.send(trades, payloads)


async def by_hand(client: EventHubProducerClient, sent: Sequence[tuple[list[Trade], list[bytes]]]) -> None:
    """Send all batches with as little code as the same partition keys allow."""
    for trades, payloads in sent:
        pairs = sorted(zip((trade.symbol for trade in trades), payloads, strict=True), key=lambda pair: pair[0])
        for symbol, events in groupby(pairs, key=lambda pair: pair[0]):
            await client.send_batch([EventData(body) for _, body in events], partition_key=symbol)


async def medians(connection: str) -> tuple[float, float]:
    """Run both in turns and return their median seconds."""
    sent = [(trades, [encode_trade(trade) for trade in trades]) for trades in batches()]
    sink = EventHubSink(EventHubSettings(connection_string=Secret(connection)))
    client = EventHubProducerClient.from_connection_string(connection)
    sides: tuple[tuple[list[float], Callable[[], Awaitable[None]]], ...] = (
        ([], lambda: through_the_sink(sink, sent)),
        ([], lambda: by_hand(client, sent)),
    )
    async with client:
        # Once to connect, then for the record, in changing order.
        for turn in range(ROUNDS + 1):
            for seconds, send in sides if turn % 2 else reversed(sides):
                started = time.perf_counter()
                await send()
                if turn:
                    seconds.append(time.perf_counter() - started)
        await sink.close()
    return statistics.median(sides[0][0]), statistics.median(sides[1][0])


def run() -> Iterator[Pair]:
    """Yield the pair of twenty thousand trades of five symbols, in batches of five hundred."""
    with hub() as connection:
        ours, reference = asyncio.run(medians(connection))
    note = f"{EVENTS / ours:,.0f} events/s beside {EVENTS / reference:,.0f}/s: {reference / ours:.0%} of its throughput"
    yield Pair("Event Hubs sink", "bare azure-eventhub aio loop", ours, reference, note)
