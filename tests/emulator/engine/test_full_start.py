"""An Eventhouse is opened on a disk without room: it answers, stores nothing, and goes on when there is room."""

from pathlib import Path

import pytest

from emulator import Eventhouse
from emulator.engine.data_folder.opening import LOG_FILE
from emulator.errors import DiskFull
from tests.disks import small_disk

pytestmark = pytest.mark.slow


def test_what_is_stored_is_answered_from_a_disk_without_room(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # So large that the log is folded in closing, and its file is to be made anew.
    with small_disk(tmp_path / "disk", "64m") as disk:
        folder = disk.folder / "data"
        opened = Eventhouse.open(folder)
        opened.command(".create table T (A: long)")
        opened.command(".create materialized-view V on table T { T | summarize N = count() by A }")
        opened.command(".create materialized-view W on table T { T | summarize N = sum(A) }")
        opened.ingest("T", b"1\n2\n", format="csv")
        opened.close()
        assert not (folder / LOG_FILE).exists()
        disk.fill()
        again = Eventhouse.open(folder)
        told = [record.getMessage() for record in caplog.records if "is full" in record.getMessage()]
        assert told == ["the disk is full: what is stored can be read, and nothing is stored until there is room"]
        with pytest.raises(DiskFull):
            again.ingest("T", b"3\n", format="csv")
        with pytest.raises(DiskFull):
            again.command(".create table U (A: long)")
        assert answers(again) == ([(1,), (2,)], [(1, 1), (2, 1)], [(3,)])
        disk.free()
        assert again.ingest("T", b"3\n", format="csv") == 1
        assert answers(again) == ([(1,), (2,), (3,)], [(1, 1), (2, 1), (3, 1)], [(6,)])
        again.close()


def answers(eventhouse: Eventhouse) -> tuple[list[tuple[object, ...]], ...]:
    return tuple(sorted(eventhouse.query(text)[0].rows()) for text in ("T", "V", "W"))
