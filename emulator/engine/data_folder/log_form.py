"""What of a write-ahead log can be read without DuckDB: its header, and where its entries end.

DuckDB tells a damaged entry by its checksum, but takes one whose length reaches beyond the end for the torn end of a
crash, and drops it with all that follows without a word.
"""

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emulator.engine.data_folder.opening import LOG_FILE

# Of an entry: the bytes that follow, and their checksum.
_ENTRY = struct.Struct("<QQ")
_VERSION = 2
_WAL_VERSION, _END = 98, b"\xff\xff"
_KIND, _VERSION_FIELD, _DATABASE, _CHECKPOINT = 100, 101, 102, 103
_IDENTIFIER = 16


class NoLog(Exception):
    """The bytes do not begin as a log does."""


def first_damage(folder: Path, until: int) -> int | None:
    """Return the byte where a folder's log stops making sense before an entry ends at `until`; None where all is well.

    A log of a version that is not known here is left to DuckDB.
    """
    with _mapped(folder / LOG_FILE) as data:
        try:
            position = _after_header(data)
        except NoLog:
            return 0
        if position is None:
            return None
        for end in _ends(data, position):
            if position == until:
                return None
            position = end
        return None if position == until else position


def entry_ends(folder: Path) -> list[int]:
    """Return the positions at which a folder's log can be cut: behind its header and each of its entries."""
    with _mapped(folder / LOG_FILE) as data:
        try:
            position = _after_header(data)
        except NoLog:
            return []
        return [] if position is None else [position, *_ends(data, position)]


def _ends(data: bytes | mmap.mmap, position: int) -> Iterator[int]:
    while position + _ENTRY.size <= len(data):
        size, _ = _ENTRY.unpack_from(data, position)
        position += _ENTRY.size + size
        if position > len(data) or not size:
            return
        yield position


def _after_header(data: bytes | mmap.mmap) -> int | None:
    """Return where the entries begin; None for another version."""
    position = _field(data, 0, _KIND)
    kind, position = _number(data, position)
    if kind != _WAL_VERSION:
        raise NoLog
    position = _field(data, position, _VERSION_FIELD)
    version, position = _number(data, position)
    if version != _VERSION:
        return None
    position = _field(data, position, _DATABASE)
    length, position = _number(data, position)
    if length != _IDENTIFIER:
        raise NoLog
    for _ in range(length):
        _, position = _number(data, position)
    position = _field(data, position, _CHECKPOINT)
    _, position = _number(data, position)
    if data[position : position + 2] != _END:
        raise NoLog
    return position + 2


def _field(data: bytes | mmap.mmap, position: int, number: int) -> int:
    if data[position : position + 2] != number.to_bytes(2, "little"):
        raise NoLog
    return position + 2


def _number(data: bytes | mmap.mmap, position: int) -> tuple[int, int]:
    """Read a number of seven bits a byte, the lowest first."""
    value = 0
    for count, byte in enumerate(data[position : position + 10]):
        value |= (byte & 0x7F) << 7 * count
        if not byte & 0x80:
            return value, position + count + 1
    raise NoLog


@contextmanager
def _mapped(path: Path) -> Iterator[bytes | mmap.mmap]:
    with path.open("rb") as file:
        if not path.stat().st_size:
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data
