"""Several consumers of the Azure client share the partitions of a hub, and go on from each other's checkpoints."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, PartitionContext

from emulator.eventhubs import EventHubs
from tests.emulator.eventhubs.checkpoints import MemoryCheckpoints
from tests.emulator.eventhubs.clients import PATIENCE, bodies, forgets_sockets, stop
from tests.emulator.eventhubs.events import message

PARTITIONS = 4

# A consumer that loses a partition, or ends, may be opening a connection at that moment.
pytestmark = [forgets_sockets, pytest.mark.slow, pytest.mark.usefixtures("collected")]


class Reading:
    """A consumer of all partitions it can have; keeps what came, by partition, and checkpoints it."""

    def __init__(self, client: EventHubConsumerClient) -> None:
        self.client = client
        self.received: dict[str, list[bytes]] = defaultdict(list)
        self.owned: set[str] = set()
        self.lost: list[str] = []

    async def take(self, partition: PartitionContext, events: list[EventData]) -> None:
        self.received[partition.partition_id] += bodies(events)
        await partition.update_checkpoint(events[-1])

    async def began(self, partition: PartitionContext) -> None:
        self.owned.add(partition.partition_id)

    async def ended(self, partition: PartitionContext, _: object) -> None:
        self.owned.discard(partition.partition_id)
        self.lost.append(partition.partition_id)


@asynccontextmanager
async def reading(connection: str, store: MemoryCheckpoints) -> AsyncIterator[Reading]:
    client = EventHubConsumerClient.from_connection_string(
        connection,
        "$Default",
        checkpoint_store=store,
        load_balancing_interval=0.2,
        partition_ownership_expiration_interval=4.0,
    )
    async with client:
        one = Reading(client)
        task = asyncio.create_task(
            client.receive_batch(
                one.take,
                on_partition_initialize=one.began,
                on_partition_close=one.ended,
                starting_position="-1",
            )
        )
        try:
            yield one
        finally:
            await stop(client, task)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - the clients tell nobody
            await asyncio.sleep(0.01)


async def fill(served: EventHubs, name: str) -> dict[str, list[bytes]]:
    """Put three events into each partition and return them."""
    sent = {}
    for partition in served.hub("trades").partitions:
        sent[partition.id] = [f"{name}-{partition.id}-{number}".encode() for number in range(3)]
        await partition.append([message(payload) for payload in sent[partition.id]])
    return sent


@pytest.fixture
async def served() -> AsyncIterator[EventHubs]:
    served = await EventHubs.start(port=0, data=None, hubs={"trades": PARTITIONS})
    yield served
    await served.close()


async def test_consumers_share_the_partitions_and_take_over_where_the_other_stopped(served: EventHubs) -> None:
    connection, store = served.connection_string("trades"), MemoryCheckpoints()
    first_events = await fill(served, "first")
    async with reading(connection, store) as stays:
        await until(lambda: stays.received == first_events)
        assert len(stays.owned) == PARTITIONS
        async with reading(connection, store) as goes:
            await until(lambda: len(stays.owned) == len(goes.owned) == 2)
            assert len(stays.lost) >= 2, "the second has taken them with the same epoch"
            assert stays.owned | goes.owned == {str(number) for number in range(PARTITIONS)}
            second_events = await fill(served, "second")
            await until(lambda: sum(map(len, stays.received.values())) + sum(map(len, goes.received.values())) == 24)
            assert goes.received == {partition: second_events[partition] for partition in goes.owned}
        third_events = await fill(served, "third")
        await until(lambda: sum(map(len, stays.received.values())) + sum(map(len, goes.received.values())) == 36)
        assert len(stays.owned) == PARTITIONS
    for partition in map(str, range(PARTITIONS)):
        everything = first_events[partition] + second_events[partition] + third_events[partition]
        came = stays.received[partition] + goes.received.get(partition, [])
        assert sorted(came) == sorted(everything), "each event once"


async def test_checkpoints_outlive_consumers_and_the_server(tmp_path: Path) -> None:
    store = MemoryCheckpoints()
    served = await EventHubs.start(port=0, data=tmp_path, hubs={"trades": PARTITIONS})
    port = served.port
    before = await fill(served, "before")
    async with reading(served.connection_string("trades"), store) as first:
        await until(lambda: first.received == before)
    await served.close()
    served = await EventHubs.start(port=port, data=tmp_path, hubs={"trades": PARTITIONS})
    after = await fill(served, "after")
    async with reading(served.connection_string("trades"), store) as second:
        await until(lambda: second.received == after)
    await served.close()
