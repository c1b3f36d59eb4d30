"""Connections that nobody uses for a while: producers keep theirs, clients with a time-out get what they ask for."""

import asyncio

import pytest
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, EventHubProducerClient, PartitionContext

from emulator.eventhubs import EventHubs
from tests.emulator.eventhubs.clients import PATIENCE, bodies, stop
from tests.emulator.eventhubs.events import message

pytestmark = pytest.mark.slow  # Microsoft's clients wait a second and more at their ends

IDLE_SECONDS = 1.0


@pytest.mark.parametrize("idle_timeout", [None, IDLE_SECONDS])
async def test_an_idle_producer_sends_again(hubs: EventHubs, idle_timeout: float | None) -> None:
    connection = hubs.connection_string("trades")
    async with EventHubProducerClient.from_connection_string(connection, idle_timeout=idle_timeout) as producer:
        await producer.send_batch([EventData(b"before")], partition_id="0")
        await asyncio.sleep(2 * IDLE_SECONDS)
        await producer.send_batch([EventData(b"after")], partition_id="0")
    assert [event.body for event in hubs.hub("trades").partition(0).read(0, 10)] == [b"before", b"after"]


async def test_a_consumer_that_waits_beyond_its_time_out_is_told_that_the_hub_lives(hubs: EventHubs) -> None:
    received: list[bytes] = []
    failures: list[str] = []
    arrived = asyncio.Event()

    async def take(_: PartitionContext, events: list[EventData]) -> None:
        received.extend(bodies(events))
        arrived.set()

    async def fail(_: PartitionContext | None, error: Exception) -> None:
        failures.append(str(error))

    connection = hubs.connection_string("trades")
    partition = hubs.hub("trades").partition(0)
    async with EventHubConsumerClient.from_connection_string(
        connection, "$Default", idle_timeout=IDLE_SECONDS
    ) as consumer:
        receiving = asyncio.create_task(
            consumer.receive_batch(take, on_error=fail, partition_id="0", starting_position="-1")
        )
        await partition.append([message(b"before")])
        await asyncio.wait_for(arrived.wait(), PATIENCE)
        arrived.clear()
        await asyncio.sleep(3 * IDLE_SECONDS)
        await partition.append([message(b"after")])
        await asyncio.wait_for(arrived.wait(), PATIENCE)
        await stop(consumer, receiving)
    assert received == [b"before", b"after"]
    assert failures == []
