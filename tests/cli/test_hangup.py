"""A terminal that is closed ends what runs in it as SIGTERM does: with the drain, and without an error."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.platform import ROOT, offline_environment, running

pytestmark = pytest.mark.slow


def test_up_ends_well_when_its_terminal_is_closed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    command = [sys.executable, "-m", "cli", "up", "--source", "none", "--data", str(data)]
    command += ["--port", "0", "--eventhouse-port", "0"]
    process, terminal = pty.fork()
    if process == 0:  # pragma: no cover - the child becomes the tool
        os.chdir(ROOT)
        os.execve(sys.executable, command, offline_environment())  # noqa: S606 - the command is this test's own
    said = b""
    while b"Source" not in said:
        said += os.read(terminal, 4096)
    assert (data / "endpoint.json").exists()
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert not (data / "endpoint.json").exists()


def test_up_drains_on_sighup_and_a_log_gets_the_last_line(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--source", "none") as platform:
        platform.process.send_signal(signal.SIGHUP)
        assert platform.process.wait(60) == 0
    assert (tmp_path / "data.log").read_text().splitlines()[-1] == "Ended; everything acknowledged is on disk."


def test_an_emulator_ends_on_sighup(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cli", "emulator", "--port", "0", "--data", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=offline_environment(), cwd=ROOT) as process:
        assert process.stderr is not None
        url = process.stderr.readline().split()[1]
        # It serves once it answers; before, a signal meets a process that is still starting.
        assert httpx.get(f"{url}/v1/rest/ping", timeout=60).text == "Pong!"
        process.send_signal(signal.SIGHUP)
        assert process.wait(60) == 0
    assert not (tmp_path / "endpoint.json").exists()
