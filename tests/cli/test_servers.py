"""What runs the commands that serve."""

import asyncio
import resource
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cli.composition.servers import run
from cli.errors import CliError
from tests.end_to_end.platform import ROOT, offline_environment


def test_commands_run_on_the_loop_that_uvicorn_prefers() -> None:
    async def loop() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert run(loop()).startswith("uvloop")


@pytest.mark.parametrize(("soft", "is_enough"), [(64, False), (147, False), (148, True), (-1, True)])
def test_too_few_open_files_are_refused_before_anything_begins(
    soft: int, is_enough: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "RLIM_INFINITY", -1)
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (soft, soft))
    begun: list[int] = []

    async def serve() -> None:
        begun.append(soft)

    main = serve()
    if is_enough:
        run(main)
        assert begun == [soft]
        return
    with pytest.raises(CliError) as refused:
        run(main)
    assert (begun, refused.value.message, refused.value.hint) == (
        [],
        f"a process may have {soft} files open here, and this one takes 148 to serve",
        "raise the limit, for example with `ulimit -n 1024`",
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "up --source none --port 0 --eventhouse-port 0",
        "emulator --port 0",
        "eventhubs --port 0",
        "producer run --source simulated",
        "api --port 0 --eventhouse http://127.0.0.1:9",
        "data-connection run",
    ],
)
def test_a_command_that_serves_says_so_and_leaves_nothing(tmp_path: Path, command: str) -> None:
    arguments = [sys.executable, "-m", "cli", *command.split()]
    if not command.startswith("api"):
        arguments += ["--data", str(tmp_path / "data")]
    text = f"ulimit -n 64; exec {shlex.join(arguments)}"
    done = subprocess.run(
        ["bash", "-c", text],
        capture_output=True,
        text=True,
        timeout=60,
        env=offline_environment(),
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, [each for each in done.stderr.splitlines() if each.startswith(("error", "hint"))]) == (
        1,
        [
            "error: a process may have 64 files open here, and this one takes 148 to serve",
            "hint: raise the limit, for example with `ulimit -n 1024`",
        ],
    )
    assert list(tmp_path.iterdir()) == []
