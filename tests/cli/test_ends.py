"""A signal ends every command that serves within seconds, whatever it does: code 0, and no traceback."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.platform import ROOT, START_SECONDS, free_port, offline_environment

pytestmark = pytest.mark.slow

# Five seconds on a machine that has nothing else to do.
WITHIN = 20.0
ROWS = 2_000_000
LONG = {"Options": {"servertimeout": "00:30:00"}}
HEAVY = "T | join kind=inner T on S | summarize count() by S"


@contextmanager
def command(tmp_path: Path, *arguments: str, **environment: str) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    """Run a command that serves, its standard error in a file."""
    log = tmp_path / f"{arguments[0]}.log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            [sys.executable, "-m", "cli", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            env=offline_environment() | environment,
        ) as process,
    ):
        try:
            yield process, log
        finally:
            process.kill()


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def answers(url: str) -> Callable[[], bool]:
    def ask() -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(url, timeout=5).status_code == httpx.codes.OK
        return False

    return ask


def execute(url: str, text: str) -> None:
    answer = httpx.post(f"{url}/v1/rest/mgmt", json={"csl": text}, timeout=300)
    assert answer.status_code == httpx.codes.OK, answer.text


def fill(url: str) -> None:
    execute(url, f".set-or-replace T <| range A from 1 to {ROWS} step 1 | extend S = tostring(A % 1000)")


@contextmanager
def asking(url: str, body: Mapping[str, object], times: int = 1) -> Iterator[None]:
    """Have requests on their way that nobody needs the answers of."""

    def ask() -> None:
        with suppress(httpx.HTTPError):
            httpx.post(url, json=body, timeout=300)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(times)]
    for thread in threads:
        thread.start()
    # Long enough for all to have begun.
    time.sleep(1)
    yield


@contextmanager
def half_a_body(url: str) -> Iterator[None]:
    """Have a client that has sent half of its request, and one that has sent a piece of a header."""
    port = int(url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as one, socket.create_connection(("127.0.0.1", port)) as other:
        one.sendall(b"POST /v1/rest/mgmt HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
        other.sendall(b"POST /v1/rest/mgmt HT")
        yield


def ends(process: "subprocess.Popen[str]", log: Path) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(WITHIN) == 0
    assert "Traceback" not in log.read_text(), log.read_text()


def ends_by_itself(process: "subprocess.Popen[str]", log: Path) -> None:
    """End it as `ends` does; it must not take the last resort, which leaves what has not ended."""
    ends(process, log)
    assert "was not waited for" not in log.read_text(), log.read_text()


@contextmanager
def eventhouse(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", Path, str]]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with command(tmp_path, "emulator", "--port", str(port), "--data", str(tmp_path / "e")) as (process, log):
        eventually(answers(f"{url}/v1/rest/ping"))
        yield process, log, url


def test_an_eventhouse_ends_beside_queries_a_change_and_half_requests(tmp_path: Path) -> None:
    with eventhouse(tmp_path) as (process, log, url), ExitStack() as stack:
        fill(url)
        stack.enter_context(half_a_body(url))
        stack.enter_context(asking(f"{url}/v1/rest/mgmt", {"csl": f".set-or-replace H <| {HEAVY}", "properties": LONG}))
        stack.enter_context(asking(f"{url}/v2/rest/query", {"csl": HEAVY, "properties": LONG}, 6))
        ends(process, log)


def test_up_ends_beside_queries_and_a_change_while_trades_come_in(tmp_path: Path) -> None:
    api, wire = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    ports = ("--port", api.rpartition(":")[2], "--eventhouse-port", wire.rpartition(":")[2])
    arguments = ("--source", "simulated", "--data", str(tmp_path / "u"), "--trades-per-second", "50", *ports)
    with command(tmp_path, "up", *arguments) as (process, log), ExitStack() as stack:
        eventually(answers(f"{api}/readyz"))
        fill(wire)
        stack.enter_context(half_a_body(wire))
        body = {"csl": f".set-or-replace H <| {HEAVY}", "properties": LONG}
        stack.enter_context(asking(f"{wire}/v1/rest/mgmt", body))
        stack.enter_context(asking(f"{wire}/v2/rest/query", {"csl": HEAVY, "properties": LONG}, 6))
        ends(process, log)


@contextmanager
def silent_server() -> Iterator[str]:
    """Serve nothing: connections are taken, and never answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_an_api_ends_while_its_eventhouse_is_silent(tmp_path: Path) -> None:
    port = free_port()
    with silent_server() as url, command(tmp_path, "api", "--port", str(port), "--eventhouse", url) as (process, log):
        api = f"http://127.0.0.1:{port}"
        eventually(answers(f"{api}/healthz"))
        with ExitStack() as stack:
            for path in ("/v1/prices/AAPL/latest", "/v1/prices/AAPL/history"):
                stack.enter_context(getting(f"{api}{path}"))
            ends(process, log)


@contextmanager
def getting(url: str) -> Iterator[None]:
    def get() -> None:
        with suppress(httpx.HTTPError):
            httpx.get(url, timeout=300)

    threading.Thread(target=get, daemon=True).start()
    time.sleep(0.5)
    yield


def test_a_hub_ends_beside_a_client_that_stands_still(tmp_path: Path) -> None:
    port = free_port()
    with command(tmp_path, "eventhubs", "--port", str(port), "--data", str(tmp_path / "h")) as (process, log):
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Endpoint=sb://")
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"AMQP\x03\x01\x00\x00")
            client.recv(8)
            ends(process, log)


@contextmanager
def data_connection(
    tmp_path: Path,
) -> Iterator[tuple["subprocess.Popen[str]", "subprocess.Popen[str]", str, "subprocess.Popen[str]", Path]]:
    """Run an Eventhouse, a hub with its connection string, and what brings the hub's events to it with its log."""
    with (
        eventhouse(tmp_path) as (server, _, url),
        command(tmp_path, "eventhubs", "--port", str(free_port())) as (hub, _),
    ):
        assert hub.stdout is not None
        connection = hub.stdout.readline().strip()
        execute(url, ".create table T (A: long)")
        arguments = ("--eventhouse", url, "--database", "Market", "--table", "T", "--data", str(tmp_path / "c"))
        with command(tmp_path, "data-connection", "run", *arguments, TICKHOUSE_EVENTHUBS_CONNECTION=connection) as (
            process,
            log,
        ):
            eventually(lambda: "Ctrl-C" in log.read_text())
            yield server, hub, connection, process, log


@contextmanager
def standing_still(process: "subprocess.Popen[str]") -> Iterator[None]:
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def test_a_data_connection_ends_while_its_eventhouse_stands_still(tmp_path: Path) -> None:
    with data_connection(tmp_path) as (server, _, connection, process, log), standing_still(server):
        send(connection)
        time.sleep(2)
        ends_by_itself(process, log)


def test_a_data_connection_ends_while_its_hub_stands_still(tmp_path: Path) -> None:
    with data_connection(tmp_path) as (_, hub, _, process, log), standing_still(hub):
        ends_by_itself(process, log)


def send(connection: str) -> None:
    from azure.eventhub import EventData, EventHubProducerClient

    with EventHubProducerClient.from_connection_string(connection) as producer:
        producer.send_batch([EventData(json.dumps({"A": 1}))])
