"""A signal ends a command from its first moments, also where nobody would take it: in a container, from a script."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.platform import ROOT, offline_environment, tickhouse

pytestmark = pytest.mark.slow

# The tool as it stands while it opens a folder: what comes before it serves takes seconds on a busy machine.
OPENING = """
import signal, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
from emulator.engine.eventhouse import Eventhouse

def open(*_, **__):
    print("busy", flush=True)
    time.sleep(100)

Eventhouse.open = open
from cli.main import main
main()
"""

DEPLOYING = """
import asyncio, signal
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
import cli.commands.up

async def deploy(*_):
    print("busy", flush=True)
    await asyncio.sleep(100)

cli.commands.up.deploy = deploy
from cli.main import main
main()
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=lambda each: str(each)
)
def test_a_signal_before_it_serves_ends_an_emulator_that_inherited_it_ignored(number: int, code: int) -> None:
    command = [sys.executable, "-c", OPENING, "emulator", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=offline_environment(), cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert process.stdout.readline() == "busy\n"
            process.send_signal(number)
            assert process.wait(60) == code
        finally:
            process.kill()
        assert process.stderr.read() == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name)
def test_up_ends_while_it_deploys(number: int, tmp_path: Path) -> None:
    command = [sys.executable, "-c", DEPLOYING, "up", "--source", "none", "--data", str(tmp_path / "data")]
    command += ["--port", "0", "--eventhouse-port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=offline_environment(), cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert process.stdout.readline() == "busy\n"
            process.send_signal(number)
            assert process.wait(60) == 128 + number
        finally:
            process.kill()
        assert process.stderr.read() == ""


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "prices").write_text("")
    result = tickhouse("emulator", "--port", "0", "--data", str(tmp_path / "prices"))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"error: {tmp_path}/prices: File exists\n"
    result = tickhouse(
        "up", "--source", "none", "--port", "0", "--eventhouse-port", "0", "--data", f"{tmp_path}/prices/x"
    )
    assert (result.returncode, result.stderr) == (1, f"error: {tmp_path}/prices/x: Not a directory\n")
