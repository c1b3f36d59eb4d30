"""When the log is folded into the file, and what is written beside it; sparse files stand for long logs."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from emulator.engine.catalog.records import Database
from emulator.engine.core import Core
from emulator.engine.data_folder.commits import Commits, read_commits, what_is_lost
from emulator.engine.data_folder.log import COPYING_FILE, FOLDED_AT, WriteAheadLog
from emulator.engine.data_folder.opening import DATABASE_FILE, LOG_FILE, checkpoint_of, log_size

TIME = datetime(2026, 2, 3, 4, 5, 6, 7, tzinfo=UTC).replace(tzinfo=None)
LATER = TIME + timedelta(minutes=1)
GIB = 1 << 30


class Folder:
    """A folder with a database, its log, and the calls of the checkpoint."""

    def __init__(self, path: Path) -> None:
        with duckdb.connect(path / DATABASE_FILE) as connection:
            connection.execute("CREATE TABLE t (a INTEGER); CHECKPOINT")
        self.path = path
        self.checkpoints = 0
        self.log = WriteAheadLog(path)

    def grown_to(self, size: int) -> None:
        with (self.path / LOG_FILE).open("a") as file:
            file.truncate(size)

    def checkpoint(self) -> None:
        self.checkpoints += 1
        (self.path / LOG_FILE).unlink()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path)
    yield made
    made.log.close()


def free(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=size))


def test_a_commit_is_recorded_with_the_log_so_far(folder: Folder) -> None:
    number = checkpoint_of(folder.path)
    assert number
    assert folder.log.committed(TIME) is False
    first = read_commits(folder.path)
    assert first is not None
    assert first == Commits(number, 0, first.since, TIME)
    folder.grown_to(10)
    (folder.path / LOG_FILE).chmod(0o644)
    assert folder.log.committed(LATER) is False
    assert read_commits(folder.path) == Commits(number, 10, first.since, LATER)
    modes = {name: oct((folder.path / name).stat().st_mode & 0o777) for name in (LOG_FILE, COPYING_FILE)}
    assert modes == {LOG_FILE: "0o600", COPYING_FILE: "0o600"}


def test_a_log_is_folded_when_it_is_long(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 100 * GIB)
    folder.grown_to(FOLDED_AT - 1)
    assert folder.log.committed(TIME) is False
    folder.grown_to(FOLDED_AT)
    assert folder.log.committed(TIME) is True
    folder.log.fold(folder.checkpoint, LATER)
    assert (folder.checkpoints, read_commits(folder.path)) == (
        1,
        Commits(checkpoint_of(folder.path) or -1, 0, LATER, LATER),
    )
    folder.grown_to(FOLDED_AT - 1)
    assert folder.log.committed(TIME) is False


def test_closing_folds_what_takes_a_moment_only(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 100 * GIB)
    file = folder.path / DATABASE_FILE
    for size, checkpoints in ((64 << 20, 1), ((64 << 20) + 1, 1)):
        folder.grown_to(1000)
        folder.log.committed(TIME)
        with file.open("a") as opened:
            opened.truncate(size - 1000)
        folder.log.fold_in_closing(folder.checkpoint, LATER)
        assert folder.checkpoints == checkpoints
    assert (folder.path / LOG_FILE).stat().st_size == 1000


@pytest.mark.slow
def test_an_eventhouse_that_ends_begins_no_more_folding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.engine.data_folder.log.FOLDED_AT", 1)
    monkeypatch.setattr("emulator.engine.data_folder.log._FOLDED_IN_CLOSING", 0)
    core = Core.open(tmp_path)
    core.writer.change(lambda transaction: transaction.put(Database("A")))
    assert log_size(tmp_path) == 0
    core.writer.is_ending = True
    core.writer.change(lambda transaction: transaction.put(Database("B")))
    core.close()
    assert log_size(tmp_path) > 0
    core = Core.open(tmp_path)
    assert list(core.catalog.databases) == ["A", "B"]
    core.close()


def test_without_room_it_is_tried_again_an_eighth_later(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    needed = (32 << 20) + 2 * FOLDED_AT
    folder.grown_to(FOLDED_AT)
    folder.log.committed(TIME)
    free(monkeypatch, needed - 1)
    folder.log.fold(folder.checkpoint, TIME)
    folder.log.fold(folder.checkpoint, TIME)
    assert folder.checkpoints == 0
    told = f"{folder.path}: less than 160 MB are free on the disk; the log of 64 MB waits for room to be folded"
    assert [record.getMessage() for record in caplog.records] == [told]
    folder.grown_to(FOLDED_AT + FOLDED_AT // 8 - 1)
    assert folder.log.committed(TIME) is False
    folder.grown_to(FOLDED_AT + FOLDED_AT // 8)
    assert folder.log.committed(TIME) is True
    free(monkeypatch, needed + FOLDED_AT // 4)
    folder.log.fold(folder.checkpoint, TIME)
    assert folder.checkpoints == 1


def test_a_folder_that_is_copied_is_not_folded_until_the_log_is_very_long(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, 100 * GIB)
    copying = os.open(folder.path / COPYING_FILE, os.O_RDWR)
    fcntl.flock(copying, fcntl.LOCK_SH)
    for size, checkpoints in ((FOLDED_AT, 0), (4 * GIB, 0), (4 * GIB + 1, 1)):
        folder.grown_to(size)
        folder.log.committed(TIME)
        folder.log.fold(folder.checkpoint, TIME)
        assert folder.checkpoints == checkpoints
    os.close(copying)
    folder.grown_to(FOLDED_AT)
    folder.log.committed(TIME)
    folder.log.fold(folder.checkpoint, TIME)
    assert folder.checkpoints == 2
    with (folder.path / COPYING_FILE).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_what_is_known_to_be_lost(folder: Folder) -> None:
    folder.log.committed(TIME)
    since = read_commits(folder.path)
    assert since is not None
    assert what_is_lost(folder.path) == ""
    folder.grown_to(1500)
    folder.log.committed(TIME)
    stretch = f"stored from {since.since:%Y-%m-%d %H:%M:%S} to 2026-02-03 04:05:06"
    (folder.path / LOG_FILE).unlink()
    assert what_is_lost(folder.path).replace(" UTC", "") == (
        f"'{LOG_FILE}' is missing: what was {stretch}, or the last part of it, is lost"
    )
    folder.grown_to(300)
    assert what_is_lost(folder.path).replace(" UTC", "") == (
        f"'{LOG_FILE}' is 1,200 bytes short: what was {stretch}, or the last part of it, is lost"
    )
