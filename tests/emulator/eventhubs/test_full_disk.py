"""A hub on a full disk tells its clients to come again, says so once, and goes on when there is room."""

import os
from pathlib import Path

import pytest

from emulator.eventhubs.errors import HubError, LogDamaged
from emulator.eventhubs.hubs.hub import Hub
from emulator.eventhubs.hubs.log import Log, Retention
from emulator.eventhubs.hubs.partition import Partition
from tests.disks import DISKS, no_more_files
from tests.emulator.eventhubs.events import message
from tests.emulator.eventhubs.test_log import BIG


@pytest.mark.parametrize("kind", DISKS)
async def test_a_partition_without_room_refuses_and_goes_on(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    with DISKS[kind](tmp_path / "disk") as disk:
        partition = Partition(0, Log.open(disk.folder / "log", BIG), lambda: 1000)
        await partition.append([message(b"a")])
        disk.fill()
        for _ in range(3):
            with pytest.raises(HubError, match="The events cannot be stored now") as refused:
                await partition.append([message(b"x" * 9_000)])
            assert refused.value.condition == "com.microsoft:server-busy"
        disk.free()
        await partition.append([message(b"b")])
        assert [event.body for event in partition.read(0, 10)] == [b"a", b"b"]
        await partition.close()
        again = Partition(0, Log.open(disk.folder / "log", BIG), lambda: 1000)
        assert [event.body for event in again.read(0, 10)] == [b"a", b"b"]
        await again.close()
        assert list(disk.folder.glob("log/*.torn")) == []
    # Told once that it begins, once that it is over, and no traceback.
    assert [bool(record.exc_info) for record in caplog.records] == [False, False]
    assert "come again" in caplog.records[0].message
    assert caplog.records[1].message == "partition 0: events are stored again"


async def test_a_new_segment_finds_no_room_and_later_some(tmp_path: Path) -> None:
    small = Retention(segment_size=100)
    with DISKS["disk"](tmp_path / "disk") as disk:
        partition = Partition(0, Log.open(disk.folder, small), lambda: 1000)
        for _ in range(2):
            await partition.append([message(b"x" * 200)])
        disk.fill()
        for _ in range(2):
            with pytest.raises(HubError, match="No space left on device"):
                await partition.append([message(b"y" * 9_000)])
        disk.free()
        await partition.append([message(b"z" * 200)])
        with no_more_files(), pytest.raises(HubError, match="Too many open files"):
            await partition.append([message(b"y" * 200)])
        await partition.append([message(b"w" * 200)])
        assert [event.body[:1] for event in partition.read(0, 10)] == [b"x", b"x", b"z", b"w"]
        await partition.close()


def test_what_a_failed_write_left_goes_before_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log.open(tmp_path, BIG)

    def fail(descriptor: int, size: int = 0) -> None:
        raise OSError(5, "Input/output error")

    for name in ("fdatasync", "ftruncate"):
        monkeypatch.setattr(os, name, fail)
    for _ in range(2):
        with pytest.raises(OSError, match="Input/output"):
            log.append([message(b"lost")], 1000)
    monkeypatch.undo()
    log.append([message(b"kept")], 1000)
    log.publish()
    log.close()
    again = Log.open(tmp_path, BIG)
    assert (again.begin, again.end) == (0, 1)
    assert b"kept" in again.read(0, 10)[0].payload
    again.close()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"name": "h", "partitions": "many", "created_at": 1}'])
def test_a_description_that_is_none_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "hub.json").write_text(content)
    with pytest.raises(LogDamaged, match=r"hub\.json does not describe a hub"):
        Hub.open(tmp_path, "h", 1, (), BIG)
