"""The log of a partition: durable appends, torn tails, damage, positions, retention."""

import errno
import logging
import os
from datetime import timedelta
from pathlib import Path

import pytest

from emulator.eventhubs.errors import LogDamaged, PositionExpired, PositionRejected
from emulator.eventhubs.hubs.log import Log, Retention
from emulator.eventhubs.hubs.partition import Partition
from tests.emulator.eventhubs.events import Stored, message

SMALL = Retention(timedelta(seconds=10), 1 << 40, segment_size=200)
BIG = Retention()


def append(log: Log, *payloads: bytes, time: int = 1000) -> None:
    log.append([Stored(payload) for payload in payloads], time)
    log.publish()


def payloads(log: Log, sequence: int = 0, most: int = 1000) -> list[bytes]:
    return [record.payload for record in log.read(sequence, most)]


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log"))


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "0" if request.param == "disk" else None


def test_events_have_consecutive_numbers_rising_offsets_and_times(folder: Path | None) -> None:
    log = Log.open(folder, BIG)
    append(log, b"a", b"b", time=2000)
    # A clock that goes back does not take the log with it.
    append(log, b"c", time=1000)
    records = log.read(0, 10)
    assert [(record.sequence, record.time, record.payload) for record in records] == [
        (0, 2000, b"a"),
        (1, 2000, b"b"),
        (2, 2000, b"c"),
    ]
    assert [record.offset for record in records] == [0, 33, 66]
    assert (log.last_offset, log.last_time, log.begin, log.end) == (66, 2000, 0, 3)
    log.close()


def test_reading_goes_on_where_it_stopped_across_segments(folder: Path | None) -> None:
    log = Log.open(folder, SMALL)
    expected = [str(number).encode() * 20 for number in range(100)]
    for payload in expected:
        append(log, payload)
    found: list[bytes] = []
    while len(found) < len(expected):
        found += payloads(log, len(found), 7)
    assert found == expected
    assert payloads(log, 55, 2) == expected[55:57]
    log.close()


def test_a_read_is_bounded_by_bytes_but_never_empty() -> None:
    log = Log.open(None, BIG)
    append(log, b"x" * 100, b"y" * 100, b"z" * 100)
    assert [record.payload for record in log.read(0, 10, max_bytes=150)] == [b"x" * 100, b"y" * 100]
    assert [record.payload for record in log.read(0, 10, max_bytes=1)] == [b"x" * 100]


def test_what_is_appended_is_seen_once_published() -> None:
    log = Log.open(None, BIG)
    log.append([Stored(b"a")], 1)
    assert log.read(0, 10) == []
    log.publish()
    assert payloads(log) == [b"a"]


def test_a_log_opened_again_goes_on(tmp_path: Path) -> None:
    log = Log.open(tmp_path, SMALL)
    for number in range(50):
        append(log, b"%d" % number, time=number)
    before = (log.end, log.last_offset, log.last_time)
    log.close()
    log = Log.open(tmp_path, SMALL)
    assert len(files(tmp_path)) > 5
    assert (log.end, log.last_offset, log.last_time) == before
    append(log, b"next", time=99)
    assert payloads(log) == [b"%d" % number for number in range(50)] + [b"next"]
    assert log.sequence_at_time(7, inclusive=True) == 7
    log.close()


@pytest.mark.parametrize("kept", range(1, 37))
def test_a_torn_tail_is_cut_off_and_kept_aside(tmp_path: Path, kept: int, caplog: pytest.LogCaptureFixture) -> None:
    log = Log.open(tmp_path, BIG)
    append(log, b"whole")
    size = files(tmp_path)[0].stat().st_size
    append(log, b"torn!")
    log.close()
    os.truncate(files(tmp_path)[0], size + kept)
    with caplog.at_level(logging.WARNING):
        log = Log.open(tmp_path, BIG)
    assert payloads(log) == [b"whole"]
    assert f"{kept} bytes" in caplog.text
    assert len(next(tmp_path.glob("*.torn")).read_bytes()) == kept
    append(log, b"again")
    log.close()
    log = Log.open(tmp_path, BIG)
    assert payloads(log) == [b"whole", b"again"]
    log.close()


def test_damage_in_a_full_segment_is_an_error_not_a_gap(tmp_path: Path) -> None:
    log = Log.open(tmp_path, SMALL)
    for number in range(20):
        append(log, b"%03d" % number * 10)
    log.close()
    damaged = files(tmp_path)[1]
    with damaged.open("r+b") as file:
        file.seek(107)
        file.write(b"\xff")
    log = Log.open(tmp_path, SMALL)
    with pytest.raises(LogDamaged, match=damaged.name):
        log.read(0, 1000)
    log.close()


@pytest.mark.parametrize("harm", ["shortened", "missing"])
def test_a_segment_that_lacks_events_is_refused(tmp_path: Path, harm: str) -> None:
    log = Log.open(tmp_path, SMALL)
    for number in range(20):
        append(log, b"%03d" % number * 10)
    log.close()
    if harm == "missing":
        files(tmp_path)[1].unlink()
    else:
        os.truncate(files(tmp_path)[1], 100)
    with pytest.raises(LogDamaged):
        Log.open(tmp_path, SMALL)


def test_a_failed_write_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log.open(tmp_path, BIG)
    append(log, b"before")

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fail)
        with pytest.raises(OSError, match="No space"):
            append(log, b"lost")
    append(log, b"after")
    assert [(record.sequence, record.payload) for record in log.read(0, 10)] == [(0, b"before"), (1, b"after")]
    log.close()


def test_positions_past_the_end_are_rejected(folder: Path | None) -> None:
    log = Log.open(folder, BIG)
    append(log, b"a", b"b")
    assert log.read(2, 10) == []
    with pytest.raises(PositionRejected):
        log.read(3, 10)
    assert log.sequence_at_offset(log.last_offset, inclusive=False) == 2
    assert log.sequence_at_offset(log.end_offset, inclusive=True) == 2
    with pytest.raises(PositionRejected, match="'33'"):
        log.sequence_at_offset(66, inclusive=False)
    log.close()


def test_offsets_and_times_find_their_event(folder: Path | None) -> None:
    log = Log.open(folder, SMALL)
    for number in range(600):
        append(log, b"%04d" % number, time=1000 + number // 3 * 10)
    for sequence in (0, 1, 299, 598, 599):
        record = log.read(sequence, 1)[0]
        assert log.sequence_at_offset(record.offset, inclusive=True) == sequence
        assert log.sequence_at_offset(record.offset, inclusive=False) == sequence + 1
        assert log.sequence_at_time(record.time, inclusive=True) == sequence - sequence % 3
        assert log.sequence_at_time(record.time, inclusive=False) == sequence - sequence % 3 + 3
    assert log.sequence_at_time(10**12, inclusive=True) == 600
    log.close()


def test_within_a_long_segment_events_are_found_at_once(folder: Path | None) -> None:
    log = Log.open(folder, BIG)
    log.append([Stored(b"%02d" % number * 10_000) for number in range(12)], 1000)
    for number in range(12, 24):
        append(log, b"%02d" % number * 10_000, time=1000 + number // 3 * 10)
    if folder is not None:
        # A full segment is read only when it is asked.
        append(log, b"next", time=10**10)
        log.close()
        log = Log.open(folder, BIG)
    offsets = [record.offset for record in log.read(0, 24, 1 << 30)]
    assert offsets == [number * 20_032 for number in range(24)]
    for sequence, offset in enumerate(offsets):
        assert log.read(sequence, 1)[0].payload == b"%02d" % sequence * 10_000
        assert log.sequence_at_offset(offset, inclusive=True) == sequence
        assert log.sequence_at_offset(offset + 1, inclusive=True) == sequence + 1
    assert [log.sequence_at_time(time, inclusive=True) for time in (0, 1000, 1001, 1040, 1041, 1070)] == [
        0,
        0,
        12,
        12,
        15,
        21,
    ]
    log.close()


@pytest.mark.parametrize(("size", "events"), [(66, [0, 2, 4]), (67, [0, 3])])
def test_a_segment_is_full_when_it_has_its_size(tmp_path: Path, size: int, events: list[int]) -> None:
    log = Log.open(tmp_path, Retention(segment_size=size))
    for _ in range(5):
        append(log, b"x")  # 33 bytes
    log.close()
    assert [int(path.stem.partition("-")[0]) for path in files(tmp_path)] == events


def test_a_segment_is_full_when_it_spans_more_than_a_quarter_of_the_age(tmp_path: Path) -> None:
    log = Log.open(tmp_path, Retention(timedelta(seconds=40)))
    for time in (1_000, 11_000, 11_001, 21_001, 21_002):
        append(log, b"x", time=time)
    log.close()
    assert [int(path.stem.partition("-")[0]) for path in files(tmp_path)] == [0, 2, 4]


def test_events_go_when_they_are_older_than_asked_and_not_before(folder: Path | None) -> None:
    log = Log.open(folder, SMALL)
    append(log, b"x" * 200, time=1_000)
    append(log, b"y" * 200, time=2_000)
    assert (log.expire(now=11_000), log.begin) == (0, 0)
    assert (log.expire(now=11_001), log.begin) == (1, 1)
    log.close()


@pytest.mark.parametrize(("size", "begin"), [(464, 0), (463, 1), (232, 1), (231, 2)])
def test_of_full_segments_those_stay_that_fit_into_the_size(folder: Path | None, size: int, begin: int) -> None:
    log = Log.open(folder, Retention(timedelta(days=1), size=size, segment_size=200))
    for _ in range(2):
        append(log, b"x" * 200)  # 232 bytes
    log._roll(log._segments[-1])
    log.expire(now=1_000)
    assert log.begin == begin
    log.close()


@pytest.mark.parametrize(
    ("events", "size", "expected"), [(2, 1 << 20, b"ab"), (9, 1, b"a"), (9, 2, b"ab"), (0, 1 << 20, b""), (9, 0, b"")]
)
def test_a_read_ends_with_its_number_or_its_bytes(events: int, size: int, expected: bytes) -> None:
    log = Log.open(None, BIG)
    append(log, b"a", b"b", b"c")
    assert b"".join(record.payload for record in log.read(0, events, size)) == expected


def test_retention_by_age_removes_whole_segments(folder: Path | None) -> None:
    log = Log.open(folder, SMALL)
    for number in range(30):
        append(log, b"x" * 50, time=number * 1000)
    assert log.expire(now=29_000) > 0
    kept = log.read(log.begin, 100)
    assert kept[0].time <= 29_000 - 10_000
    assert kept[-1].sequence == 29
    with pytest.raises(PositionExpired) as gone:
        log.read(0, 1)
    assert gone.value.begin == log.begin
    # What a client asks for by an old offset starts with what is left.
    assert log.sequence_at_offset(0, inclusive=True) == log.begin
    log.close()


def test_events_stay_little_longer_than_asked_however_few_come(folder: Path | None) -> None:
    log = Log.open(folder, Retention(timedelta(seconds=40), size=1 << 30, segment_size=1 << 20))
    for number in range(100):
        append(log, b"x", time=number * 1000)
        log.expire(now=number * 1000)
    assert 99 - 40 - 11 <= log.begin <= 99 - 40
    log.close()


def test_events_go_also_where_nothing_more_comes(folder: Path | None) -> None:
    retention = Retention(timedelta(seconds=40), size=1 << 30, segment_size=1 << 20)
    log = Log.open(folder, retention)
    append(log, b"a", b"b", time=1000)
    assert log.expire(now=41_000) == 0
    assert payloads(log) == [b"a", b"b"]
    assert log.expire(now=41_001) == 1
    assert (log.begin, log.end, log.last_time, log.last_offset) == (2, 2, 1000, 33)
    assert log.read(2, 10) == []
    assert log.expire(now=1_000_000) == 0
    if folder is not None:
        log.close()
        log = Log.open(folder, retention)
    append(log, b"c", time=1_000_000)
    (record,) = log.read(log.begin, 10)
    assert (record.sequence, record.offset, record.payload) == (2, 66, b"c")
    log.close()


def test_retention_by_size_keeps_the_newest(folder: Path | None) -> None:
    log = Log.open(folder, Retention(timedelta(days=1), size=1000, segment_size=200))
    for _ in range(100):
        append(log, b"x" * 50)
        log.expire(now=1000)
    assert 8 <= log.end - log.begin <= 20
    log.close()
    if folder is not None:
        assert len(files(folder)) <= 6


async def test_a_disk_that_refuses_retention_does_not_stop_the_partition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = Log.open(tmp_path, BIG)
    partition = Partition(0, log, lambda: 1000)

    def refuse(now: int) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log, "expire", refuse)
    await partition.append([message(b"a")])
    partition.expire()
    await partition.append([message(b"b")])
    assert [event.body for event in partition.read(0, 10)] == [b"a", b"b"]
    await partition.close()
    assert "retention cannot be applied" in caplog.text
