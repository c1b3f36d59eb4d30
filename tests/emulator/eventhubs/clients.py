"""The Azure client against a served hub: what the tests send and receive with it."""

import asyncio
import ssl
from collections.abc import Iterable, Sequence
from datetime import datetime

import pytest
from azure.eventhub import EventData, EventHubConsumerClient
from azure.eventhub.aio import EventHubConsumerClient as AsyncConsumerClient
from azure.eventhub.aio import EventHubProducerClient as AsyncProducerClient
from azure.eventhub.aio import PartitionContext as AsyncPartitionContext

PATIENCE = 20.0
# Else the client reads all certificates of the machine for every connection, with TLS or without.
TRUSTED = ssl.create_default_context()

# The Azure client leaves a socket to the garbage collector in two cases: its opening is cancelled (without a session,
# `close_async` of its AMQP client returns at once), or the peer is gone when it closes (a connection whose close frame
# cannot be written is at its end, and `_disconnect` returns at once). Only tests that bring this about are marked; they
# use the fixture `collected` beside, so that no other test hears of it.
forgets_sockets = pytest.mark.filterwarnings(
    "ignore:(unclosed (<socket|<StreamWriter|transport)|loop is closed):ResourceWarning"
)


async def send(connection: str, bodies: Sequence[bytes], *, partition_id: str | None = "0") -> None:
    """Send events in one batch."""
    async with AsyncProducerClient.from_connection_string(connection, ssl_context=TRUSTED) as producer:
        await producer.send_batch([EventData(body) for body in bodies], partition_id=partition_id)


async def receive(
    connection: str,
    count: int,
    *,
    position: str | int | datetime = "-1",
    inclusive: bool = False,
    partition_id: str | None = "0",
    group: str = "$Default",
    track_last_enqueued_event_properties: bool = False,
) -> list[EventData]:
    """Receive so many events."""
    events: list[EventData] = []
    done = asyncio.Event()

    async def take(_: AsyncPartitionContext, batch: list[EventData]) -> None:
        events.extend(batch)
        if len(events) >= count:
            done.set()

    async with AsyncConsumerClient.from_connection_string(connection, group, ssl_context=TRUSTED) as consumer:
        receiving = asyncio.create_task(
            consumer.receive_batch(
                take,
                partition_id=partition_id,
                starting_position=position,
                starting_position_inclusive=inclusive,
                track_last_enqueued_event_properties=track_last_enqueued_event_properties,
            )
        )
        waiting = {receiving, asyncio.create_task(done.wait())}
        await asyncio.wait(waiting, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        await stop(consumer, receiving)
    assert len(events) >= count, f"{len(events)} of {count} events came in {PATIENCE} s"
    return events


async def stop(consumer: AsyncConsumerClient, receiving: asyncio.Task[None]) -> None:
    """End receiving; the client's own way would sleep for a second."""
    for processor in consumer._event_processors.values():
        tasks = dict(processor._tasks)
        await processor._cancel_tasks_for_partitions(list(tasks))
        await asyncio.gather(*tasks.values(), return_exceptions=True)
    receiving.cancel()
    await asyncio.gather(receiving, return_exceptions=True)


def receive_sync(
    connection: str, count: int, *, position: str | int | datetime = "-1", owner_level: int | None = None
) -> list[EventData]:
    """Receive so many events of partition 0 with the client that is not asynchronous; raise what it is told instead."""
    events: list[EventData] = []
    told: list[Exception] = []
    consumer = EventHubConsumerClient.from_connection_string(connection, "$Default", retry_total=0, ssl_context=TRUSTED)

    def take(_: object, batch: list[EventData]) -> None:
        events.extend(batch)
        if len(events) >= count:
            consumer.close()

    def fail(_: object, error: Exception) -> None:
        told.append(error)
        consumer.close()

    with consumer:
        consumer.receive_batch(
            take,
            on_error=fail,
            partition_id="0",
            starting_position=position,
            owner_level=owner_level,
            max_wait_time=1,
        )
    if told:
        raise told[0]
    return events


def body(event: EventData) -> bytes:
    """Return the body of an event that was sent as data."""
    parts = event.body
    assert isinstance(parts, Iterable)
    return b"".join(part for part in parts if isinstance(part, bytes))


def bodies(events: Sequence[EventData]) -> list[bytes]:
    """Return the bodies of events."""
    return [body(event) for event in events]
