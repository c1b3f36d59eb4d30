"""The Event Hubs sink: the real client against a local hub."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import orjson
import pytest

from emulator.eventhubs import Event, EventHubs, Options
from emulator.eventhubs.hubs.throttle import Throttle
from producer.clock import SystemClock
from producer.errors import BadData, NotEntitled, RateLimited, Transient
from producer.model import Trade, encode_trade
from producer.pipeline.batching import BatchLimits
from producer.pipeline.delivery import DeliverySettings
from producer.pipeline.pipeline import Pipeline, PipelineSettings
from producer.pipeline.spool import Spool
from producer.retry import RetryPolicy
from producer.secret import Secret
from producer.sinks.eventhubs import EventHubSettings, EventHubSink
from tests.companies import PRICED
from tests.producer.clock import START, ManualClock
from tests.producer.scripted import ScriptedSource


def trades(count: int, venue: str = "SIM") -> list[Trade]:
    return [
        Trade(f"e{number}", PRICED[number % 5], START, 100.0 + number, 1.0, venue, "simulated", START)
        for number in range(count)
    ]


def encoded(given: Sequence[Trade]) -> list[bytes]:
    return [encode_trade(trade) for trade in given]


def settings(served: EventHubs, **more: object) -> EventHubSettings:
    secret = Secret(served.connection_string("trades"))
    return EventHubSettings(connection_string=secret, **more)  # type: ignore[arg-type]  # tests name what they mean


def events(served: EventHubs) -> list[list[Event]]:
    hub = served.hub("trades")
    return [partition.read(partition.begin, 1_000_000, 1 << 30) for partition in hub.partitions]


def ids(stored: Sequence[Event]) -> list[str]:
    return [orjson.loads(event.body)["event_id"] for event in stored]


def sorted_ids(given: Sequence[Trade]) -> list[str]:
    return sorted(trade.event_id for trade in given)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for happens in sockets and files
        await asyncio.sleep(0.005)


@pytest.fixture
async def served() -> AsyncIterator[EventHubs]:
    served = await EventHubs.start(port=0, data=None, hubs={"trades": 4})
    yield served
    await served.close()


@pytest.mark.slow
async def test_each_trade_is_an_event_keyed_by_its_symbol_and_in_order(served: EventHubs) -> None:
    sink = EventHubSink(settings(served))
    given = trades(50)
    await sink.send(given[:25], encoded(given[:25]))
    await sink.send(given[25:], encoded(given[25:]))
    await sink.close()
    by_partition = events(served)
    assert sorted(event for stored in by_partition for event in ids(stored)) == sorted_ids(given)
    for symbol in PRICED:
        homes = [stored for stored in by_partition if any(event.partition_key == symbol for event in stored)]
        assert len(homes) == 1, "one symbol, one partition"
        found = ids([event for event in homes[0] if event.partition_key == symbol])
        assert found == [trade.event_id for trade in given if trade.symbol == symbol]
    bodies = [event.body for stored in by_partition for event in stored]
    assert sorted(bodies) == sorted(encoded(given))


async def test_a_batch_larger_than_a_message_is_split(served: EventHubs) -> None:
    sink = EventHubSink(settings(served, batch_bytes=2_000))
    given = [trade for trade in trades(100) if trade.symbol == "AAPL"]
    await sink.send(given, encoded(given))
    await sink.close()
    assert [ids(stored) for stored in events(served) if stored] == [[trade.event_id for trade in given]]


@pytest.mark.parametrize("first", [0, 1])
async def test_an_event_larger_than_a_message_says_so(served: EventHubs, first: int) -> None:
    sink = EventHubSink(settings(served, batch_bytes=2_000))
    given = trades(1)[:first] + trades(1, venue="x" * 3_000)
    with pytest.raises(BadData, match="more than the 2,000 of a message"):
        await sink.send(given, encoded(given))
    await sink.close()


async def test_a_trade_without_symbol_goes_to_some_partition(served: EventHubs) -> None:
    sink = EventHubSink(settings(served))
    given = [Trade("e0", "", START, 1.0, 1.0, "", "test", START)]
    await sink.send(given, encoded(given))
    await sink.close()
    assert [ids(stored) for stored in events(served) if stored] == [["e0"]]


async def test_a_hub_that_is_down_is_a_passing_fault(served: EventHubs) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        string = served.connection_string("trades").replace(str(served.port), str(port))
        sink = EventHubSink(EventHubSettings(connection_string=Secret(string), client_retries=0))
        with pytest.raises(Transient) as failed:
            await sink.send(trades(1), encoded(trades(1)))
        assert "SharedAccessKey" not in str(failed.value)
        await sink.close()


async def test_a_wrong_key_is_a_final_error() -> None:
    served = await EventHubs.start(port=0, data=None, hubs={"trades": 1}, options=Options(key="right"))
    try:
        string = served.connection_string("trades").replace("SharedAccessKey=right", "SharedAccessKey=wrong")
        sink = EventHubSink(EventHubSettings(connection_string=Secret(string), client_retries=0))
        with pytest.raises(NotEntitled, match="Azure Event Hubs Data Sender"):
            await sink.send(trades(1), encoded(trades(1)))
        await sink.close()
    finally:
        await served.close()


@pytest.mark.slow
async def test_a_throttled_sink_is_told_to_wait() -> None:
    options = Options(throttle=Throttle(events_per_second=1.0, patience=0.0))
    served = await EventHubs.start(port=0, data=None, hubs={"trades": 1}, options=options)
    try:
        sink = EventHubSink(settings(served, client_retries=0))
        given = trades(20)

        async def flood() -> None:
            for _ in range(3):
                await sink.send(given, encoded(given))

        with pytest.raises(RateLimited) as refused:
            await flood()
        assert refused.value.retry_after == 4.0
        await sink.close()
    finally:
        await served.close()


def test_no_hub_is_named() -> None:
    with pytest.raises(NotEntitled, match="set a connection string, or the name of the namespace"):
        EventHubSink(EventHubSettings())


async def test_an_identity_needs_no_key() -> None:
    sink = EventHubSink(EventHubSettings(namespace="market"))
    client = sink._make_client()
    assert (client._address.hostname, client.eventhub_name) == ("market.servicebus.windows.net", "trades")
    await client.close()
    await sink.close()


async def test_the_symbols_of_a_batch_go_out_side_by_side(served: EventHubs) -> None:
    sink = EventHubSink(settings(served, connections=3))
    send_part, together = sink._send_part, asyncio.Barrier(3)
    on_their_way = most = 0

    async def meeting(*arguments: object) -> None:
        nonlocal on_their_way, most
        on_their_way += 1
        most = max(most, on_their_way)
        # Of five symbols the first three meet here; alone, a part would wait for ever.
        if most < 3 or together.n_waiting:
            await together.wait()
        await send_part(*arguments)  # type: ignore[arg-type]  # as given
        on_their_way -= 1

    sink._send_part = meeting  # type: ignore[method-assign,assignment]  # to see who is on the way
    given = trades(20)
    async with asyncio.timeout(30):
        await sink.send(given, encoded(given))
    await sink.close()
    assert most == 3, "as many as there are connections"
    assert sorted(event for stored in events(served) for event in ids(stored)) == sorted_ids(given)


@pytest.mark.slow
async def test_a_batch_sent_again_does_not_repeat_what_was_acknowledged(served: EventHubs) -> None:
    sink = EventHubSink(settings(served, client_retries=0))
    given, payloads = trades(10), encoded(trades(10))
    broken = [*payloads[:6], *payloads[6:]]
    refuse_from = 3
    send_part, asked = sink._send_part, 0

    async def stumbling(*arguments: object) -> None:
        nonlocal asked
        asked += 1
        if asked == refuse_from:
            raise ConnectionResetError("reset")
        await send_part(*arguments)  # type: ignore[arg-type]  # as given

    sink._send_part = stumbling  # type: ignore[method-assign,assignment]  # a fault between two symbols
    with pytest.raises(Transient, match="reset"):
        await sink.send(given, broken)
    await sink.send(given, broken)
    await sink.close()
    found = sorted(event for stored in events(served) for event in ids(stored))
    assert found == sorted_ids(given), "each of them once"


@pytest.mark.slow
async def test_a_hub_that_goes_away_and_comes_back_gets_everything_in_order(tmp_path: Path) -> None:
    data = tmp_path / "hub"
    served = await EventHubs.start(port=0, data=data, hubs={"trades": 2})
    port = served.port
    given = trades(400)
    with Spool(tmp_path / "spool") as spool:
        sink = EventHubSink(settings(served, client_retries=0))
        retry = RetryPolicy(attempts=None, base_seconds=0.05, cap_seconds=0.2)
        stubborn = PipelineSettings(
            limits=BatchLimits(count=20),
            delivery=DeliverySettings(retry=retry, direct_attempts=1),
            queue_capacity=20,
        )
        source = ScriptedSource(ManualClock(), given)
        pipeline = Pipeline(source, sink, SystemClock(), stubborn, spool=spool)
        run = asyncio.create_task(pipeline.run())
        async with asyncio.timeout(30):
            await until(lambda: pipeline.counters.sent >= 60)
            await served.close()
            await until(lambda: pipeline.counters.spooled > 0)
            served = await EventHubs.start(port=port, data=data, hubs={"trades": 2})
            counters = await run
        await sink.close()
        assert (counters.sent, counters.unsent, spool.is_empty) == (400, 0, True)
    for symbol in PRICED:
        (home,) = [stored for stored in events(served) if any(event.partition_key == symbol for event in stored)]
        found = dict.fromkeys(ids([event for event in home if event.partition_key == symbol]))
        assert list(found) == [trade.event_id for trade in given if trade.symbol == symbol]
    await served.close()
