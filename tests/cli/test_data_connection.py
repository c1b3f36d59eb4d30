"""`tickhouse data-connection` as a process between a hub and an Eventhouse, each of which dies in turn."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from starlette.applications import Starlette

from cli.errors import CliError
from cli.status.connection import ConnectionStatus, read_connection_status
from tests.cli.test_producer import until
from tests.emulator.eventhubs.clients import send
from tests.emulator.server.live import serving
from tests.end_to_end.platform import free_port, offline_environment, running, tickhouse

pytestmark = pytest.mark.slow

ROW = {"symbol": "AAPL", "timestamp": "2026-01-05T14:30:01Z", "price": 10.5, "size": 5.0, "source": "test"}


def address_of(port: int) -> str:
    return (
        f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=key;"
        "UseDevelopmentEmulator=true;EntityPath=trades"
    )


@contextmanager
def process(
    arguments: Sequence[str], log: Path, more: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("ab") as output:
        running = subprocess.Popen(
            [sys.executable, "-m", "cli", *arguments],
            stdout=output,
            stderr=output,
            env={**offline_environment(), **(more or {})},
        )
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def status_of(data: Path) -> ConnectionStatus | None:
    try:
        return read_connection_status(data / "data-connection.json")
    except CliError:
        return None


def partitions(data: Path) -> int:
    status = status_of(data)
    return status.partitions if status else 0


def stored(data: Path, count: int) -> bool:
    status = status_of(data)
    return status is not None and status.lag == 0 and status.stored == count


def has_failures(data: Path) -> bool:
    status = status_of(data)
    return status is not None and bool(status.failures)


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def stored_in(data: Path) -> list[str]:
    result = tickhouse(
        "query", "TradesRaw | project EventId | order by EventId asc", "--data", str(data), "--format", "json"
    )
    assert result.returncode == 0, result.stderr
    return [row["EventId"] for row in json.loads(result.stdout)]


def trades(first: int, count: int) -> list[bytes]:
    return [json.dumps({"event_id": f"{number:03}", **ROW}).encode() for number in range(first, first + count)]


async def test_each_part_dies_in_turn_and_every_event_is_stored_once(tmp_path: Path) -> None:
    hub_port, data, own = free_port(), tmp_path / "data", tmp_path / "own"
    address = address_of(hub_port)
    hub = ("eventhubs", "--port", str(hub_port), "--data", str(tmp_path / "hub"))
    wire = free_port()
    connection = ("data-connection", "run", "--eventhouse", f"http://127.0.0.1:{wire}", "--data", str(own))
    place = ("--source", "none", "--eventhouse-port", str(wire))
    known = {"TICKHOUSE_EVENTHUBS_CONNECTION": address}
    log = tmp_path / "connection.log"

    with ExitStack() as stack:
        # Neither hub nor Eventhouse is there yet.
        reading = stack.enter_context(process(connection, log, known))
        holding = stack.enter_context(process(hub, tmp_path / "hub.log"))
        with running(data, *place) as platform:
            until(lambda: partitions(own) == 4, "finding the hub")
            await send(address, [*trades(0, 10), b"no record"])
            until(lambda: stored(own, 10), "storing")
            holding.kill()
            holding.wait()
            stack.enter_context(process(hub, tmp_path / "hub.log"))
            # The client gives up after three attempts within seconds, in which a busy machine may start no process.
            until(lambda: listens(hub_port), "the hub to be back")
            await send(address, trades(10, 10))
            until(lambda: stored(own, 20), "going on with the hub")
            reading.kill()
            reading.wait()
            await send(address, trades(20, 10))
            reading = stack.enter_context(process(connection, log, known))
            until(lambda: stored(own, 10), "going on after a death")
            platform.process.kill()
            platform.process.wait()
            await send(address, trades(30, 10))
            until(lambda: has_failures(own), "missing the Eventhouse")
        with running(data, *place):
            until(lambda: stored(own, 20), "going on with the Eventhouse")
            shown = tickhouse("data-connection", "status", "--data", str(own))
            assert shown.returncode == 0, shown.stdout
            assert f"running (active), process {reading.pid}" in shown.stdout
            assert "hub           trades, 4 partitions" in shown.stdout
            await send(address, trades(40, 10))
            reading.send_signal(signal.SIGTERM)
            assert reading.wait(30) == 0, log.read_text()
            assert stored_in(data) == [f"{number:03}" for number in range(50)]
    assert "0 events wait in the hub" in log.read_text()
    assert "SharedAccessKey" not in log.read_text()
    letters = list((own / "dead-letters" / "trades" / "0").glob("*.json"))
    assert [json.loads(letter.read_text())["body"] for letter in letters] == ["no record"]
    ended = tickhouse("data-connection", "status", "--data", str(own))
    assert ended.returncode == 1
    assert "ended; last heard of" in ended.stdout


async def test_a_hub_elsewhere_is_stored_into_a_folder_of_this_process(tmp_path: Path) -> None:
    port, data = free_port(), tmp_path / "data"
    known = {"TICKHOUSE_EVENTHUBS_CONNECTION": address_of(port)}
    with (
        process(("eventhubs", "--port", str(port)), tmp_path / "hub.log"),
        process(("data-connection", "run", "--data", str(data)), tmp_path / "connection.log", known) as reading,
    ):
        until(lambda: partitions(data) == 4, "finding the hub")
        await send(address_of(port), trades(0, 10))
        until(lambda: stored(data, 10), "storing")
        reading.send_signal(signal.SIGINT)
        assert reading.wait(30) == 0
        assert stored_in(data) == [f"{number:03}" for number in range(10)]


def connect(address: str, *arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**offline_environment(), "TICKHOUSE_EVENTHUBS_CONNECTION": address}
    command = [sys.executable, "-m", "cli", "data-connection", "run", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cwd, check=False, timeout=60)


def test_what_cannot_be_connected_is_refused(tmp_path: Path) -> None:
    nowhere = connect("", cwd=tmp_path)
    assert nowhere.returncode == 1
    assert "no event hub is known" in nowhere.stderr
    assert "TICKHOUSE_EVENTHUBS_CONNECTION" in nowhere.stderr
    with serving(Starlette()) as url:
        real = connect(address_of(1), "--eventhouse", url, cwd=tmp_path)
    assert real.returncode == 1
    assert "keeps no marks" in real.stderr
    assert "hint: in Azure, Eventstream" in real.stderr


def test_without_a_connection_there_is_no_status(tmp_path: Path) -> None:
    result = tickhouse("data-connection", "status", cwd=tmp_path)
    assert result.returncode == 1
    assert "no data connection has run" in result.stderr
    (tmp_path / "data-connection.json").write_text("{}")
    damaged = tickhouse("data-connection", "status", "--data", str(tmp_path))
    assert damaged.returncode == 1
    assert "data-connection.json is no status" in damaged.stderr
