"""`python -m emulator` as a process: start, refusals, orderly end."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[3]


def arguments(*options: str) -> list[str]:
    return [sys.executable, "-m", "emulator", *options]


@contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(arguments(*options), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        found = re.search(r"http://\S+:\d+", line)
        assert found, line + process.stderr.read()
        yield process, found[0]
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stderr.close()


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
