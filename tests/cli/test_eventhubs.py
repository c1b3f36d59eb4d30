"""`tickhouse eventhubs` in a process of its own, and the Azure client against it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubProducerClient
from azure.eventhub.exceptions import ConnectError

from cli.composition.hub import HubSettings, parse_age
from emulator.eventhubs.hubs.throttle import Throttle
from emulator.eventhubs.service.server import DEFAULTS, IN_MEMORY
from tests.emulator.eventhubs.clients import bodies, receive, send
from tests.end_to_end.platform import free_port, offline_environment, tickhouse


@contextmanager
def hub(port: int, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run the hub; give its process and the connection string that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "eventhubs", "--port", str(port), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=offline_environment(),
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        if process.poll() is None:
            process.kill()
        process.stdout.close()
        process.wait(10)


@pytest.mark.slow
async def test_a_hub_keeps_its_events_over_ctrl_c_and_kill(tmp_path: Path) -> None:
    port = free_port()
    folder = ("--data", str(tmp_path), "--hub", "quotes", "--partitions", "2")
    with hub(port, *folder) as (process, connection):
        assert connection.startswith(f"Endpoint=sb://127.0.0.1:{port};")
        assert connection.endswith(";EntityPath=quotes")
        await send(connection, [b"one", b"two"], partition_id="1")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    with hub(port, *folder) as (process, connection):
        await send(connection, [b"three"], partition_id="1")
        process.kill()
    with hub(port, *folder) as (_, connection):
        assert bodies(await receive(connection, 3, partition_id="1")) == [b"one", b"two", b"three"]


@pytest.mark.slow
def test_a_taken_port_and_other_partitions_are_refused_with_what_helps(tmp_path: Path) -> None:
    port = free_port()
    with hub(port, "--data", str(tmp_path)):
        taken = tickhouse("eventhubs", "--port", str(port))
    assert taken.returncode == 1
    assert f"port {port} on 127.0.0.1 is in use" in taken.stderr
    assert "hint: see --port" in taken.stderr
    refused = tickhouse("eventhubs", "--port", str(port), "--data", str(tmp_path), "--partitions", "3")
    assert refused.returncode == 1
    assert "has 4 partitions, not 3" in refused.stderr


@pytest.mark.slow
async def test_groups_retention_and_throughput_can_be_set() -> None:
    flags = ("--consumer-group", "research", "--consumer-group", "audit", "--throughput-units", "1")
    with hub(free_port(), *flags, "--partitions", "1", "--retention", "1h") as (_, connection):
        async with EventHubProducerClient.from_connection_string(connection, retry_total=0) as producer:
            await producer.send_batch([EventData(b"x")] * 6_000, partition_id="0")
            with pytest.raises(ConnectError, match="throttled"):
                await producer.send_batch([EventData(b"y")], partition_id="0")
        for group in ("$Default", "research", "audit"):
            assert bodies(await receive(connection, 6_000, group=group)) == [b"x"] * 6_000


@pytest.mark.slow
@pytest.mark.parametrize("retention", ["7", "0d", "1w", "-1d", "999999d"])
def test_a_retention_that_is_no_time_is_refused(retention: str) -> None:
    refused = tickhouse("eventhubs", f"--retention={retention}")
    assert refused.returncode == 1
    assert f"'{retention}' is no time that events can stay" in refused.stderr
    assert "hint: for example 7d" in refused.stderr


def test_settings_of_a_hub_become_its_options() -> None:
    settings = HubSettings(
        0, None, consumer_groups=("audit",), retention=parse_age("12h"), throughput_units=2, partitions=1
    )
    assert settings.options.consumer_groups == ("$Default", "audit")
    assert settings.options.retention == replace(IN_MEMORY, age=timedelta(hours=12))
    assert settings.options.throttle == Throttle(2_000, 2_000_000)
    assert HubSettings(0, None).options == DEFAULTS
    assert [parse_age(text) for text in ("7d", "30m", "90s")] == [
        timedelta(days=7),
        timedelta(minutes=30),
        timedelta(seconds=90),
    ]


@pytest.mark.slow
def test_a_command_in_a_group_takes_its_settings_from_a_table_of_its_own(tmp_path: Path) -> None:
    settings = tmp_path / "tickhouse.toml"
    settings.write_text('data = "nowhere"\n[producer.status]\ndata = "here"\n')
    result = tickhouse("producer", "status", cwd=tmp_path)
    assert "here/producer.json" in result.stderr
    settings.write_text("[producer.status]\nspeed = 1\n")
    assert "[producer.status] has no setting 'speed'" in tickhouse("producer", "status", cwd=tmp_path).stderr
    settings.write_text("[producer]\nspeed = 1\n")
    assert "[producer] has no setting 'speed'" in tickhouse("producer", "status", cwd=tmp_path).stderr
