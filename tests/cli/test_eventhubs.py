"""`tickhouse eventhubs` in a process of its own, and the Azure client against it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def test_a_command_in_a_group_takes_its_settings_from_a_table_of_its_own(tmp_path: Path) -> None:
    settings = tmp_path / "tickhouse.toml"
    settings.write_text('data = "nowhere"\n[producer.status]\ndata = "here"\n')
    result = tickhouse("producer", "status", cwd=tmp_path)
    assert "here/producer.json" in result.stderr
    settings.write_text("[producer.status]\nspeed = 1\n")
    assert "[producer.status] has no setting 'speed'" in tickhouse("producer", "status", cwd=tmp_path).stderr
    settings.write_text("[producer]\nspeed = 1\n")
    assert "[producer] has no setting 'speed'" in tickhouse("producer", "status", cwd=tmp_path).stderr
