"""What holds of the process of any command: its files and sockets, and how it ends."""

import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import main as tool
from cli.composition.data_folder import make_data_folder
from cli.composition.files import require_files
from cli.composition.servers import leave, listen
from cli.errors import CliError
from emulator.errors import KustoError
from producer.errors import Transient


def refused(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(CliError) as caught:
        call()
    return caught.value.message, caught.value.hint


def test_files_that_do_not_exist_are_named_together(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    require_files((tmp_path / "a",))
    given = (tmp_path / "a", tmp_path / "b", tmp_path)
    assert refused(lambda: require_files(given)) == (f"no such file: {tmp_path / 'b'}, {tmp_path}", "")


def test_a_data_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        make_data_folder(tmp_path / "a" / "b")
        make_data_folder(tmp_path / "a" / "b")
        (tmp_path / "a" / "b" / "file").write_text("")
    finally:
        os.umask(before)
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "a", tmp_path / "a/b", tmp_path / "a/b/file")]
    assert modes == [0o700, 0o700, 0o600]


@pytest.mark.parametrize(
    ("host", "key", "message", "hint"),
    [
        (
            "0.0.0.0",  # noqa: S104 - what is refused
            None,
            "whoever reaches 0.0.0.0:0 could use it: beyond this machine it takes a key",
            "give --api-key, or leave --host at 127.0.0.1",
        ),
        ("127.0.0.1", "", "the key is blank", "give --api-key another"),
        ("not a host", "k", None, "see --host"),
    ],
)
def test_where_a_server_does_not_listen(host: str, key: str | None, message: str | None, hint: str) -> None:
    told = refused(lambda: listen(host, 0, port_flag="--port", key_flag="--api-key", key=key))
    assert told[1] == hint
    if message is not None:
        assert told[0] == message


def test_a_port_that_is_taken() -> None:
    with listen("127.0.0.1", 0, port_flag="--port") as listener:
        port = listener.getsockname()[1]
        told = refused(lambda: listen("127.0.0.1", port, port_flag="--port"))
    assert told[1] == "choose another port with --port"


def test_what_is_still_said_to_a_terminal_that_is_gone_goes_nowhere(tmp_path: Path) -> None:
    file = (tmp_path / "terminal").open("w")
    leave([file.fileno()])
    file.write("said")
    file.close()
    assert (tmp_path / "terminal").read_text() == ""


def ended_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> object:
    def fail() -> None:
        raise error

    monkeypatch.setattr(tool, "app", fail)
    monkeypatch.setattr(tool, "end_by_signals", lambda: None)
    monkeypatch.setattr(tool, "bound_process", lambda: None)
    monkeypatch.setattr(tool, "_allow_files", lambda: None)
    with pytest.raises(SystemExit) as end:
        tool.main()
    return end.value.code


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (CliError("it failed", hint="try that"), 1, "error: it failed\nhint: try that\n"),
        (KeyboardInterrupt(), 130, ""),
        (PermissionError(errno.EACCES, "Permission denied", "a/b"), 1, "error: a/b: Permission denied\n"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "error: No space left on device\n"),
        (OSError(errno.EMFILE, "Too many open files"), 1, "error: Too many open files\n"),
        (KustoError("no such table", "SEM0100"), 1, "error: Bad request: SEM0100: no such table\n"),
        (Transient("down"), 1, "error: down\n"),
    ],
)
def test_how_a_command_ends(
    error: BaseException, code: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (ended_with(error, monkeypatch), *capsys.readouterr()) == (code, "", told)


@pytest.mark.parametrize("error", [OSError(errno.EBADF, "Bad file descriptor"), ValueError("odd")])
def test_what_nobody_has_foreseen_keeps_its_traceback(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(type(error)):
        ended_with(error, monkeypatch)


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [
        (1_024, 4_096, (4_096, 4_096)),
        (1_024, -1, (65_536, -1)),
        (1_024, 1 << 20, (65_536, 1 << 20)),
        (-1, -1, None),
        (65_536, 1 << 20, None),
        (4_096, 4_096, None),
        (65_535, 1 << 20, (65_536, 1 << 20)),
    ],
)
def test_as_many_files_as_a_user_may_have_open(
    soft: int, hard: int, expected: tuple[int, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "RLIM_INFINITY", -1)
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _kind, limits: found.append(limits))
    tool._allow_files()
    assert found == ([] if expected is None else [expected])
