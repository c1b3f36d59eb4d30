"""The Azure client receives: from every kind of position, in groups and with epochs, with all that was sent."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.eventhub import EventData
from azure.eventhub import EventHubProducerClient as SyncProducerClient
from azure.eventhub.aio import EventHubConsumerClient, EventHubProducerClient, PartitionContext
from azure.eventhub.exceptions import ConnectionLostError, EventHubError

from emulator.eventhubs import EventHubs, Options
from emulator.eventhubs.hubs.log import Retention
from tests.emulator.eventhubs.clients import PATIENCE, TRUSTED, bodies, receive, receive_sync, stop
from tests.emulator.eventhubs.events import message

pytestmark = pytest.mark.slow  # Microsoft's clients wait a second and more at their ends

FIVE = [b"%d" % number for number in range(5)]


async def fill(hubs: EventHubs, payloads: Sequence[bytes], partition: int = 0) -> None:
    await hubs.hub("trades").partition(partition).append([message(payload) for payload in payloads])


async def present(hubs: EventHubs, readers: int = 1) -> None:
    """Wait until so many receive from partition 0."""
    receivers = hubs.hub("trades").receivers("$Default", hubs.hub("trades").partition(0))
    while len(receivers.present) < readers:  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.01)


@pytest.fixture
async def filled(hubs: EventHubs) -> str:
    """Two batches in partition 0, and the connection string."""
    await fill(hubs, FIVE[:3])
    # The next millisecond, since times are told in those.
    await asyncio.sleep(0.002)
    await fill(hubs, FIVE[3:])
    return hubs.connection_string("trades")


async def test_events_come_with_everything_that_was_sent(hubs: EventHubs) -> None:
    connection = hubs.connection_string("trades")
    event = EventData(b"body")
    event.properties = {"number": 7}
    event.content_type = "application/json"
    event.message_id = "m1"
    async with EventHubProducerClient.from_connection_string(connection) as producer:
        await producer.send_batch([event], partition_key="MSFT")
    partition = next(partition for partition in hubs.hub("trades").partitions if partition.end)
    (found,) = await receive(connection, 1, partition_id=partition.id)
    assert bodies([found]) == [b"body"]
    assert (found.sequence_number, found.offset, found.partition_key) == (0, "0", b"MSFT")
    assert found.properties == {b"number": 7}
    assert (found.content_type, found.message_id) == ("application/json", "m1")
    assert found.enqueued_time is not None
    assert abs(found.enqueued_time - datetime.now(UTC)) < timedelta(minutes=1)


async def test_the_synchronous_client_receives(filled: str) -> None:
    assert bodies(await asyncio.to_thread(receive_sync, filled, 5)) == FIVE


async def test_the_synchronous_client_starts_at_every_kind_of_position(hubs: EventHubs, filled: str) -> None:
    events = hubs.hub("trades").partition("0").read(0, 10)
    found = await asyncio.gather(
        asyncio.to_thread(receive_sync, filled, 3, position=1),
        asyncio.to_thread(receive_sync, filled, 2, position=events[2].offset),
        asyncio.to_thread(receive_sync, filled, 2, position=events[2].enqueued_at),
    )
    assert [b"".join(bodies(each)) for each in found] == [b"234", b"34", b"34"]


async def test_the_synchronous_client_hears_that_a_higher_epoch_reads(hubs: EventHubs, filled: str) -> None:
    async with EventHubConsumerClient.from_connection_string(filled, "$Default") as consumer:

        async def take(_: PartitionContext, __: list[EventData]) -> None:
            return

        holding = asyncio.create_task(
            consumer.receive_batch(take, partition_id="0", starting_position="-1", owner_level=5)
        )
        await present(hubs)
        with pytest.raises(ConnectionLostError, match="amqp:link:stolen"):
            await asyncio.to_thread(receive_sync, filled, 1, owner_level=4)
        await stop(consumer, holding)


async def test_every_position_starts_where_it_says(hubs: EventHubs, filled: str) -> None:
    events = hubs.hub("trades").partition("0").read(0, 10)
    third = events[3]
    assert third.enqueued_at > events[2].enqueued_at
    found = await asyncio.gather(
        receive(filled, 5, position="-1"),
        receive(filled, 2, position=2),
        receive(filled, 3, position=2, inclusive=True),
        receive(filled, 2, position=events[2].offset),
        receive(filled, 3, position=events[2].offset, inclusive=True),
        receive(filled, 2, position=events[2].enqueued_at),
        receive(filled, 2, position=third.enqueued_at, inclusive=True),
    )
    assert [b"".join(bodies(each)) for each in found] == [b"01234", b"34", b"234", b"34", b"234", b"34", b"34"]


async def test_latest_gets_what_comes_after(hubs: EventHubs, filled: str) -> None:
    receiving = asyncio.create_task(receive(filled, 1, position="@latest"))
    await present(hubs)
    await fill(hubs, [b"new"])
    assert bodies(await receiving) == [b"new"]


async def test_a_time_to_come_waits_for_that_time(hubs: EventHubs, filled: str) -> None:
    position = datetime.now(UTC) + timedelta(seconds=2)
    receiving = asyncio.create_task(receive(filled, 1, position=position))
    await present(hubs)
    await fill(hubs, [b"too early"])
    assert datetime.now(UTC) < position
    await asyncio.sleep((position - datetime.now(UTC)).total_seconds() + 0.01)
    await fill(hubs, [b"in time"])
    assert bodies(await receiving) == [b"in time"]


async def test_positions_and_groups_that_are_not_there_are_an_error(filled: str) -> None:
    past, far, group = await asyncio.gather(
        _error(filled, position=5),
        _error(filled, position="100000"),
        _error(filled, group="third"),
    )
    assert "sequence number '5' is invalid. The last sequence number in the system is '4'" in str(past)
    assert "offset '100000' is invalid" in str(far)
    assert "ConsumerGroups/third" in str(group)


async def test_an_unknown_hub_is_an_error(filled: str) -> None:
    elsewhere = filled.replace("EntityPath=trades", "EntityPath=quotes")
    assert "'quotes'" in str(await _error(elsewhere))
    with pytest.raises(EventHubError, match="'quotes'"):
        await asyncio.to_thread(receive_sync, elsewhere, 1)


async def test_a_reader_from_before_what_is_kept_begins_with_what_is(tmp_path: Path) -> None:
    retention = Retention(size=4_000, segment_size=1_000)
    served = await EventHubs.start(port=0, data=tmp_path, hubs={"trades": 1}, options=Options(retention=retention))
    connection, sent = served.connection_string("trades"), [b"%03d" % number * 50 for number in range(60)]
    for payload in sent:
        await fill(served, [payload])
    begin = served.hub("trades").partition(0).begin
    assert 0 < begin < 60
    kept = sent[begin:]
    for position in ("-1", "0", 0):
        assert bodies(await receive(connection, len(kept), position=position)) == kept
    async with EventHubProducerClient.from_connection_string(connection) as producer:
        facts = await producer.get_partition_properties("0")
    assert (facts["beginning_sequence_number"], facts["last_enqueued_sequence_number"]) == (begin, 59)
    await served.close()


async def test_two_groups_read_side_by_side(filled: str) -> None:
    first, second = await asyncio.gather(receive(filled, 5), receive(filled, 5, group="second"))
    assert bodies(first) == bodies(second) == FIVE


async def test_a_higher_epoch_displaces_and_a_lower_is_refused(hubs: EventHubs, filled: str) -> None:
    none = asyncio.create_task(_error(filled))
    await present(hubs)
    async with EventHubConsumerClient.from_connection_string(filled, "$Default") as consumer:
        arrived = asyncio.Event()

        async def take(_: PartitionContext, __: list[EventData]) -> None:
            arrived.set()

        holding = asyncio.create_task(
            consumer.receive_batch(take, partition_id="0", starting_position="-1", owner_level=5)
        )
        await asyncio.wait_for(arrived.wait(), PATIENCE)
        displaced = await none
        assert isinstance(displaced, ConnectionLostError)
        assert "amqp:link:stolen" in str(displaced)
        refused = await asyncio.gather(_error(filled, owner_level=4), _error(filled))
        assert all("amqp:link:stolen" in str(error) for error in refused)
        await stop(consumer, holding)


async def test_a_sixth_reader_of_a_group_is_refused(hubs: EventHubs, filled: str) -> None:
    expected = [*bodies(await receive(filled, 5)), b"5"]
    reading = [asyncio.create_task(receive(filled, 6)) for _ in range(5)]
    await present(hubs, 5)
    assert "5 receivers" in str(await _error(filled))
    await fill(hubs, [b"5"])
    assert [bodies(events) for events in await asyncio.gather(*reading)] == [expected] * 5


async def test_events_larger_than_a_frame_arrive_whole(hubs: EventHubs) -> None:
    connection = hubs.connection_string("trades")
    large = [bytes([65 + number]) * 1_000_000 for number in range(3)]
    await fill(hubs, large)
    assert bodies(await receive(connection, 3)) == large


async def test_many_events_outrun_credit_and_window(hubs: EventHubs) -> None:
    connection = hubs.connection_string("trades")
    expected = [b"%d" % number for number in range(5000)]
    await fill(hubs, expected)
    assert bodies(await receive(connection, 5000)) == expected


async def test_receivers_hear_of_the_last_event_if_they_ask(filled: str) -> None:
    first, *_ = await receive(filled, 5, track_last_enqueued_event_properties=True)
    properties = first.raw_amqp_message.delivery_annotations
    assert properties is not None
    assert properties[b"last_enqueued_sequence_number"] == 4


async def test_management_tells_of_hub_and_partitions(hubs: EventHubs, filled: str) -> None:
    async with EventHubProducerClient.from_connection_string(filled, retry_total=0) as producer:
        hub = await producer.get_eventhub_properties()
        used = await producer.get_partition_properties("0")
        unused = await producer.get_partition_properties("1")
        with pytest.raises(EventHubError, match="partition '9'"):
            await producer.get_partition_properties("9")
    assert (hub["eventhub_name"], hub["partition_ids"]) == ("trades", ["0", "1"])
    last = hubs.hub("trades").partition("0").read(4, 1)[0]
    assert used == {
        "eventhub_name": "trades",
        "id": "0",
        "beginning_sequence_number": 0,
        "last_enqueued_sequence_number": 4,
        "last_enqueued_offset": last.offset,
        "is_empty": False,
        "last_enqueued_time_utc": last.enqueued_at,
    }
    assert (unused["last_enqueued_sequence_number"], unused["is_empty"]) == (-1, True)


async def test_management_answers_the_synchronous_client(filled: str) -> None:
    def ask() -> tuple[list[str], object, object]:
        with SyncProducerClient.from_connection_string(filled, retry_total=0) as producer:
            facts = producer.get_partition_properties("0")
            with pytest.raises(EventHubError, match="partition '9'"):
                producer.get_partition_properties("9")
            return producer.get_partition_ids(), producer.get_eventhub_properties()["eventhub_name"], facts["is_empty"]

    assert await asyncio.to_thread(ask) == (["0", "1"], "trades", False)


async def test_a_consumer_of_all_partitions_gets_all(hubs: EventHubs) -> None:
    connection = hubs.connection_string("trades")
    await fill(hubs, [b"a"], 0)
    await fill(hubs, [b"b"], 1)
    assert sorted(bodies(await receive(connection, 2, partition_id=None))) == [b"a", b"b"]


async def _error(
    connection: str, *, group: str = "$Default", position: str | int = "-1", owner_level: int | None = None
) -> Exception:
    """Return what a receiver is told in the end."""
    told: asyncio.Queue[Exception] = asyncio.Queue()

    async def take(_: PartitionContext, __: list[EventData]) -> None:
        return

    async def fail(_: PartitionContext | None, error: Exception) -> None:
        told.put_nowait(error)

    async with EventHubConsumerClient.from_connection_string(
        connection, group, retry_total=0, ssl_context=TRUSTED
    ) as consumer:
        receiving = asyncio.create_task(
            consumer.receive_batch(
                take, on_error=fail, partition_id="0", starting_position=position, owner_level=owner_level
            )
        )
        try:
            return await asyncio.wait_for(told.get(), PATIENCE)
        finally:
            await stop(consumer, receiving)
