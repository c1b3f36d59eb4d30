"""Which files a backup has and what it says of them, without an Eventhouse: the database is a file of a test's own."""

import hashlib
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from cli.commands.backup import run_backup, run_restore
from cli.commands.check_data import run_check_data
from cli.composition import backups
from cli.composition.backups import Backup, changed_files, read_backup, restore_backup, take_backup
from cli.composition.held_files import held_file
from cli.errors import CliError
from cli.settings.target import TargetSettings

AT = datetime(2026, 3, 2, 15, 0, 5, tzinfo=UTC)


class _Now(datetime):
    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # a moment of the test's own
        return AT


@pytest.fixture(autouse=True)
def _without_an_eventhouse(monkeypatch: pytest.MonkeyPatch) -> None:
    def copy(_data: Path, draft: Path) -> None:
        (draft / "eventhouse.duckdb").write_bytes(b"database")

    monkeypatch.setattr(backups, "copy_database", copy)
    monkeypatch.setattr(backups, "datetime", _Now)


def fill(folder: Path, **files: str) -> Path:
    for name, text in {"blobs/deep/a.blob": "blob", "spool/1.spool": "spool", **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def entry(text: str) -> tuple[int, str]:
    return len(text), hashlib.sha256(text.encode()).hexdigest()


def fault_of(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(CliError) as caught:
        call()
    return caught.value.message, caught.value.hint


FILES = {
    "blobs/deep/a.blob": entry("blob"),
    "eventhouse.duckdb": entry("database"),
    "spool/1.spool": entry("spool"),
}


def test_a_backup_says_what_it_holds_and_is_restored_as_it_was(tmp_path: Path) -> None:
    data, backup, restored = fill(tmp_path / "data"), tmp_path / "deep" / "backup", tmp_path / "other" / "restored"
    expected = Backup(AT, FILES)
    assert take_backup(data, backup) == expected
    assert (expected.size, read_backup(backup), changed_files(backup, expected)) == (17, expected, [])
    assert json.loads((backup / "backup.json").read_text()) == {
        "format": 1,
        "tickhouse": version("tickhouse"),
        "taken_at": "2026-03-02T15:00:05+00:00",
        "files": {name: list(each) for name, each in FILES.items()},
    }
    assert restore_backup(backup, restored) == expected
    found = {str(path.relative_to(restored)): path.read_text() for path in restored.rglob("*") if path.is_file()}
    assert found == {"blobs/deep/a.blob": "blob", "eventhouse.duckdb": "database", "spool/1.spool": "spool"}
    paths = (backup, restored, restored / "spool/1.spool", restored / "blobs/deep/a.blob")
    assert [path.stat().st_mode & 0o777 for path in paths] == [0o700, 0o700, 0o600, 0o600]
    assert sorted(path.name for path in (tmp_path, *tmp_path.rglob("*")) if path.name.endswith(".unfinished")) == []


def test_what_belongs_to_processes_and_what_is_not_finished_stays_behind(tmp_path: Path) -> None:
    data = fill(
        tmp_path / "data",
        **dict.fromkeys(
            (
                "endpoint.json",
                "producer.json",
                "data-connection.json",
                "lock",
                "eventhouse.lock",
                "eventhouse.copying",
                "spool/lock",
                "spool/eventhouse.lock",
                "spool/cursor.next",
                "dead-letters/1.new",
                ".hidden",
                ".check-1/a",
                "blobs/b.tmp/a",
            ),
            "of a process",
        ),
        # The names mean something at the top alone.
        **{"blobs/producer.json": "kept", "blobs/endpoint.json": "kept"},
    )
    assert sorted(take_backup(data, tmp_path / "backup").files) == [
        "blobs/deep/a.blob",
        "blobs/endpoint.json",
        "blobs/producer.json",
        "eventhouse.duckdb",
        "spool/1.spool",
    ]


def test_spool_and_blobs_are_copied_before_the_database_and_the_hub_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = fill(tmp_path / "data", **{"eventhubs/trades/0/1.log": "before"})

    def copy(folder: Path, draft: Path) -> None:
        (draft / "eventhouse.duckdb").write_bytes(b"database")
        # Meanwhile a batch is delivered from the spool, another spooled, a blob made, and an event comes.
        (folder / "spool/1.spool").write_text("later")
        (folder / "spool/2.spool").write_text("later")
        (folder / "blobs/deep/a.blob").write_text("later")
        (folder / "blobs/b.blob").write_text("later")
        (folder / "eventhubs/trades/0/1.log").write_text("later")

    monkeypatch.setattr(backups, "copy_database", copy)
    take_backup(data, tmp_path / "backup")
    backup = tmp_path / "backup"
    found = {str(path.relative_to(backup)): path.read_text() for path in backup.rglob("*") if path.is_file()}
    del found["backup.json"]
    assert found == {
        "blobs/b.blob": "later",
        "blobs/deep/a.blob": "blob",
        "eventhouse.duckdb": "database",
        "eventhubs/trades/0/1.log": "later",
        "spool/1.spool": "spool",
    }


def test_a_file_that_goes_while_it_is_copied_is_not_in_the_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, copy = fill(tmp_path / "data"), backups._copy

    def expire_meanwhile(source: Path, target: Path) -> None:
        if source.name == "a.blob":
            target.write_text("half of it")
            raise FileNotFoundError(source)
        copy(source, target)

    monkeypatch.setattr(backups, "_copy", expire_meanwhile)
    assert sorted(take_backup(data, tmp_path / "backup").files) == ["eventhouse.duckdb", "spool/1.spool"]


def test_an_attempt_that_failed_or_was_killed_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, draft = fill(tmp_path / "data"), tmp_path / ".backup.unfinished"
    draft.mkdir()
    (draft / "of a killed one").write_text("")
    assert set(take_backup(data, tmp_path / "backup").files) == set(FILES)

    def fail(_data: Path, _draft: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backups, "copy_database", fail)
    with pytest.raises(OSError, match="No space left"):
        take_backup(data, tmp_path / "second")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "data"]


def test_what_was_changed_is_named_and_not_restored(tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    taken = take_backup(fill(tmp_path / "data"), backup)
    (backup / "blobs/deep/a.blob").write_text("BLOB")
    (backup / "spool/1.spool").write_text("longer than before")
    assert changed_files(backup, taken) == ["blobs/deep/a.blob", "spool/1.spool"]
    assert fault_of(lambda: restore_backup(backup, tmp_path / "restored")) == (
        f"{backup}/blobs/deep/a.blob is not what was backed up",
        "restore another backup",
    )
    (backup / "blobs/deep/a.blob").unlink()
    assert changed_files(backup, taken) == ["blobs/deep/a.blob", "spool/1.spool"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "data"]


def test_a_folder_that_holds_anything_is_left_alone(tmp_path: Path) -> None:
    data, backup, empty = fill(tmp_path / "data"), tmp_path / "backup", tmp_path / "empty"
    file = tmp_path / "file"
    file.write_text("kept")
    empty.mkdir()
    take_backup(data, backup)
    assert fault_of(lambda: take_backup(data, backup)) == (
        f"'{backup}' is not empty",
        "a backup goes into a new folder",
    )
    assert fault_of(lambda: restore_backup(backup, data)) == (
        f"'{data}' is not empty",
        "a backup that is restored goes into a new folder",
    )
    assert fault_of(lambda: take_backup(data, file)) == (f"'{file}' is a file, not a folder", "")
    apart = ("name a folder elsewhere, best on another disk",)
    for inner in (data / "inner", data / "spool" / "inner"):
        assert fault_of(lambda inner=inner: take_backup(data, inner)) == (f"'{inner}' lies within '{data}'", *apart)  # type: ignore[misc]  # of this round
    inner = backup / "inner"
    assert fault_of(lambda: restore_backup(backup, inner)) == (f"'{inner}' lies within '{backup}'", *apart)
    with held_file(empty / "endpoint.json", {"url": "http://127.0.0.1:1", "database": "D"}):
        assert fault_of(lambda: restore_backup(backup, empty)) == (
            f"data folder '{empty}' is served at http://127.0.0.1:1",
            "give --data another folder",
        )
    assert restore_backup(backup, empty).files == FILES


GOOD = {"format": 1, "taken_at": "2026-03-02T15:00:05+00:00", "files": {"a/b": [1, "x"]}}


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({**GOOD, "format": 2}, "another form"),
        ({**GOOD, "files": {"/etc/x": [1, "x"]}}, "another form"),
        ({**GOOD, "files": {"a/../../x": [1, "x"]}}, "another form"),
        ({**GOOD, "files": {"a": 1}}, "cannot unpack non-iterable int object"),
        ({**GOOD, "files": []}, "'list' object has no attribute 'items'"),
        ({**GOOD, "taken_at": "yesterday"}, "Invalid isoformat string: 'yesterday'"),
        ({"format": 1, "taken_at": ""}, "'files'"),
    ],
)
def test_what_does_not_describe_a_backup_says_why(tmp_path: Path, facts: dict[str, object], reason: str) -> None:
    (tmp_path / "backup.json").write_text(json.dumps(facts))
    assert fault_of(lambda: read_backup(tmp_path)) == (
        f"{tmp_path}/backup.json does not describe a backup: {reason}",
        "",
    )


def test_a_description_is_read(tmp_path: Path) -> None:
    (tmp_path / "backup.json").write_text(json.dumps(GOOD))
    assert read_backup(tmp_path) == Backup(AT, {"a/b": (1, "x")})
    for folder in (tmp_path / "none", tmp_path / "backup.json"):
        assert fault_of(lambda folder=folder: read_backup(folder)) == (  # type: ignore[misc]  # of this round
            f"'{folder}' is no backup",
            "name a folder that `tickhouse backup` has made",
        )


def test_the_commands_say_how_much_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, backup, restored = fill(tmp_path / "data", big="x" * 2_000), tmp_path / "backup", tmp_path / "restored"
    before = os.umask(0o022)
    try:
        run_backup(TargetSettings(data=data), target=backup)
        run_restore(source=backup, data=restored)
        assert os.umask(0o022) == 0o077
    finally:
        os.umask(before)
    assert capsys.readouterr() == (
        "",
        f"Backup of {data} in {backup}: 4 files, 2,017 bytes.\n"
        f"Restored {restored} as of 2026-03-02 15:00:05 UTC: 4 files, 2,017 bytes.\n",
    )


def test_an_eventhouse_in_memory_has_nothing_to_back_up_or_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    at = TargetSettings(url="http://127.0.0.1:1")
    expected = ("that Eventhouse keeps its data in memory", "name a data folder with --data")
    assert fault_of(lambda: run_backup(at, target=Path("b"))) == expected
    assert fault_of(lambda: run_check_data(at, accept=False)) == expected


@pytest.mark.parametrize("is_file", [False, True])
def test_a_folder_that_is_not_there_is_told_alike_by_both(tmp_path: Path, is_file: bool) -> None:
    missing = tmp_path / "none"
    if is_file:
        missing.touch()
    at, expected = TargetSettings(data=missing), (f"there is no data folder '{missing}'", "name one with --data")
    assert fault_of(lambda: run_check_data(at, accept=False)) == expected
    assert fault_of(lambda: run_backup(at, target=tmp_path / "b")) == expected
    assert not (tmp_path / "b").exists()


def test_only_a_folder_that_nobody_serves_is_checked(tmp_path: Path) -> None:
    with held_file(tmp_path / "endpoint.json", {"url": "http://127.0.0.1:1", "database": "D"}):
        assert fault_of(lambda: run_check_data(TargetSettings(data=tmp_path), accept=False)) == (
            f"data folder '{tmp_path}' is served at http://127.0.0.1:1",
            "end that process, or check a backup of it: `tickhouse backup`",
        )
