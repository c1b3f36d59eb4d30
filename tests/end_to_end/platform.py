"""A running platform for end-to-end tests: the real `tickhouse up` in a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from emulator import Eventhouse

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("TICKHOUSE_SHARED", ROOT.parent / "shared"))
MARKET = SHARED / "data" / "market"
START_SECONDS = 60


def tickhouse(*arguments: str, cwd: Path | None = None, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Run the tool to its end, offline, and return what it printed."""
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=offline_environment(),
        cwd=cwd,
        check=False,
    )


def rows_in(data: Path, query: str) -> list[dict[str, object]]:
    """Query a data folder that nobody serves any more."""
    eventhouse = Eventhouse.open(data, database="Market")
    try:
        return eventhouse.query(query)[0].records()
    finally:
        eventhouse.close()


def offline_environment() -> dict[str, str]:
    """Return this process's environment without Tickhouse settings, in offline mode, without what only tests need."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TICKHOUSE_")}
    return {**kept, "TICKHOUSE_OFFLINE": "1", "PYTHONPATH": python_path(ROOT), "COLUMNS": "160"}


def python_path(root: Path) -> str:
    """Return where Python finds a working tree, without the packages that only tests need."""
    return os.pathsep.join(map(str, (root / "tests" / "as_installed", root)))


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Platform:
    """One running `tickhouse up`."""

    process: subprocess.Popen[str]
    data: Path
    api: str
    wire: str

    def get(self, path: str, **parameters: str | int | float | bool) -> httpx.Response:
        """Ask the API."""
        return httpx.get(f"{self.api}{path}", params=parameters, timeout=60)

    def rows(self, query: str) -> list[list[object]]:
        """Ask the Eventhouse over its wire; no process is started for what a test only looks at."""
        answer = httpx.post(f"{self.wire}/v1/rest/query", json={"db": "Market", "csl": query}, timeout=60)
        assert answer.status_code == httpx.codes.OK, answer.text
        return [list(row) for row in answer.json()["Tables"][0]["Rows"]]

    def wait_for(self, query: str) -> None:
        """Wait until a query has rows."""
        deadline = time.monotonic() + START_SECONDS
        while not self.rows(f"{query} | take 1"):
            assert time.monotonic() < deadline, f"no rows after {START_SECONDS} s: {query}"
            time.sleep(0.1)


@contextmanager
def running(data: Path, *arguments: str, root: Path = ROOT) -> Iterator[Platform]:
    """Run the `tickhouse up` of a working tree on free ports until the block ends, then end it as Ctrl-C does."""
    port, wire_port = free_port(), free_port()
    command = [sys.executable, "-m", "cli", "up", "--data", str(data), "--port", str(port)]
    command += ["--eventhouse-port", str(wire_port), *arguments]
    log = data.parent / f"{data.name}.log"
    environment = offline_environment() | {"PYTHONPATH": python_path(root)}
    with log.open("a", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, cwd=root, stdout=output, stderr=subprocess.STDOUT, text=True, env=environment
        )
    platform = Platform(process, data, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{wire_port}")
    try:
        wait_until_ready(platform, log)
        yield platform
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def wait_until_ready(platform: Platform, log: Path) -> None:
    """Wait until the API says it is ready; fail with the log if the process ends before."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if platform.process.poll() is not None:
            raise AssertionError(f"tickhouse up ended with {platform.process.returncode}:\n{log.read_text()}")
        try:
            if platform.get("/readyz").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"not ready after {START_SECONDS} s:\n{log.read_text()}")
