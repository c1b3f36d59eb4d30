"""Backups of folders that are served, what is restored of them, and what a check finds and can save."""

import fcntl
import json
import os
import shutil
import socket
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.composition.backups import restore_backup, take_backup
from cli.composition.held_files import held_file
from cli.errors import CliError
from cli.main import app
from emulator import Eventhouse
from emulator.engine.data_folder import copying, log
from emulator.engine.data_folder.log_form import entry_ends
from emulator.errors import KustoError
from emulator.eventhubs.hubs.hub import Hub
from emulator.eventhubs.hubs.log import Retention
from producer.pipeline.spool import Spool
from tests.disks import DISKS
from tests.emulator.engine.test_data_folder import ROWS, flip, ingest, opened, stored

# Each opens several Eventhouses.
pytestmark = pytest.mark.slow

RUN = CliRunner()


def check(folder: Path, *flags: str) -> tuple[int, list[str]]:
    result = RUN.invoke(app, ["check-data", "--data", str(folder), *flags])
    return result.exit_code, result.output.splitlines()


def restored(backup: Path, folder: Path) -> dict[object, object]:
    restore_backup(backup, folder)
    eventhouse = Eventhouse.open(folder)
    try:
        found = stored(eventhouse)
        view = eventhouse.query("V | sort by Batch asc")[0].records()
        assert {row["Batch"]: row["Rows"] for row in view} == found
        return found
    finally:
        eventhouse.close()


def with_view(folder: Path) -> Eventhouse:
    eventhouse = opened(folder)
    eventhouse.command(".create materialized-view V on table T { T | summarize Rows = count() by Batch }")
    return eventhouse


def test_a_backup_of_a_served_folder_is_its_last_commit(tmp_path: Path) -> None:
    eventhouse = with_view(tmp_path / "data")
    for number in range(3):
        ingest(eventhouse, number)
    take_backup(tmp_path / "data", tmp_path / "first")
    ingest(eventhouse, 3)
    eventhouse.close()
    take_backup(tmp_path / "data", tmp_path / "second")
    assert restored(tmp_path / "first", tmp_path / "one") == dict.fromkeys(range(3), ROWS)
    assert restored(tmp_path / "second", tmp_path / "two") == dict.fromkeys(range(4), ROWS)
    assert sorted(path.name for path in (tmp_path / "first").iterdir()) == ["backup.json", "eventhouse.duckdb"]


def test_backups_while_rows_come_in_have_whole_batches_and_all_that_was_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "FOLDED_AT", 1 << 16)
    eventhouse = with_view(tmp_path / "data")
    acknowledged: list[int] = []
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            ingest(eventhouse, len(acknowledged))
            acknowledged.append(len(acknowledged))

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for number in range(3):
            before = len(acknowledged)
            take_backup(tmp_path / "data", tmp_path / f"backup{number}")
            after = len(acknowledged) + 1
            found = restored(tmp_path / f"backup{number}", tmp_path / f"restored{number}")
            assert found == dict.fromkeys(range(len(found)), ROWS)
            assert before <= len(found) <= after
    finally:
        stop.set()
        writing.join()
    assert stored(eventhouse) == dict.fromkeys(acknowledged, ROWS)
    eventhouse.close()


def test_the_log_is_not_folded_while_the_folder_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "FOLDED_AT", 1 << 16)
    eventhouse = opened(tmp_path)
    wal = tmp_path / "eventhouse.duckdb.wal"
    descriptor = os.open(tmp_path / "eventhouse.copying", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    for number in range(8):
        ingest(eventhouse, number)
    assert wal.stat().st_size > 1 << 16
    os.close(descriptor)
    for number in range(8):
        ingest(eventhouse, number)
    assert not wal.exists() or wal.stat().st_size < 1 << 16
    eventhouse.close()


def test_a_copy_that_a_fold_has_overtaken_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    eventhouse = opened(tmp_path / "data")
    ingest(eventhouse, 0)
    copy = copying._copy

    def fold_meanwhile(source: Path, target: Path, size: int | None = None) -> None:
        copy(source, target, size)
        if source.suffix == ".duckdb":
            eventhouse._core.writer._session.fold()

    monkeypatch.setattr(copying, "_copy", fold_meanwhile)
    with pytest.raises((KustoError, OSError)):
        take_backup(tmp_path / "data", tmp_path / "backup")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]
    eventhouse.close()


async def test_a_backup_has_all_that_is_to_be_kept_and_nothing_of_processes(tmp_path: Path) -> None:
    data = tmp_path / "data"
    opened(data).close()
    hub = Hub.open(data / "eventhubs" / "trades", "trades", 1, (), Retention(), None)
    with Spool(data / "spool") as spool:
        spool.append([b"{}"])
        (data / "blobs").mkdir()
        (data / "dead-letters").mkdir()
        for name in ("blobs/a.blob", "dead-letters/1.json", "producer-dead-letters.jsonl"):
            (data / name).write_text("kept")
        for name in ("producer.json", "data-connection.json", ".producer.json.1", "spool/cursor.next"):
            (data / name).write_text("of a process")
        with held_file(data / "endpoint.json", {}):
            backup = take_backup(data, tmp_path / "backup")
    await hub.close()
    assert sorted(backup.files) == [
        "blobs/a.blob",
        "dead-letters/1.json",
        "eventhouse.duckdb",
        "eventhubs/trades/0/00000000000000000000-00000000000000000000.log",
        "eventhubs/trades/hub.json",
        "producer-dead-letters.jsonl",
        "spool/00000000000000000001.spool",
    ]
    modes = {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "backup").rglob("*") if path.is_file()}
    assert modes <= {"0o600", "0o644"}
    restore_backup(tmp_path / "backup", tmp_path / "restored")
    assert (tmp_path / "restored" / "blobs" / "a.blob").read_text() == "kept"
    assert oct((tmp_path / "restored").stat().st_mode & 0o777) == "0o700"


def test_a_backup_that_finds_no_room_leaves_nothing(tmp_path: Path) -> None:
    eventhouse = opened(tmp_path / "data")
    ingest(eventhouse, 0, 3_000)
    eventhouse.close()
    with DISKS["disk"](tmp_path / "disk", "64k") as disk:
        with pytest.raises(OSError, match="No space left"):
            take_backup(tmp_path / "data", disk.folder / "backup")
        assert list(disk.folder.iterdir()) == []


@pytest.mark.parametrize("place", ["served", "full", "a file", "within"])
def test_a_restore_leaves_a_folder_alone_that_holds_anything(tmp_path: Path, place: str) -> None:
    eventhouse = opened(tmp_path / "data")
    ingest(eventhouse, 0)
    take_backup(tmp_path / "data", tmp_path / "backup")
    target = tmp_path / "target"
    match place:
        case "served":
            target.mkdir()
            facts = {"url": "http://127.0.0.1:1", "database": "Market"}
            with (
                held_file(target / "endpoint.json", facts),
                pytest.raises(CliError, match=r"is served at http://127\.0\.0\.1:1"),
            ):
                restore_backup(tmp_path / "backup", target)
        case "full":
            target = tmp_path / "data"
            with pytest.raises(CliError, match="is not empty"):
                restore_backup(tmp_path / "backup", target)
        case "a file":
            target.write_text("kept")
            with pytest.raises(CliError, match="is a file, not a folder"):
                restore_backup(tmp_path / "backup", target)
            assert target.read_text() == "kept"
        case "within":
            with pytest.raises(CliError, match="lies within"):
                take_backup(tmp_path / "data", tmp_path / "data" / "backup")
    assert stored(eventhouse) == {0: ROWS}
    eventhouse.close()


def test_a_backup_that_was_changed_is_not_restored(tmp_path: Path) -> None:
    opened(tmp_path / "data").close()
    take_backup(tmp_path / "data", tmp_path / "backup")
    flip(tmp_path / "backup" / "eventhouse.duckdb", 20_000)
    with pytest.raises(CliError, match="is not what was backed up"):
        restore_backup(tmp_path / "backup", tmp_path / "restored")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "data"]


@pytest.mark.parametrize("content", [None, "", "{}", '{"format": 2, "files": {}, "taken_at": ""}', "escape"])
def test_a_folder_that_is_no_backup_is_not_restored(tmp_path: Path, content: str | None) -> None:
    backup = tmp_path / "backup"
    backup.mkdir()
    if content == "escape":
        content = json.dumps({"format": 1, "files": {"../x": [0, ""]}, "taken_at": "2026-01-01T00:00:00+00:00"})
    if content is not None:
        (backup / "backup.json").write_text(content)
    with pytest.raises(CliError, match=r"no backup|does not describe a backup"):
        restore_backup(backup, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


def killed(tmp_path: Path, batches: int = 3) -> Path:
    """Return a folder as a killed process leaves it, everything in the log."""
    eventhouse = opened(tmp_path / "running")
    for number in range(batches):
        ingest(eventhouse, number)
    shutil.copytree(tmp_path / "running", tmp_path / "killed")
    eventhouse.close()
    return tmp_path / "killed"


@pytest.mark.parametrize("name", ["", ".", "a/../../b", "/etc/passwd", "a\0b"])
def test_a_backup_does_not_name_what_lies_outside_of_it(tmp_path: Path, name: str) -> None:
    facts = {"format": 1, "taken_at": "2026-11-30T00:00:00+00:00", "files": {name: (1, "x")}}
    (tmp_path / "backup.json").write_text(json.dumps(facts))
    with pytest.raises(CliError, match=r"backup.json does not describe a backup: another form$"):
        restore_backup(tmp_path, tmp_path.parent / "restored")


@pytest.mark.parametrize("content", ["[" * 100_000, '{"format": 1, "taken_at": "2026-11-30", "files": {}}'])
def test_a_backup_that_is_nested_deeply_or_empty_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "backup.json").write_text(content)
    with pytest.raises(CliError, match=r"backup.json does not describe a backup: "):
        restore_backup(tmp_path, tmp_path.parent / "restored")


@pytest.mark.parametrize("kind", ["pipe", "device", "nothing"])
def test_what_stands_in_the_place_of_a_file_is_not_read(tmp_path: Path, kind: str) -> None:
    # A pipe would be waited for, and a device fill the disk.
    backup = tmp_path / "backup"
    backup.mkdir()
    facts = {"format": 1, "taken_at": "2026-11-30T00:00:00+00:00", "files": {"a": (1, "x")}}
    (backup / "backup.json").write_text(json.dumps(facts))
    if kind == "pipe":
        os.mkfifo(backup / "a")
    elif kind == "device":
        (backup / "a").symlink_to("/dev/zero")
    with pytest.raises(CliError) as refused:
        restore_backup(backup, tmp_path / "restored")
    assert refused.value.message == f"{backup / 'a'} is not what was backed up"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup"]


def test_a_check_of_a_sound_folder_says_what_it_holds_and_changes_nothing(tmp_path: Path) -> None:
    folder = killed(tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "eventhouse.lock"}
    code, (line,) = check(folder)
    assert code == 0
    assert line.startswith("fine     eventhouse.duckdb: ")
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "eventhouse.lock"} == before
    take_backup(folder, tmp_path / "backup")
    code, lines = check(tmp_path / "backup")
    assert code == 0
    assert lines == ["fine     backup.json: 1 files as backed up", line]


def test_a_check_of_a_served_folder_is_refused(tmp_path: Path) -> None:
    eventhouse = opened(tmp_path)
    with pytest.raises(KustoError, match="is in use by process"):
        RUN.invoke(app, ["check-data", "--data", str(tmp_path)], catch_exceptions=False)
    eventhouse.close()


@pytest.mark.parametrize(
    ("harm", "left"), [("an entry", 2), ("a length", 2), ("the header", 0), ("shortened", 2), ("log gone", 0)]
)
def test_what_is_left_of_a_damaged_log_starts_again(tmp_path: Path, harm: str, left: int) -> None:
    folder = killed(tmp_path)
    wal = folder / "eventhouse.duckdb.wal"
    whole = wal.read_bytes()
    ends = entry_ends(folder)
    match harm:
        case "an entry":
            flip(wal, ends[-3] + 60)
        case "a length":
            flip(wal, ends[-3] + 4)
        case "the header":
            flip(wal, 0)
        case "shortened":
            os.truncate(wal, len(whole) - 10)
        case "log gone":
            wal.unlink()
    code, lines = check(folder)
    assert code == 1
    assert lines[0].startswith("damaged  ")
    code, lines = check(folder, "--accept-loss")
    assert code == 0, lines
    again = Eventhouse.open(folder)
    if left:
        assert stored(again) == dict.fromkeys(range(left), ROWS)
    again.close()
    if harm in ("an entry", "a length", "the header"):
        assert (folder / "eventhouse.duckdb.wal.damaged").read_bytes() != whole


def test_a_damaged_file_is_named_and_cannot_be_helped(tmp_path: Path) -> None:
    eventhouse = opened(tmp_path / "data")
    ingest(eventhouse, 0, 20_000)
    eventhouse.close()
    file = tmp_path / "data" / "eventhouse.duckdb"
    for position in range(13_000, file.stat().st_size, 4096):
        flip(file, position)
    code, lines = check(tmp_path / "data")
    assert code == 1
    assert [line for line in lines if line.startswith("damaged")] != []


def test_a_file_that_is_missing_can_be_given_up(tmp_path: Path) -> None:
    folder = killed(tmp_path)
    (folder / "eventhouse.duckdb").unlink()
    assert check(folder)[0] == 1
    assert check(folder, "--accept-loss")[1] == [
        "eventhouse.duckdb.wal belongs to a file that is missing: put aside as eventhouse.duckdb.wal.damaged",
        "what was stored last is no longer asked for",
    ]
    opened(folder).close()


async def test_damage_of_hub_and_spool_is_named(tmp_path: Path) -> None:
    opened(tmp_path).close()
    hub = Hub.open(tmp_path / "eventhubs" / "trades", "trades", 1, (), Retention(), None)
    await hub.close()
    (tmp_path / "eventhubs" / "trades" / "hub.json").write_text("{")
    with Spool(tmp_path / "spool") as spool:
        for _ in range(3):
            spool.append([b'{"a": 1}'])
    flip(tmp_path / "spool" / "00000000000000000001.spool", 25)
    code, lines = check(tmp_path)
    assert code == 1
    assert lines[1:] == [
        "damaged  eventhubs/trades: hub.json does not describe a hub",
        "damaged  spool/00000000000000000001.spool: 84 bytes cannot be read",
    ]


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    Eventhouse.open(folder).close()
    os.mkfifo(folder / "pipe")
    for name, target in (("nowhere", "/nowhere"), ("loop", "loop")):
        (folder / name).symlink_to(target)
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(folder / "socket"))
        backup = take_backup(folder, tmp_path / "backup")
    assert sorted(backup.files) == ["eventhouse.duckdb"]


@pytest.mark.parametrize("target", ["empty", "nowhere"])
def test_a_link_is_not_replaced(tmp_path: Path, target: str) -> None:
    folder, link = tmp_path / "data", tmp_path / "link"
    Eventhouse.open(folder).close()
    (tmp_path / "empty").mkdir()
    link.symlink_to(tmp_path / target)
    with pytest.raises(CliError) as caught:
        take_backup(folder, link)
    assert (caught.value.message, caught.value.hint) == (f"'{link}' is a link", "name the folder that it leads to")
    take_backup(folder, tmp_path / "backup")
    with pytest.raises(CliError) as caught:
        restore_backup(tmp_path / "backup", link)
    assert caught.value.message == f"'{link}' is a link"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["backup", "data", "empty", "link"]
