"""Batches on disk: order, bounds, and what is left after a crash."""

import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from producer.errors import BadData
from producer.pipeline.spool import Spool, SpoolFull, SpoolSettings

ROOT = Path(__file__).resolve().parents[3]
SMALL = SpoolSettings(segment_bytes=100, limit_bytes=1_000)


def batch(number: int, count: int = 2) -> list[bytes]:
    return [f'{{"n":{number},"k":{each}}}'.encode() for each in range(count)]


def taken(spool: Spool) -> Iterator[list[bytes]]:
    while spooled := spool.peek():
        yield list(spooled.payloads)
        spool.commit(spooled)


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.spool"))


def test_batches_come_out_in_order_and_then_there_are_none(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        for number in range(5):
            spool.append(batch(number, number + 1))
        assert (spool.batches, spool.trades, spool.is_empty) == (5, 15, False)
        assert list(taken(spool)) == [batch(number, number + 1) for number in range(5)]
        assert (spool.batches, spool.trades, spool.size_bytes, spool.is_empty) == (0, 0, 0, True)
        assert spool.peek() is None


def test_what_was_not_committed_is_there_in_the_next_run(tmp_path: Path) -> None:
    with Spool(tmp_path, SMALL) as spool:
        for number in range(10):
            spool.append(batch(number))
        for _ in range(4):
            spooled = spool.peek()
            assert spooled
            spool.commit(spooled)
    with Spool(tmp_path, SMALL) as spool:
        assert (spool.batches, spool.trades) == (6, 12)
        spool.append(batch(10))
        assert list(taken(spool)) == [batch(number) for number in range(4, 11)]
    with Spool(tmp_path, SMALL) as spool:
        assert spool.is_empty
        spool.append(batch(11))
        assert list(taken(spool)) == [batch(11)], "numbers go on where they were"


@pytest.mark.slow
def test_delivered_segments_are_deleted(tmp_path: Path) -> None:
    with Spool(tmp_path, SMALL) as spool:
        for number in range(10):
            spool.append(batch(number))
        assert len(segments(tmp_path)) > 2
        list(taken(spool))
        assert len(segments(tmp_path)) == 1
        for number in range(200):
            spool.append(batch(number))
            list(taken(spool))
        assert len(segments(tmp_path)) == 1
    assert segments(tmp_path)[0].stat().st_size < 400


def test_a_full_spool_takes_nothing_and_loses_nothing(tmp_path: Path) -> None:
    with Spool(tmp_path, SpoolSettings(limit_bytes=100)) as spool:
        spool.append(batch(0, 3))
        with pytest.raises(SpoolFull, match="holds 61 bytes"):
            spool.append(batch(1, 3))
        assert list(taken(spool)) == [batch(0, 3)]
        spool.append(batch(1, 20))
        assert list(taken(spool)) == [batch(1, 20)], "a batch larger than the limit goes alone"


def test_a_full_disk_is_a_full_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with Spool(tmp_path) as spool:
        spool.append(batch(0))
        monkeypatch.setattr(os, "fdatasync", refuse)
        with pytest.raises(SpoolFull, match="No space left"):
            spool.append(batch(1))
        monkeypatch.undo()
        spool.append(batch(2))
        assert list(taken(spool)) == [batch(0), batch(2)]


@pytest.mark.parametrize("cut", [1, 5, 19, 21])
def test_a_torn_record_at_the_end_is_cut_off(tmp_path: Path, cut: int) -> None:
    with Spool(tmp_path) as spool:
        for number in range(3):
            spool.append(batch(number))
    (segment,) = segments(tmp_path)
    os.truncate(segment, segment.stat().st_size - cut)
    with Spool(tmp_path) as spool:
        spool.append(batch(3))
        assert list(taken(spool)) == [batch(0), batch(1), batch(3)]


def test_a_changed_byte_of_the_last_segment_is_no_torn_record(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        for number in range(3):
            spool.append(batch(number))
    (segment,) = segments(tmp_path)
    content = bytearray(segment.read_bytes())
    content[80] ^= 1
    segment.write_bytes(content)
    with Spool(tmp_path) as spool:
        assert list(taken(spool)) == [batch(0)]
    assert segment.with_suffix(".damaged").read_bytes() == bytes(content[47:])


def test_a_changed_byte_is_noticed_and_what_cannot_be_read_is_put_aside(tmp_path: Path) -> None:
    with Spool(tmp_path, SMALL) as spool:
        for number in range(10):
            spool.append(batch(number))
    first = segments(tmp_path)[0]
    content = bytearray(first.read_bytes())
    content[60] ^= 1
    first.write_bytes(content)
    with Spool(tmp_path, SMALL) as spool:
        found = list(taken(spool))
    assert found[0] == batch(0)
    assert batch(1) not in found
    assert found[-1] == batch(9)
    assert first.with_suffix(".damaged").read_bytes() == bytes(content[47:])


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 12])
def test_a_lost_cursor_hands_out_again_what_is_still_there(tmp_path: Path, content: bytes) -> None:
    with Spool(tmp_path) as spool:
        for number in range(3):
            spool.append(batch(number))
        spooled = spool.peek()
        assert spooled
        spool.commit(spooled)
    (tmp_path / "cursor").write_bytes(content)
    with Spool(tmp_path) as spool:
        assert list(taken(spool)) == [batch(0), batch(1), batch(2)]


def test_a_folder_belongs_to_one_process(tmp_path: Path) -> None:
    with Spool(tmp_path), pytest.raises(BadData, match="in use by another process"):
        Spool(tmp_path)
    Spool(tmp_path).close()


def test_only_the_oldest_batch_can_be_committed(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.append(batch(0))
        oldest = spool.peek()
        assert oldest
        spool.commit(oldest)
        spool.append(batch(1))
        with pytest.raises(ValueError, match="the oldest batch is 2, not 1"):
            spool.commit(oldest)


def test_small_batches_are_handed_out_joined_within_limits(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        for number in range(7):
            spool.append(batch(number))
        joined = spool.peek(count=6, size_bytes=1_000)
        assert joined
        assert joined.payloads == [*batch(0), *batch(1), *batch(2)]
        spool.commit(joined)
        assert (spool.batches, spool.trades) == (4, 8)
        size = len(b"\n".join([*batch(3), *batch(4)]))
        by_size = spool.peek(count=100, size_bytes=size)
        assert by_size
        assert by_size.payloads == [*batch(3), *batch(4)]
        too_small = spool.peek(count=1, size_bytes=size - 1)
        assert too_small
        assert too_small.payloads == batch(3), "one batch is handed out whatever its size"
        spool.append(batch(7))
        spool.commit(by_size)
        with pytest.raises(ValueError, match="the oldest batch is 6, not 4"):
            spool.commit(by_size)
    with Spool(tmp_path) as spool:
        assert list(taken(spool)) == [batch(5), batch(6), batch(7)]


def test_joined_batches_end_with_their_segment(tmp_path: Path) -> None:
    with Spool(tmp_path, SMALL) as spool:
        for number in range(10):
            spool.append(batch(number))
        found = []
        while joined := spool.peek(count=1_000, size_bytes=10_000):
            found.append(list(joined.payloads))
            spool.commit(joined)
    assert [payload for payloads in found for payload in payloads] == [
        payload for number in range(10) for payload in batch(number)
    ]
    assert 1 < len(found) < 10


@pytest.mark.slow
def test_what_is_on_disk_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fdatasync", lambda _: None)
    with Spool(tmp_path) as spool:
        spool.append(batch(0))
        tracemalloc.start()
        try:
            for number in range(5_000):
                spool.append(batch(number % 10))
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert spool.batches == 5_001
    assert kept < 20_000, "less than four bytes for each batch"


APPENDING = """
import sys
from pathlib import Path
from producer.pipeline.spool import Spool, SpoolSettings

with Spool(Path(sys.argv[1]), SpoolSettings(segment_bytes=20_000)) as spool:
    for number in range(10**9):
        spool.append([b'{"n":%d}' % number] * 50)
        print(number, flush=True)
        if number % 3 == 2:
            spool.commit(spool.peek())
"""


@pytest.mark.slow
def test_a_killed_process_loses_nothing_it_was_told_is_safe(tmp_path: Path) -> None:
    for _ in range(3):
        command = [sys.executable, "-c", APPENDING, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            assert process.stdout
            for _ in range(100):
                acknowledged = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            acknowledged = max([acknowledged, *(int(line) for line in process.stdout if line.endswith("\n"))])
        with Spool(tmp_path) as spool:
            found = [payloads[0] for payloads in taken(spool)]
        numbers = [int(payload[5:-1]) for payload in found]
        assert numbers == list(range(numbers[0], numbers[-1] + 1)), "in order and without a gap"
        assert numbers[-1] in (acknowledged, acknowledged + 1), "and nothing beyond the one under way"
        assert numbers[0] <= (acknowledged + 1) // 3 + 1, "only what was committed is gone"
