"""Servers that go and come back: clients recover, and nothing acknowledged is lost."""

import asyncio
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, EventHubProducerClient, PartitionContext
from azure.eventhub.exceptions import EventHubError

from emulator.errors import KustoError
from emulator.eventhubs import EventHubs, ListenError
from tests.emulator.eventhubs.clients import PATIENCE, bodies, forgets_sockets, stop

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
async def test_clients_recover_when_the_server_comes_back(tmp_path: Path) -> None:
    served = await EventHubs.start(port=0, data=tmp_path, hubs={"trades": 1})
    connection, port = served.connection_string("trades"), served.port
    received: list[bytes] = []
    arrived = asyncio.Event()

    async def take(_: PartitionContext, events: list[EventData]) -> None:
        received.extend(bodies(events))
        arrived.set()

    producer = EventHubProducerClient.from_connection_string(connection)
    consumer = EventHubConsumerClient.from_connection_string(connection, "$Default")
    async with producer, consumer:
        receiving = asyncio.create_task(consumer.receive_batch(take, partition_id="0", starting_position="-1"))
        await producer.send_batch([EventData(b"before")], partition_id="0")
        await asyncio.wait_for(arrived.wait(), PATIENCE)
        arrived.clear()
        await served.close()
        served = await EventHubs.start(port=port, data=tmp_path, hubs={"trades": 1})
        await producer.send_batch([EventData(b"after")], partition_id="0")
        await asyncio.wait_for(arrived.wait(), PATIENCE)
        await stop(consumer, receiving)
    assert received == [b"before", b"after"]
    await served.close()


@pytest.mark.slow
@forgets_sockets
@pytest.mark.usefixtures("collected")
async def test_what_is_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    acknowledged: list[bytes] = []
    numbers = count()
    process, connection = await asyncio.to_thread(_start, tmp_path)
    killing: asyncio.TimerHandle | None = None
    async with EventHubProducerClient.from_connection_string(connection, retry_total=0) as producer:
        try:
            while True:
                batch = [b"%d" % next(numbers) for _ in range(20)]
                await producer.send_batch([EventData(body) for body in batch], partition_id="0")
                acknowledged += batch
                killing = killing or asyncio.get_running_loop().call_later(0.3, process.send_signal, signal.SIGKILL)
        except EventHubError:
            pass
    process.kill()
    await asyncio.to_thread(process.communicate)
    served = await EventHubs.start(port=0, data=tmp_path, hubs={"trades": 1})
    events = served.hub("trades").partition(0).read(0, 1_000_000, 1 << 30)
    await served.close()
    stored = [event.body for event in events]
    assert len(acknowledged) >= 20
    # The batch under way when the process died may be stored, the whole of it or its beginning, and nothing else.
    assert stored == [b"%d" % number for number in range(len(stored))]
    assert 0 <= len(stored) - len(acknowledged) <= len(batch)
    assert [event.sequence for event in events] == list(range(len(events)))


def _start(data: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.emulator.eventhubs.serving", str(data)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


async def test_a_folder_belongs_to_one_server(tmp_path: Path) -> None:
    served = await EventHubs.start(port=0, data=tmp_path)
    with pytest.raises(KustoError, match="in use by process"):
        await EventHubs.start(port=0, data=tmp_path)
    await served.close()
    await (await EventHubs.start(port=0, data=tmp_path)).close()


async def test_partitions_cannot_change_under_the_keys(tmp_path: Path) -> None:
    await (await EventHubs.start(port=0, data=tmp_path, hubs={"trades": 2})).close()
    with pytest.raises(KustoError, match="has 2 partitions, not 3"):
        await EventHubs.start(port=0, data=tmp_path, hubs={"trades": 3})


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden"])
async def test_hubs_have_names_that_folders_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(KustoError, match="cannot be that of a hub"):
        await EventHubs.start(port=0, data=tmp_path, hubs={name: 1})


async def test_a_port_in_use_is_named() -> None:
    served = await EventHubs.start(port=0, data=None)
    with pytest.raises(ListenError, match=f"port {served.port} .* in use"):
        await EventHubs.start(port=served.port, data=None)
    with pytest.raises(ListenError, match="70000 is no port"):
        await EventHubs.start(port=70_000, data=None)
    with pytest.raises(KustoError, match="hubs are trades"):
        served.connection_string("other")
    await served.close()
    await served.close()
