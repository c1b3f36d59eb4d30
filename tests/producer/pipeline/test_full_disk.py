"""A disk without room holds a producer back: nothing is lost or overtaken, and it goes on by itself."""

import asyncio
import logging
import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from cli.status.liveness import describe_state, is_running
from producer.durable_files import HeldFile, is_held
from producer.errors import Transient
from producer.pipeline.batching import BatchLimits
from producer.pipeline.dead_letters import DeadLetters
from producer.pipeline.delivery import DeliverySettings
from producer.pipeline.pipeline import Pipeline, PipelineSettings
from producer.pipeline.spool import Spool, SpoolFull, SpoolUnreadable
from producer.pipeline.status import StatusMeter, read_status, report_status
from tests.disks import DISKS, no_more_files
from tests.producer.clock import START, ManualClock, move_until, seeded, settle
from tests.producer.pipeline.test_spool import batch, taken
from tests.producer.scripted import ListSink, ScriptedSource, make_trade


@pytest.mark.parametrize("kind", DISKS)
def test_a_spool_without_room_takes_nothing_and_goes_on_where_it_was(tmp_path: Path, kind: str) -> None:
    with DISKS[kind](tmp_path / "disk") as disk:
        with Spool(disk.folder / "spool") as spool:
            spool.append(batch(0))
            disk.fill()
            for number in range(3):
                with pytest.raises(SpoolFull, match="the disk takes no more"):
                    spool.append(batch(number, 500))
            disk.free()
            spool.append(batch(1))
        with Spool(disk.folder / "spool") as spool:
            assert list(taken(spool)) == [batch(0), batch(1)]


def test_a_spool_that_cannot_take_back_half_a_batch_writes_over_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        # From here on nothing can be taken back either.
        monkeypatch.setattr("os.ftruncate", lambda descriptor, size: fail(descriptor))
        raise OSError(5, "Input/output error")

    with Spool(tmp_path) as spool:
        spool.append(batch(0))
        monkeypatch.setattr("os.fdatasync", fail)
        for _ in range(2):
            with pytest.raises(SpoolFull):
                spool.append(batch(1))
        monkeypatch.undo()
        spool.append(batch(2))
    with Spool(tmp_path) as spool:
        assert list(taken(spool)) == [batch(0), batch(2)]


@pytest.mark.parametrize("kind", DISKS)
def test_a_new_segment_finds_no_room_and_later_some(tmp_path: Path, kind: str) -> None:
    with DISKS[kind](tmp_path / "disk") as disk, Spool(disk.folder / "spool") as spool:
        disk.fill()
        with pytest.raises(SpoolFull):
            spool.append(batch(0, 5_000))
        disk.free()
        spool.append(batch(1))
        assert list(taken(spool)) == [batch(1)]


def test_what_is_delivered_is_forgotten_on_a_full_disk_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with DISKS["disk"](tmp_path / "disk") as disk:
        with Spool(disk.folder) as spool:
            for number in range(4):
                spool.append(batch(number))
            disk.fill()
            for number in range(2):
                spooled = spool.peek()
                assert spooled is not None
                assert spooled.payloads == batch(number)
                spool.commit(spooled)
            assert (spool.batches, spool.trades) == (2, 4)
        assert [record.message.partition(": ")[2] for record in caplog.records] == [
            "how far it is delivered cannot be noted: [Errno 28] No space left on device"
        ]
        with Spool(disk.folder) as spool:
            # Nothing is lost; that some come once more is known by their event ids.
            assert list(taken(spool)) == [batch(number) for number in range(4)]
        disk.free()
        with Spool(disk.folder) as spool:
            spool.append(batch(4))
            assert list(taken(spool)) == [batch(number) for number in range(5)]
        with Spool(disk.folder) as spool:
            assert spool.is_empty


def test_a_spool_without_a_file_to_open_says_so(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.append(batch(0))
        spooled = spool.peek()
        assert spooled is not None
        with no_more_files():
            with pytest.raises(SpoolUnreadable, match="Too many open files"):
                spool.peek()
            with pytest.raises(SpoolUnreadable, match="Too many open files"):
                spool.commit(spooled)
        assert list(taken(spool)) == [batch(0)]


@pytest.mark.parametrize("kind", DISKS)
async def test_no_trade_is_lost_while_sink_and_disk_refuse(tmp_path: Path, kind: str) -> None:
    clock, sink = ManualClock(), ListSink()
    trades = [make_trade(number) for number in range(40)]
    with DISKS[kind](tmp_path / "disk") as disk, Spool(disk.folder / "spool") as spool:
        settings = PipelineSettings(
            limits=BatchLimits(count=5), queue_capacity=10, delivery=DeliverySettings(direct_attempts=1)
        )
        source = ScriptedSource(clock, list(trades))
        running = Pipeline(source, sink, clock, settings, seeded(1), spool=spool)
        sink.fault = Transient("down")
        disk.fill()
        run = asyncio.create_task(running.run())
        await move_until(clock, lambda: "the disk takes no more" in running.counters.last_error, 1.0)
        await clock.advance(30.0)
        assert not run.done()
        assert running.counters.received < 20, "the source is held back"
        disk.free()
        await move_until(clock, lambda: running.counters.spooled > 0, 1.0)
        with no_more_files():
            await clock.advance(30.0)
        assert not run.done()
        sink.fault = None
        await move_until(clock, run.done, 1.0)
        assert (await run).unsent == 0
    assert sink.events == [trade.event_id for trade in trades]


async def test_a_status_waits_for_room_and_leaves_nothing_beside_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock()
    with DISKS["disk"](tmp_path / "disk") as disk:
        path = disk.folder / "producer.json"
        running = Pipeline(ScriptedSource(clock, []), ListSink(), clock, PipelineSettings(), seeded(1))
        task = asyncio.create_task(report_status(StatusMeter(running, clock), path, clock))
        await settle()
        disk.fill()
        await clock.advance(5.0)
        assert read_status(path).at == START
        assert sorted(each.name for each in disk.folder.iterdir()) == ["filler", "producer.json"]
        disk.free()
        await clock.advance(5.0)
        assert read_status(path).at == START + timedelta(seconds=10)
        task.cancel()
        await asyncio.wait({task})
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_a_copied_status_and_one_of_a_killed_process_do_not_run(tmp_path: Path) -> None:
    clock, path = ManualClock(), tmp_path / "producer.json"
    left = tmp_path / ".producer.json.0123456789abcdef"
    left.write_bytes(b"what a killed process was writing")
    running = Pipeline(ScriptedSource(clock, []), ListSink(), clock, PipelineSettings(), seeded(1))
    status = StatusMeter(running, clock).look()
    file = HeldFile(path)
    file.write(b"{}")
    assert is_running(status, path, clock.now())
    assert not is_running(status, Path(shutil.copy(path, tmp_path / "copy.json")), clock.now())
    late = clock.now() + timedelta(seconds=16)
    assert not is_running(status, path, late)
    assert describe_state(status, path, late) == (
        f"process {os.getpid()} stands still, or its disk is full; last heard of 16 s ago"
    )
    file.write(b"{}")
    assert is_held(path)
    file.close()
    assert not is_running(status, path, clock.now())
    assert describe_state(status, path, late) == "not running; last heard of 16 s ago"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["copy.json", "producer.json"]


def test_a_dead_letter_without_room_is_in_the_log_and_the_next_one_on_a_line_of_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with DISKS["file size"](tmp_path) as disk:
        letters = DeadLetters(tmp_path / "letters.jsonl", ManualClock())
        letters.write("a", "first", "x")
        disk.fill()
        letters.write("b", "no room", "y")
        disk.free()
        letters.write("c", "third", "z")
    lines = (tmp_path / "letters.jsonl").read_text().splitlines()
    assert [line.partition('"reason":"')[2].partition('"')[0] for line in lines] == ["first", "third"]
    assert '"reason":"no room"' in caplog.text
