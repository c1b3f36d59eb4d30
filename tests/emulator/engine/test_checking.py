"""What a data folder lacks or has damaged, on files that a test makes: the record of commits, the log, the database."""

import errno
import os
import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from emulator.engine.data_folder import checking
from emulator.engine.data_folder.checking import Finding, accept_loss, check_database
from emulator.engine.data_folder.commits import (
    COMMITS_FILE,
    Commits,
    CommitsFile,
    read_commits,
    require_all,
    what_is_lost,
)
from emulator.engine.data_folder.opening import (
    CHECK,
    DATABASE_FILE,
    LOG_FILE,
    checkpoint_of,
    connect,
    log_size,
    unopened,
    unusable,
)
from emulator.errors import DiskFull, EngineFault, FolderFault, KustoError
from emulator.eventhubs.hubs.checking import check_hubs
from emulator.eventhubs.hubs.log import Log, Retention
from tests.emulator.engine.test_log_form import ENDS, WHOLE
from tests.emulator.eventhubs.events import Stored

SINCE, UNTIL = datetime.fromisoformat("2026-03-02T15:00:00"), datetime.fromisoformat("2026-03-02T16:30:05.25")
STRETCH = "stored from 2026-03-02 15:00:00 UTC to 2026-03-02 16:30:05 UTC"
COMMITS = Commits(7, ENDS[2], SINCE, UNTIL)


def record(folder: Path, commits: Commits) -> Path:
    file = CommitsFile(folder)
    file.write(commits)
    file.close()
    return folder


def database(folder: Path, *checkpoints: int) -> None:
    """Write what looks like a database of some checkpoints."""
    data = bytearray(12_288)
    for position, number in zip((4096, 8192), checkpoints, strict=True):
        data[position : position + 16] = struct.pack("<QQ", 1, number)
    (folder / DATABASE_FILE).write_bytes(data)


def test_a_record_of_commits_is_read_as_it_was_written_last(tmp_path: Path) -> None:
    assert read_commits(tmp_path) is None
    file = CommitsFile(tmp_path)
    file.write(replace(COMMITS, log=1 << 40))
    file.write(COMMITS)
    file.close()
    assert read_commits(tmp_path) == COMMITS
    assert (tmp_path / COMMITS_FILE).stat().st_mode & 0o777 == 0o600
    whole = (tmp_path / COMMITS_FILE).read_bytes()
    for damaged in (b"", whole[:-1], whole + b"x", b"x" + whole[1:], whole[:-1] + b"x", whole[:10] + b"x" + whole[11:]):
        (tmp_path / COMMITS_FILE).write_bytes(damaged)
        assert read_commits(tmp_path) is None


@pytest.mark.parametrize(
    ("commits", "damage", "opens", "expected"),
    [
        (None, None, 100, 100),
        (None, None, 99, 40),
        (None, None, 40, 40),
        (None, None, 39, 30),
        (None, None, 10, 10),
        (None, None, 9, 0),
        (None, None, 0, 0),
        (None, None, -1, None),
        # What commits have written is read to the first damage.
        (100, 35, 100, 30),
        (100, 30, 100, 30),
        (100, 9, 100, 0),
        (100, None, 100, 100),
        (100, None, 35, 30),
        # A log that is shorter than what was committed is lost to that, not damaged.
        (101, 5, 100, 100),
    ],
)
def test_a_log_is_read_to_the_last_entry_that_the_database_opens_with(
    commits: int | None, damage: int | None, opens: int, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = None if commits is None else replace(COMMITS, log=commits)
    monkeypatch.setattr(checking, "log_size", lambda _: 100)
    monkeypatch.setattr(checking, "read_commits", lambda _: record)
    monkeypatch.setattr(checking, "entry_ends", lambda _: (10, 20, 30, 40, 101))
    monkeypatch.setattr(checking, "first_damage", lambda _, end: damage if end == commits else None)
    monkeypatch.setattr(checking, "_opens", lambda _, log: log <= opens)
    assert checking._readable(Path()) == expected


@pytest.mark.parametrize(("checkpoints", "expected"), [((6, 7), 7), ((8, 7), 8), ((0, 0), 0)])
def test_the_checkpoint_of_a_file_is_the_later_of_its_headers(
    tmp_path: Path, checkpoints: tuple[int, int], expected: int
) -> None:
    assert checkpoint_of(tmp_path) is None
    database(tmp_path, *checkpoints)
    assert checkpoint_of(tmp_path) == expected
    os.truncate(tmp_path / DATABASE_FILE, 8192 + 15)
    assert checkpoint_of(tmp_path) is None


MISSING = "'eventhouse.duckdb' is missing, and with it all that was stored"


@pytest.mark.parametrize(
    ("checkpoints", "log", "commits", "lost"),
    [
        (None, b"", None, ""),
        (None, b"x", None, MISSING),
        (None, b"", COMMITS, f"{MISSING}, the last of it at 2026-03-02 16:30:05 UTC"),
        ((7, 6), b"", None, ""),
        ((8, 7), b"", COMMITS, ""),
        ((7, 6), WHOLE, COMMITS, ""),
        ((7, 6), WHOLE[: ENDS[2]], COMMITS, ""),
        ((7, 6), b"", replace(COMMITS, log=0), ""),
        (
            (6, 5),
            WHOLE,
            COMMITS,
            f"'eventhouse.duckdb' is older than what was stored last: what was {STRETCH}, and some before it, is lost",
        ),
        (
            (7, 6),
            b"",
            COMMITS,
            f"'eventhouse.duckdb.wal' is missing: what was {STRETCH}, or the last part of it, is lost",
        ),
        (
            (7, 6),
            WHOLE[: ENDS[2] - 1],
            COMMITS,
            f"'eventhouse.duckdb.wal' is 1 bytes short: what was {STRETCH}, or the last part of it, is lost",
        ),
        (
            (7, 6),
            b"x" + WHOLE,
            COMMITS,
            f"'eventhouse.duckdb.wal' is damaged at byte 0: the last part of what was {STRETCH} is lost",
        ),
    ],
)
def test_what_was_acknowledged_and_is_gone_is_told(
    tmp_path: Path, checkpoints: tuple[int, int] | None, log: bytes, commits: Commits | None, lost: str
) -> None:
    if checkpoints is not None:
        database(tmp_path, *checkpoints)
    if log:
        (tmp_path / LOG_FILE).write_bytes(log)
    if commits is not None:
        record(tmp_path, commits)
    assert (what_is_lost(tmp_path), log_size(tmp_path)) == (lost, len(log))
    if not lost:
        require_all(tmp_path)
        return
    with pytest.raises(EngineFault) as caught:
        require_all(tmp_path)
    assert (caught.value.message, caught.value.code, caught.value.hint) == (
        f"The data folder '{tmp_path}' is not complete: {lost}.",
        "TH_DataMissing",
        "put the file back, or restore a backup; `tickhouse check-data --accept-loss` goes on without it",
    )


def filled(folder: Path, statements: str) -> Path:
    """Make a database whose last statements are in the log."""
    connection = connect(folder)
    connection.execute(statements)
    connection.close()
    return folder


ROWS = "CREATE TABLE A (X BIGINT, Y VARCHAR); INSERT INTO A VALUES (1, 'a'), (2, NULL); CREATE TABLE B (X BIGINT);"


def test_a_check_reads_every_table_and_changes_nothing(tmp_path: Path) -> None:
    assert list(check_database(tmp_path)) == []
    filled(tmp_path, ROWS)
    before = {name: (tmp_path / name).read_bytes() for name in (DATABASE_FILE, LOG_FILE)}
    assert list(check_database(tmp_path)) == [Finding(DATABASE_FILE, "2 tables read, 2 rows")]
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert list(accept_loss(tmp_path)) == []
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_a_check_tells_what_is_lost_and_reads_what_is_left(tmp_path: Path) -> None:
    record(tmp_path, COMMITS)
    lost = Finding("completeness", what_is_lost(tmp_path), is_problem=True)
    assert list(check_database(tmp_path)) == [lost]
    assert list(accept_loss(tmp_path)) == ["what was stored last is no longer asked for"]
    assert list(check_database(tmp_path)) == []


def test_a_file_that_does_not_open_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(b"x" * 20_000)
    (found,) = check_database(tmp_path)
    assert (found.part, found.is_problem, "\n" in found.text) == (DATABASE_FILE, True, False)
    assert list(accept_loss(tmp_path)) == []
    (tmp_path / LOG_FILE).write_bytes(b"log")
    assert list(accept_loss(tmp_path)) == [
        "eventhouse.duckdb cannot be opened without its log either: restore a backup"
    ]


@pytest.mark.slow
def test_a_log_is_cut_behind_the_last_entry_that_is_whole(tmp_path: Path) -> None:
    filled(tmp_path, ROWS)
    first = log_size(tmp_path)
    filled(tmp_path, "INSERT INTO A VALUES (3, 'c');")
    size = log_size(tmp_path)
    log = tmp_path / LOG_FILE
    whole = log.read_bytes()
    damaged = whole[: first + 20] + bytes((whole[first + 20] ^ 0xFF,)) + whole[first + 21 :]
    log.write_bytes(damaged)
    record(tmp_path, replace(COMMITS, checkpoint=checkpoint_of(tmp_path) or 0, log=size))
    assert list(accept_loss(tmp_path)) == [
        f"eventhouse.duckdb.wal goes on with its first {first:,} bytes; all of it is in eventhouse.duckdb.wal.damaged",
        "what was stored last is no longer asked for",
    ]
    assert (log.read_bytes(), (tmp_path / f"{LOG_FILE}.damaged").read_bytes()) == (whole[:first], damaged)
    assert not (tmp_path / COMMITS_FILE).exists()


def test_a_log_without_its_file_is_put_aside_under_a_name_of_its_own(tmp_path: Path) -> None:
    for name in ("eventhouse.duckdb.wal.damaged", "eventhouse.duckdb.wal.damaged1"):
        (tmp_path / LOG_FILE).write_bytes(b"log")
        assert list(accept_loss(tmp_path)) == [
            f"eventhouse.duckdb.wal belongs to a file that is missing: put aside as {name}"
        ]
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix.startswith(".damaged")) == [
        "eventhouse.duckdb.wal.damaged",
        "eventhouse.duckdb.wal.damaged1",
    ]


def refused(number: int, name: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), name)


FOLDER = Path("/folder")
WRITABLE = "it has to be writable, even to be read: make it so, or give a copy of it"


@pytest.mark.parametrize(
    ("fault", "kind", "code", "message", "hint"),
    [
        (
            lambda: unusable(FOLDER, refused(errno.EACCES)),
            FolderFault,
            "TH_FolderUnusable",
            "The data folder '/folder' cannot be used: Permission denied.",
            WRITABLE,
        ),
        (
            lambda: unusable(FOLDER, refused(errno.EACCES, "/folder")),
            FolderFault,
            "TH_FolderUnusable",
            "The data folder '/folder' cannot be used: Permission denied.",
            WRITABLE,
        ),
        (
            lambda: unusable(FOLDER, refused(errno.EACCES, "/folder/lock")),
            FolderFault,
            "TH_FolderUnusable",
            "The data folder '/folder' cannot be used: Permission denied ('/folder/lock').",
            WRITABLE,
        ),
        (
            lambda: unopened(FOLDER, duckdb.IOException('Cannot open file "x": Is a directory\nmore')),
            FolderFault,
            "TH_FolderUnusable",
            "The data folder '/folder' cannot be used: Is a directory ('/folder/eventhouse.duckdb').",
            "",
        ),
        (
            lambda: unopened(FOLDER, duckdb.IOException("The file is not a valid DuckDB database file!\nmore")),
            EngineFault,
            "TH_FolderDamaged",
            "The data folder '/folder' cannot be opened: The file is not a valid DuckDB database file!",
            CHECK,
        ),
    ],
)
def test_why_a_folder_cannot_be_had(
    fault: Callable[[], KustoError], kind: type[KustoError], code: str, message: str, hint: str
) -> None:
    found = fault()
    assert (type(found), found.code, found.message, found.hint) == (kind, code, message, hint)


def test_a_full_disk_is_told_as_one() -> None:
    assert isinstance(unusable(FOLDER, refused(errno.ENOSPC)), DiskFull)
    assert isinstance(unopened(FOLDER, duckdb.IOException("Could not write: No space left on device")), DiskFull)


def test_the_logs_of_hubs_are_read_to_their_last_event(tmp_path: Path) -> None:
    for hub, partitions in (("b", 2), ("a", 1)):
        for number in range(partitions):
            log = Log.open(tmp_path / hub / f"{number}", Retention(segment_size=50))
            for _ in range(3):
                log.append([Stored(b"x" * 20)] * 500, 1_000)
            log.close()
        (tmp_path / hub / "hub.json").write_text("{}")
    (tmp_path / "c").mkdir()
    assert list(check_hubs(tmp_path)) == [("a", "1,500 events", False), ("b", "3,000 events", False)]
    assert list(check_hubs(tmp_path / "none")) == []
    # Of the last segment the end may be torn, of the others nothing.
    segments = sorted((tmp_path / "a/0").glob("*.log"))
    os.truncate(segments[2], segments[2].stat().st_size - 1)
    first = sorted((tmp_path / "b/0").glob("*.log"))[0]
    os.truncate(first, first.stat().st_size - 1)
    (tmp_path / "b/hub.json").write_text("{")
    assert list(check_hubs(tmp_path)) == [
        ("a", "1,499 events", False),
        ("b", f"hub.json does not describe a hub; {first} does not end where its successor begins", True),
    ]
