"""`python -m emulator`: what it serves, what it says, and the code it ends with; nothing is opened here."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from emulator import __main__ as entrance
from emulator.errors import FolderFault


class Served:
    """What is opened and served, and a fault for each."""

    def __init__(self) -> None:
        self.opened: list[tuple[Path | None, str]] = []
        self.asked: list[tuple[str | None, tuple[str, ...], tuple[str, ...]]] = []
        self.closed = 0
        self.fault: Exception | None = None

    def open(self, data: Path | None, *, database: str) -> "Served":
        self.opened.append((data, database))
        if isinstance(self.fault, FolderFault):
            raise self.fault
        return self

    def close(self) -> None:
        self.closed += 1

    def serve(
        self,
        eventhouse: object,
        listener: object,
        *,
        token: str | None,
        hosts: tuple[str, ...],
        origins: tuple[str, ...],
    ) -> None:
        assert eventhouse is self
        listener.close()  # type: ignore[attr-defined]  # a socket
        self.asked.append((token, hosts, origins))
        if self.fault is not None:
            raise self.fault


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    found = Served()
    monkeypatch.setattr("emulator.engine.eventhouse.Eventhouse", SimpleNamespace(open=found.open))
    monkeypatch.setattr("emulator.server.app.serve_on", found.serve)
    monkeypatch.setattr("emulator.listening.sockets.url_of", lambda _listener: "http://127.0.0.1:1")
    monkeypatch.delenv("EVENTHOUSE_TOKEN", raising=False)
    before = os.umask(0o022)
    yield found
    os.umask(before)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["emulator", "--port", "0", *arguments])
    return entrance.main()


def test_without_more_it_serves_an_eventhouse_in_memory_to_this_machine(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch) == 0
    assert (served.opened, served.asked, served.closed) == ([(None, "NetDefaultDB")], [(None, (), ())], 1)
    assert capsys.readouterr() == (
        "",
        "Eventhouse at http://127.0.0.1:1, database NetDefaultDB, data in memory only; Ctrl-C ends it\n",
    )
    assert os.umask(0o022) == 0o077


def test_all_that_can_be_said(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("from a file\n")
    pages = ("--allowed-hosts", "a.example,b.example", "--allowed-origins", "https://c.example")
    assert run(monkeypatch, "--data", "d", "--database", "D", "--token", "k", *pages) == 0
    assert run(monkeypatch, "--token", "k", "--token-file", str(tmp_path / "token")) == 0
    monkeypatch.setenv("EVENTHOUSE_TOKEN", "of the environment")
    assert run(monkeypatch) == 0
    assert served.opened == [(Path("d"), "D"), (None, "NetDefaultDB"), (None, "NetDefaultDB")]
    assert served.asked == [
        ("k", ("a.example", "b.example"), ("https://c.example",)),
        ("from a file", (), ()),
        ("of the environment", (), ()),
    ]
    assert "database D, data in d; Ctrl-C ends it\n" in capsys.readouterr().err


def test_what_cannot_be_served_is_one_line_and_an_exit_code(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--host", "0.0.0.0") == 1  # noqa: S104 - what is refused
    assert (served.opened, capsys.readouterr().err.startswith("error: ")) == ([], True)
    served.fault = FolderFault("it is in use", "TH_FolderInUse")
    assert run(monkeypatch) == 1
    assert (served.asked, served.closed) == ([], 0)
    assert capsys.readouterr().err == f"error: {served.fault}\n"


def test_an_eventhouse_is_closed_however_serving_ends(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    served.fault = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        run(monkeypatch)
    assert served.closed == 1


def test_the_port_is_that_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["emulator"])
    found = entrance._arguments()
    assert (found.host, found.port, found.data, found.database) == ("127.0.0.1", 8080, None, "NetDefaultDB")
