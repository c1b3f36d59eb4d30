"""A data folder that cannot be used ends a command with one line that says why, whichever command it is."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.disks import DISKS
from tests.end_to_end.platform import ROOT, offline_environment

pytestmark = pytest.mark.slow

COMMANDS = (
    "up --source none --port 0 --eventhouse-port 0",
    "emulator --port 0",
    "eventhubs --port 0",
    "producer run --source simulated",
    "deploy",
)


def ended(command: str, folder: Path) -> tuple[int, list[str]]:
    arguments = [sys.executable, "-m", "cli", *command.split(), "--data", str(folder)]
    done = subprocess.run(
        arguments, capture_output=True, text=True, timeout=60, env=offline_environment(), cwd=ROOT, check=False
    )
    return done.returncode, [line for line in done.stderr.splitlines() if line.startswith(("error", "Traceback"))]


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
        assert ended(command, folder) == (1, [f"error: {folder}: Read-only file system"])
