"""What is read of a write-ahead log without DuckDB, on logs that a test writes: their header, and where entries end."""

import struct
from pathlib import Path

import pytest

from emulator.engine.data_folder.log_form import entry_ends, first_damage
from emulator.engine.data_folder.opening import LOG_FILE


def field(number: int) -> bytes:
    return number.to_bytes(2, "little")


def header(
    kind: int = 98, version: int = 2, length: int = 16, checkpoint: bytes = b"\x07", end: bytes = b"\xff\xff"
) -> bytes:
    # The bytes of the identifier are numbers of one byte or two.
    identifier = b"\x85\x01" + b"\x05" * (length - 1)
    return (
        field(100) + bytes((kind,)) + field(101) + bytes((version,))
        + field(102) + bytes((length,)) + identifier + field(103) + checkpoint + end
    )  # fmt: skip


def entry(size: int) -> bytes:
    return struct.pack("<QQ", size, 0) + b"e" * size


HEADER = header()
START = len(HEADER)


def written(folder: Path, data: bytes) -> Path:
    (folder / LOG_FILE).write_bytes(data)
    return folder


@pytest.mark.parametrize(
    ("data", "ends"),
    [
        (HEADER, [START]),
        (HEADER + entry(5), [START, START + 21]),
        (HEADER + entry(5) + entry(1), [START, START + 21, START + 38]),
        (HEADER + entry(5) + entry(9)[:-1], [START, START + 21]),
        (HEADER + entry(5) + entry(9)[:16], [START, START + 21]),
        (HEADER + entry(5) + entry(9)[:15], [START, START + 21]),
        # What is all zeros is no entry, and nothing is behind it.
        (HEADER + entry(0) + entry(5), [START]),
        # A checkpoint counts on in more bytes.
        (header(checkpoint=b"\x80\x01"), [START + 1]),
        (header(checkpoint=b"\x80" * 9 + b"\x01"), [START + 9]),
        (b"", []),
        # Of a version that is not known.
        (header(version=3) + entry(5), []),
    ],
)
def test_a_log_can_be_cut_behind_its_header_and_each_whole_entry(tmp_path: Path, data: bytes, ends: list[int]) -> None:
    assert entry_ends(written(tmp_path, data)) == ends


@pytest.mark.parametrize(
    "data",
    [
        b"",
        header(kind=97),
        header(length=15),
        header(length=17),
        header(end=b"\xff\xfe"),
        header(checkpoint=b"\x80" * 10 + b"\x01"),
        HEADER[:-1],
        HEADER[:-3],
        HEADER[2:],
        HEADER.replace(field(101), field(105)),
        HEADER.replace(field(102), field(105)),
        HEADER.replace(field(103), field(105)),
    ],
)
def test_what_does_not_begin_as_a_log_is_damaged_from_the_start(tmp_path: Path, data: bytes) -> None:
    folder = written(tmp_path, data + entry(5) if data else data)
    assert (first_damage(folder, START + 21), entry_ends(folder)) == (0, [])


WHOLE = HEADER + entry(5) + entry(1) + entry(7)
ENDS = [START, START + 21, START + 38, START + 61]


@pytest.mark.parametrize("until", ENDS)
def test_a_log_is_sound_up_to_the_end_of_any_entry(tmp_path: Path, until: int) -> None:
    assert first_damage(written(tmp_path, WHOLE), until) is None
    # What comes behind may be torn.
    assert first_damage(written(tmp_path, WHOLE[: until + 3]), until) is None


@pytest.mark.parametrize(
    ("data", "until", "damage"),
    [
        # No entry ends there: all that there are were read.
        (WHOLE, ENDS[3] + 5, ENDS[3]),
        (WHOLE, ENDS[2] + 1, ENDS[3]),
        (WHOLE[:-1], ENDS[3], ENDS[2]),
        (HEADER + struct.pack("<QQ", 1 << 40, 0) + WHOLE[START + 16 :], ENDS[3], START),
        (HEADER + entry(5) + entry(0) + entry(7), ENDS[3], ENDS[1]),
    ],
)
def test_damage_is_where_the_last_whole_entry_ends(tmp_path: Path, data: bytes, until: int, damage: int) -> None:
    assert first_damage(written(tmp_path, data), until) == damage


def test_a_log_of_another_version_is_left_to_duckdb(tmp_path: Path) -> None:
    assert first_damage(written(tmp_path, header(version=3) + b"whatever"), 10_000) is None
