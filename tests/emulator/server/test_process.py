"""`python -m emulator` as a process: start, refusals, orderly end."""

import io
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest
from azure.kusto.data.data_format import DataFormat
from azure.kusto.ingest import IngestionProperties, QueuedIngestClient

from tests.emulator.server.processes import ROOT, arguments, running
from tests.emulator.server.queued import eventually

pytestmark = pytest.mark.slow

BATCHING = """@'{"MaximumNumberOfItems": 2, "MaximumBatchingTimeSpan": "00:00:01"}'"""
QUEUED = IngestionProperties("NetDefaultDB", "Kept", data_format=DataFormat.CSV)


def ask(url: str, text: str) -> object:
    path = "/v1/rest/mgmt" if text.startswith(".") else "/v1/rest/query"
    answer = httpx.post(url + path, json={"csl": text}, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()["Tables"][0]["Rows"]


def refusal(*options: str) -> str:
    result = subprocess.run(arguments(*options), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_data_outlive_an_orderly_end(tmp_path: Path, number: signal.Signals) -> None:
    data = tmp_path / "data"
    with running("--port", "0", "--data", str(data)) as (process, url):
        ask(url, ".create table Kept (N: long)")
        ask(url, ".ingest inline into table Kept <| 1")
        process.send_signal(number)
        assert process.wait(30) == 0
    with running("--port", "0", "--data", str(data)) as (_, url):
        assert ask(url, "Kept") == [[1]]


def test_a_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} on 127.0.0.1 is in use" in refusal("--port", str(port))


def test_an_open_address_needs_a_token() -> None:
    assert "token" in refusal("--host", "0.0.0.0", "--port", "0")  # noqa: S104 - refused
    assert "unknown" in refusal("--host", "no such host", "--port", "0")


def test_a_data_folder_serves_one_process(tmp_path: Path) -> None:
    with running("--port", "0", "--data", str(tmp_path)) as (_, url):
        assert "in use" in refusal("--port", "0", "--data", str(tmp_path))
        assert ask(url, "print 1") == [[1]]


def test_a_token_of_the_environment_is_demanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTHOUSE_TOKEN", "secret")
    with running("--port", "0") as (_, url):
        assert httpx.post(url + "/v1/rest/mgmt", json={"csl": ".show tables"}).status_code == 401


def test_a_token_of_a_file_does_not_stand_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    allowed = ("--allowed-hosts", "prices.example", "--allowed-origins", "https://dash.example")
    with running("--port", "0", "--token-file", str(tmp_path / "token"), *allowed) as (process, url):
        assert "secret" not in Path(f"/proc/{process.pid}/cmdline").read_text()
        sent = {"authorization": "Bearer secret", "host": "prices.example", "origin": "https://dash.example"}
        answers = [
            httpx.post(url + "/v1/rest/mgmt", json={"csl": ".show tables"}, headers={**sent, **other}).status_code
            for other in (
                *({}, {"authorization": "Bearer other"}),
                *({"host": "other.example"}, {"origin": "https://other.example"}),
            )
        ]
        assert answers == [200, 401, 403, 403]
    assert refusal("--token-file", str(tmp_path / "none")) == (
        f"error: the key file '{tmp_path / 'none'}' cannot be read: No such file or directory\n"
    )
    assert refusal("--allowed-hosts", "*").startswith("error: '*' is no host: ")


def test_a_queued_ingestion_survives_a_kill_and_happens_once(tmp_path: Path) -> None:
    data = str(tmp_path)
    with running("--port", "0", "--data", data) as (process, url), QueuedIngestClient(url) as ingest:
        ask(url, ".create table Kept (N: long)")
        # With the batching of the process itself: nothing is ingested when the last message is acknowledged.
        for number in range(20):
            ingest.ingest_from_stream(io.BytesIO(b"%d\n" % number), QUEUED)
        assert ask(url, "Kept | count") == [[0]]
        process.kill()
        process.wait()
    with running("--port", "0", "--data", data) as (process, url):
        assert eventually(lambda: ask(url, "Kept | count"), lambda found: found == [[20]]) == [[20]]
        process.kill()
        process.wait()
    with running("--port", "0", "--data", data) as (_, url), QueuedIngestClient(url) as ingest:
        ingest.ingest_from_stream(io.BytesIO(b"20\n"), QUEUED)
        expected = [[21, 21, 20]]
        assert eventually(lambda: ask(url, "Kept | summarize count(), dcount(N), max(N)"), expected.__eq__) == expected


def test_a_queue_survives_kills_at_any_moment(tmp_path: Path) -> None:
    data, sent = str(tmp_path), 0
    with running("--port", "0", "--data", data) as (_, url):
        ask(url, ".create table Kept (N: long)")
        # Batches of two: some are ingested while the next messages come.
        ask(url, f".alter table Kept policy ingestionbatching {BATCHING}")
    for count in (1, 3, 8):
        with running("--port", "0", "--data", data) as (process, url), QueuedIngestClient(url) as ingest:
            for _ in range(count):
                ingest.ingest_from_stream(io.BytesIO(b"%d\n" % sent), QUEUED)
                sent += 1
            process.kill()
            process.wait()
    with running("--port", "0", "--data", data) as (_, url):
        expected = [[sent, sent]]
        assert eventually(lambda: ask(url, "Kept | summarize count(), dcount(N)"), expected.__eq__) == expected
        assert ask(url, ".show ingestion failures | count") == [[0]]
