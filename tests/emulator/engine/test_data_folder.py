"""What the machine does to a data folder: a disk without room, files that are missing, folders that cannot be used."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from emulator import Eventhouse
from emulator.engine.data_folder import log
from emulator.engine.data_folder.log_form import entry_ends
from emulator.errors import DiskFull, KustoError
from tests.disks import DISKS, no_more_files

# Each opens several Eventhouses.
pytestmark = pytest.mark.slow

ROWS = 200


@pytest.fixture
def folds_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "FOLDED_AT", 1 << 16)
    monkeypatch.setattr(log, "_ROOM", 0)


def opened(folder: Path) -> Eventhouse:
    eventhouse = Eventhouse.open(folder)
    eventhouse.command(".create-merge table T (Batch: long, Text: string)")
    return eventhouse


def batch(number: int, rows: int = ROWS) -> bytes:
    return b"\n".join(b'{"Batch": %d, "Text": "%s"}' % (number, os.urandom(30).hex().encode()) for _ in range(rows))


def ingest(eventhouse: Eventhouse, number: int, rows: int = ROWS) -> None:
    eventhouse.ingest("T", batch(number, rows), format="json")


def stored(eventhouse: Eventhouse) -> dict[object, object]:
    rows = eventhouse.query("T | summarize Rows = count() by Batch | sort by Batch asc")[0].records()
    return {row["Batch"]: row["Rows"] for row in rows}


def fill_by_ingesting(eventhouse: Eventhouse, first: int) -> tuple[list[int], DiskFull]:
    """Ingest until the disk takes no more; return the batches that were acknowledged, and the fault."""
    kept: list[int] = []
    for number in range(first, first + 1_000):
        try:
            ingest(eventhouse, number)
        except DiskFull as fault:
            return kept, fault
        kept.append(number)
    raise AssertionError("the disk has room for all")


@pytest.mark.parametrize("kind", DISKS)
def test_nothing_acknowledged_is_lost_on_a_full_disk_and_it_goes_on(tmp_path: Path, kind: str) -> None:
    with DISKS[kind](tmp_path / "disk", "2m") as disk:
        eventhouse = opened(disk.folder / "data")
        ingest(eventhouse, 0)
        disk.fill()
        kept, fault = fill_by_ingesting(eventhouse, 1)
        assert (fault.code, fault.permanent, fault.http_status) == ("TH_DiskFull", False, 503)
        assert re.fullmatch(
            r"There is no space left on the disk of the data folder \(fault [0-9a-f-]{36}\)", fault.message
        )
        assert stored(eventhouse) == dict.fromkeys([0, *kept], ROWS), "readers go on"
        disk.free()
        ingest(eventhouse, 5_000)
        eventhouse.close()
        again = Eventhouse.open(disk.folder / "data")
        assert stored(again) == dict.fromkeys([0, *kept, 5_000], ROWS)
        again.close()


def test_a_new_folder_on_a_full_disk_is_not_damaged(tmp_path: Path) -> None:
    with DISKS["disk"](tmp_path / "disk") as disk:
        (disk.folder / "data").mkdir()
        disk.fill()
        with pytest.raises(DiskFull):
            Eventhouse.open(disk.folder / "data")
        disk.free()
        opened(disk.folder / "data").close()


def test_a_folder_that_is_full_opens_and_reads(tmp_path: Path) -> None:
    with DISKS["disk"](tmp_path / "disk") as disk:
        eventhouse = opened(tmp_path / "data")
        ingest(eventhouse, 0)
        # As a kill leaves it: with a log.
        shutil.copytree(tmp_path / "data", disk.folder / "data")
        eventhouse.close()
        disk.fill()
        again = Eventhouse.open(disk.folder / "data")
        assert stored(again) == {0: ROWS}
        with pytest.raises(DiskFull):
            ingest(again, 1, 5_000)
        disk.free()
        ingest(again, 2)
        assert stored(again) == {0: ROWS, 2: ROWS}
        again.close()


@pytest.mark.usefixtures("folds_early")
def test_the_log_waits_for_room_to_be_folded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(log, "_ROOM", 1 << 50)
    eventhouse = opened(tmp_path)
    for number in range(10):
        ingest(eventhouse, number)
    grown = (tmp_path / "eventhouse.duckdb.wal").stat().st_size
    assert grown > 2 << 16
    assert len(caplog.records) == 1
    assert "waits for room to be folded" in caplog.text
    monkeypatch.setattr(log, "_ROOM", 0)
    ingest(eventhouse, 10)
    assert not (tmp_path / "eventhouse.duckdb.wal").exists()
    eventhouse.close()


@pytest.mark.usefixtures("folds_early")
@pytest.mark.parametrize("kind", DISKS)
def test_a_fold_that_fails_all_the_same_opens_the_database_again(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # The room is gone between the look and the fold.
    monkeypatch.setattr(log, "_ROOM", -(1 << 50))
    with DISKS[kind](tmp_path / "disk", "4m") as disk:
        eventhouse = opened(disk.folder / "data")
        eventhouse.command(".create materialized-view V on table T { T | summarize Rows = count() by Batch }")
        kept = []
        for number in range(8):
            ingest(eventhouse, number)
            kept.append(number)
        disk.fill()
        more, _ = fill_by_ingesting(eventhouse, 100)
        kept += more
        with suppress(DiskFull):
            ingest(eventhouse, 2_000, 1)
            kept.append(2_000)
        found = stored(eventhouse)
        assert {number: rows for number, rows in found.items() if number != 2_000} == dict.fromkeys(
            [number for number in kept if number != 2_000], ROWS
        )
        disk.free()
        ingest(eventhouse, 3_000)
        kept.append(3_000)
        assert sorted(stored(eventhouse)) == kept  # type: ignore[type-var]  # numbers
        view = eventhouse.query("V | sort by Batch asc")[0].records()
        assert {row["Batch"]: row["Rows"] for row in view} == stored(eventhouse)
        eventhouse.close()
        again = Eventhouse.open(disk.folder / "data")
        assert sorted(stored(again)) == kept  # type: ignore[type-var]  # numbers
        again.close()


def test_queries_go_on_when_the_engine_has_given_up(tmp_path: Path) -> None:
    with DISKS["disk"](tmp_path / "disk") as disk:
        eventhouse = opened(disk.folder / "data")
        ingest(eventhouse, 0)
        disk.fill()
        with eventhouse._core.cursor() as cursor, suppress(Exception):
            cursor.checkpoint()
        assert stored(eventhouse) == {0: ROWS}
        disk.free()
        ingest(eventhouse, 1)
        assert stored(eventhouse) == {0: ROWS, 1: ROWS}
        eventhouse.close()


@pytest.mark.usefixtures("folds_early")
def test_an_eventhouse_without_a_file_to_open_goes_on(tmp_path: Path) -> None:
    eventhouse = opened(tmp_path / "data")
    kept = []
    with no_more_files():
        for number in range(10):
            with suppress(KustoError):
                ingest(eventhouse, number)
                kept.append(number)
        with pytest.raises(KustoError) as refused:
            Eventhouse.open(tmp_path / "other")
    assert refused.value.code == "TH_FolderUnusable"
    assert "Too many open files" in refused.value.message
    ingest(eventhouse, 10)
    assert stored(eventhouse) == dict.fromkeys([*kept, 10], ROWS)
    eventhouse.close()


def flip(path: Path, position: int) -> bytes:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    return bytes(content)


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Path]:
    """A folder as a killed process leaves it: one batch in the file, two in the log."""
    eventhouse = opened(tmp_path / "running")
    ingest(eventhouse, 0)
    eventhouse.close()
    eventhouse = Eventhouse.open(tmp_path / "running")
    for number in (1, 2):
        ingest(eventhouse, number)
    shutil.copytree(tmp_path / "running", tmp_path / "killed")
    yield tmp_path / "killed"
    eventhouse.close()


def test_a_copy_is_an_eventhouse_of_its_own(killed: Path) -> None:
    copy = Eventhouse.open(killed)
    ingest(copy, 3)
    assert stored(copy) == dict.fromkeys(range(4), ROWS)
    copy.close()


@pytest.mark.parametrize(
    "harm", ["log missing", "log short", "log empty", "file missing", "both missing", "file older"]
)
def test_what_is_missing_is_missed(killed: Path, harm: str) -> None:
    file, wal = killed / "eventhouse.duckdb", killed / "eventhouse.duckdb.wal"
    older = file.read_bytes()
    match harm:
        case "log missing":
            wal.unlink()
        case "log short":
            os.truncate(wal, wal.stat().st_size // 2)
        case "log empty":
            os.truncate(wal, 0)
        case "log begins elsewhere":
            flip(wal, 0)
        case "entry too long":
            # DuckDB takes it for the torn end of a crash.
            flip(wal, entry_ends(killed)[1] + 4)
        case "file missing":
            file.unlink()
        case "both missing":
            file.unlink()
            wal.unlink()
        case "file older":
            Eventhouse.open(killed).close()
            file.write_bytes(older)
    before = sorted(each.name for each in killed.iterdir())
    for _ in range(2):
        with pytest.raises(KustoError, match="is not complete: ") as refused:
            Eventhouse.open(killed)
        assert refused.value.code == "TH_DataMissing"
        assert (" to 20" in refused.value.message) == (harm not in ("file missing", "both missing"))
    assert sorted(each.name for each in killed.iterdir()) == before


def test_a_log_without_its_file_is_not_an_empty_folder(killed: Path) -> None:
    # Of an earlier version, without a record of commits.
    (killed / "eventhouse.commits").unlink()
    (killed / "eventhouse.duckdb").unlink()
    with pytest.raises(KustoError, match=r"'eventhouse\.duckdb' is missing, and with it all that was stored\."):
        Eventhouse.open(killed)


def test_a_folder_without_a_record_opens(killed: Path) -> None:
    (killed / "eventhouse.commits").write_bytes(b"half")
    again = Eventhouse.open(killed)
    assert stored(again) == dict.fromkeys(range(3), ROWS)
    again.close()


def test_a_damaged_log_is_named_and_left_alone(killed: Path) -> None:
    wal = killed / "eventhouse.duckdb.wal"
    content = flip(wal, entry_ends(killed)[1] + 60)
    with pytest.raises(KustoError) as refused:
        Eventhouse.open(killed)
    assert refused.value.code == "TH_FolderDamaged"
    assert "check-data" in refused.value.hint
    assert "\n" not in refused.value.message
    assert wal.read_bytes() == content


def test_a_data_folder_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "data"
    eventhouse = opened(folder)
    assert oct(folder.stat().st_mode & 0o777) == "0o700"
    modes = {each.name: oct(each.stat().st_mode & 0o777) for each in folder.iterdir() if each.suffix != ".wal"}
    assert modes == dict.fromkeys(modes, "0o600")
    eventhouse.close()


@pytest.mark.parametrize("harm", ["a file", "below a file", "lock", "database", "loop", "too long"])
def test_a_folder_that_cannot_be_used_says_why(tmp_path: Path, harm: str) -> None:
    folder = tmp_path / "data"
    reason = "Is a directory"
    match harm:
        case "a file":
            folder.write_text("")
            reason = "File exists"
        case "below a file":
            folder.write_text("")
            folder, reason = folder / "data", "Not a directory"
        case "lock":
            (folder / "eventhouse.lock").mkdir(parents=True)
        case "database":
            (folder / "eventhouse.duckdb").mkdir(parents=True)
        case "loop":
            folder.symlink_to(folder)
            reason = "File exists"
        case "too long":
            folder, reason = tmp_path / ("x" * 300), "File name too long"
    with pytest.raises(KustoError, match=f"cannot be used: {reason}") as refused:
        Eventhouse.open(folder)
    assert refused.value.code == "TH_FolderUnusable"


def test_a_read_only_disk_is_not_damaged(tmp_path: Path) -> None:
    with DISKS["disk"](tmp_path / "disk") as disk:
        opened(disk.folder / "data").close()
        subprocess.run(["mount", "-o", "remount,ro", str(disk.folder)], check=True)
        with pytest.raises(KustoError, match="cannot be used: Read-only file system") as refused:
            Eventhouse.open(disk.folder / "data")
        assert refused.value.code == "TH_FolderUnusable"
