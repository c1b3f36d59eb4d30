"""A data folder that cannot be used ends a command with one line that says why, whichever command it is."""

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from emulator import Eventhouse
from tests.disks import DISKS
from tests.end_to_end.platform import ROOT, START_SECONDS, free_port, offline_environment

pytestmark = pytest.mark.slow

COMMANDS = (
    "up --source none --port 0 --eventhouse-port 0",
    "emulator --port 0",
    "eventhubs --port 0",
    "producer run --source simulated",
    "deploy",
)


def ended(command: str, folder: Path, *, with_hint: bool = False) -> tuple[int, list[str]]:
    arguments = [sys.executable, "-m", "cli", *command.split(), "--data", str(folder)]
    done = subprocess.run(
        arguments, capture_output=True, text=True, timeout=60, env=offline_environment(), cwd=ROOT, check=False
    )
    told = ("error", "hint", "Traceback") if with_hint else ("error", "Traceback")
    return done.returncode, [line for line in done.stderr.splitlines() if line.startswith(told)]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_is_a_file_or_has_too_long_a_name(tmp_path: Path, command: str) -> None:
    (tmp_path / "file").write_text("")
    for folder, reason in (
        (tmp_path / "file" / "data", "Not a directory"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        assert ended(command, folder) == (1, [f"error: {folder}: {reason}"])


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_on_a_read_only_disk(tmp_path: Path, command: str) -> None:
    with DISKS["disk"](tmp_path / "disk") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk.folder)], check=True)
        folder = disk.folder / "data"
        assert ended(command, folder, with_hint=True) == (
            1,
            [
                f"error: {folder}: Read-only file system",
                "hint: give a folder on a disk that is not mounted read-only",
            ],
        )


def test_a_folder_that_has_become_read_only(tmp_path: Path) -> None:
    with DISKS["disk"](tmp_path / "disk", "64m") as disk:
        folder = disk.folder / "data"
        Eventhouse.open(folder, database="Market").close()
        subprocess.run(["mount", "-o", "remount,ro", str(disk.folder)], check=True)
        assert ended("emulator --port 0 --database Market", folder, with_hint=True) == (
            1,
            [
                f"error: Data folder error: TH_FolderUnusable: The data folder '{folder}' cannot be used:"
                f" Read-only file system ('{folder}/eventhouse.lock').",
                "hint: it has to be writable, even to be read: make it so, or give a copy of it",
            ],
        )


def test_up_starts_on_a_full_disk_for_reading_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with DISKS["disk"](tmp_path / "disk", "100m") as disk, ExitStack() as stack:
        folder, arguments = disk.folder / "data", ["--port", str(port), "--eventhouse-port", "0"]

        def start(name: str) -> tuple["subprocess.Popen[bytes]", Path]:
            log = tmp_path / name
            output = stack.enter_context(log.open("wb"))
            command = [sys.executable, "-m", "cli", "up", "--source", "simulated", "--data", str(folder), *arguments]
            process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, env=offline_environment())
            stack.callback(process.kill)
            until(lambda: answers(f"{url}/v1/prices/AAPL/latest"), process)
            return process, log

        first, _ = start("first")
        first.terminate()
        assert first.wait(START_SECONDS) == 0
        assert not (folder / "eventhouse.duckdb.wal").exists()
        disk.fill()
        second, log = start("second")
        told = "The disk is full: what is stored can be read, and nothing is taken in until there is room."
        assert [line for line in log.read_text().splitlines() if line.startswith("The disk")] == [told]
        disk.free()
        until(lambda: "There is room again. Deployed Market" in log.read_text(), second)
        second.terminate()
        assert second.wait(START_SECONDS) == 0
        assert "Traceback" not in log.read_text()


def answers(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(url, timeout=5).status_code == httpx.codes.OK
    return False


def until(condition: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
