"""The Azure client sends: batches, keys, single events, the buffered producers; and what it is told when it cannot."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import pytest
from azure.eventhub import EventData, EventHubProducerClient
from azure.eventhub.aio import EventHubProducerClient as AsyncProducerClient
from azure.eventhub.amqp import AmqpAnnotatedMessage, AmqpMessageBodyType
from azure.eventhub.exceptions import ConnectError, EventDataSendError

from emulator.eventhubs import Event, EventHubs
from emulator.eventhubs.hubs.partition_keys import partition_of

pytestmark = pytest.mark.slow  # Microsoft's clients wait a second and more at their ends

Sendable: TypeAlias = EventData | AmqpAnnotatedMessage
SOON = timedelta(minutes=1)
LIMIT = 1 << 20


def stored(hubs: EventHubs) -> dict[str, list[Event]]:
    return {partition.id: partition.read(0, 100_000, 1 << 30) for partition in hubs.hub("trades").partitions}


async def test_batches_arrive_in_order_with_all_they_carry(hubs: EventHubs) -> None:
    async with AsyncProducerClient.from_connection_string(hubs.connection_string("trades")) as producer:
        batch = await producer.create_batch(partition_id="1")
        for number in range(3):
            event = EventData(b"event %d" % number)
            event.properties = {"number": number, "kind": "test"}
            batch.add(event)
        await producer.send_batch(batch)
        await producer.send_event(EventData(b"single"), partition_id="1")
    events = stored(hubs)["1"]
    assert [event.body for event in events] == [b"event 0", b"event 1", b"event 2", b"single"]
    assert [event.sequence for event in events] == [0, 1, 2, 3]
    assert events[1].properties == {"number": 1, "kind": "test"}
    assert all(abs(event.enqueued_at - datetime.now(UTC)) < SOON for event in events)
    assert stored(hubs)["0"] == []


async def test_the_synchronous_client_sends(hubs: EventHubs) -> None:
    def work() -> None:
        with EventHubProducerClient.from_connection_string(hubs.connection_string("trades")) as producer:
            producer.send_batch([EventData(b"a"), EventData(b"b")], partition_id="0")
            producer.send_event(EventData(b"c"), partition_id="0")

    await asyncio.to_thread(work)
    assert [event.body for event in stored(hubs)["0"]] == [b"a", b"b", b"c"]


async def test_events_of_a_key_share_a_partition_and_those_without_take_turns(hubs: EventHubs) -> None:
    async with AsyncProducerClient.from_connection_string(hubs.connection_string("trades")) as producer:
        for key in ("MSFT", "AAPL", "NVDA", "MSFT"):
            await producer.send_batch([EventData(key)], partition_key=key)
        found = {number: [event.partition_key for event in events] for number, events in stored(hubs).items()}
        expected: dict[str, list[str | None]] = {"0": [], "1": []}
        for key in ("MSFT", "AAPL", "NVDA", "MSFT"):
            expected[str(partition_of(key, 2))].append(key)
        assert found == expected
        ends = [partition.end for partition in hubs.hub("trades").partitions]
        await producer.send_batch([EventData(b"x")])
        await producer.send_batch([EventData(b"y")])
    assert [partition.end for partition in hubs.hub("trades").partitions] == [end + 1 for end in ends]


@pytest.mark.parametrize("is_async", [True, False])
async def test_buffered_producers_lose_nothing(hubs: EventHubs, is_async: bool) -> None:
    connection = hubs.connection_string("trades")
    keys = [f"S{number % 7}" for number in range(200)]
    sent: list[Sendable] = []
    failed: list[Exception] = []
    if is_async:

        async def succeed(events: list[Sendable], _: str | None) -> None:
            sent.extend(events)

        async def fail(_: list[Sendable], __: str | None, error: Exception) -> None:
            failed.append(error)

        async with AsyncProducerClient.from_connection_string(
            connection, buffered_mode=True, max_wait_time=0.1, on_success=succeed, on_error=fail
        ) as producer:
            for key in keys:
                await producer.send_event(EventData(key), partition_key=key)
            await producer.flush()
    else:

        def succeed_now(events: list[Sendable], _: str | None) -> None:
            sent.extend(events)

        def fail_now(_: list[Sendable], __: str | None, error: Exception) -> None:
            failed.append(error)

        def work() -> None:
            with EventHubProducerClient.from_connection_string(
                connection,
                buffered_mode=True,
                max_wait_time=0.1,
                on_success=succeed_now,
                on_error=fail_now,
            ) as producer:
                for key in keys:
                    producer.send_event(EventData(key), partition_key=key)
                producer.flush()

        await asyncio.to_thread(work)
    assert (len(sent), failed) == (200, [])
    for number, events in stored(hubs).items():
        assert [event.body.decode() for event in events] == [key for key in keys if str(partition_of(key, 2)) == number]
        assert all(event.partition_key == event.body.decode() for event in events)


async def test_a_batch_may_be_as_large_as_the_limit(hubs: EventHubs) -> None:
    async with AsyncProducerClient.from_connection_string(hubs.connection_string("trades")) as producer:
        batch = await producer.create_batch(partition_id="0")
        assert batch.max_size_in_bytes == LIMIT
        count = 0
        while True:
            try:
                batch.add(EventData(b"%05d" % count * 200))
            except ValueError:
                break
            count += 1
        await producer.send_batch(batch)
    events = stored(hubs)["0"]
    assert count > 900
    assert [event.body for event in events] == [b"%05d" % number * 200 for number in range(count)]


async def test_a_message_beyond_the_limit_is_rejected_and_the_link_lives(hubs: EventHubs) -> None:
    async with AsyncProducerClient.from_connection_string(hubs.connection_string("trades"), retry_total=0) as producer:
        with pytest.raises(EventDataSendError, match=r"exceeds the limit of 1048576 bytes"):
            await producer.send_event(EventData(b"x" * (LIMIT + 1)), partition_id="0")
        await producer.send_event(EventData(b"x" * (LIMIT - 200)), partition_id="0")
    assert [event.body for event in stored(hubs)["0"]] == [b"x" * (LIMIT - 200)]


async def test_bodies_that_are_not_data_are_kept(hubs: EventHubs) -> None:
    value = AmqpAnnotatedMessage(value_body="text", header={"durable": True}, annotations={"x-own": 5})
    async with AsyncProducerClient.from_connection_string(hubs.connection_string("trades")) as producer:
        await producer.send_event(value, partition_id="0")
    assert value.body_type is AmqpMessageBodyType.VALUE
    assert stored(hubs)["0"][0].body == b"text"


@pytest.mark.parametrize(
    ("hub", "partition"),
    [("nothing", None), ("trades", "7")],
)
async def test_unknown_hubs_and_partitions_are_refused(hubs: EventHubs, hub: str, partition: str | None) -> None:
    connection = hubs.connection_string("trades").replace("EntityPath=trades", f"EntityPath={hub}")
    async with AsyncProducerClient.from_connection_string(connection, retry_total=0) as producer:
        with pytest.raises(ConnectError, match=partition or hub):
            await producer.send_batch([EventData(b"x")], partition_id=partition)


async def test_nothing_is_acknowledged_that_cannot_be_stored(hubs: EventHubs, monkeypatch: pytest.MonkeyPatch) -> None:
    log = hubs.hub("trades").partition("0").log
    attempts = 0
    append = log.append

    def fail_once(*arguments: object) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise OSError(28, "No space left on device")
        append(*arguments)  # type: ignore[arg-type] # passed on

    monkeypatch.setattr(log, "append", fail_once)
    async with AsyncProducerClient.from_connection_string(hubs.connection_string("trades"), retry_total=0) as producer:
        with pytest.raises(EventDataSendError):
            await producer.send_batch([EventData(b"a")], partition_id="0")
        assert stored(hubs)["0"] == []
        await producer.send_batch([EventData(b"b")], partition_id="0")
    assert [(event.sequence, event.body) for event in stored(hubs)["0"]] == [(0, b"b")]
