"""One segment of a partition's log: records one after the other, in a file or in memory.

A record is `length, crc32, sequence, offset, time` and the payload; the checksum covers what follows it.
"""

import os
import struct
import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from emulator.eventhubs.errors import LogDamaged

_HEAD = struct.Struct(">IIqqq")
_CHECKED = struct.Struct(">qqq")
HEAD_SIZE = _HEAD.size
_INDEX_EVERY = 32 * 1024
_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Record:
    """A stored event; `time` counts milliseconds since 1970, UTC."""

    sequence: int
    offset: int
    time: int
    payload: bytes


class Bytes(Protocol):
    """Where the bytes of a segment are."""

    name: str

    def read(self, position: int, size: int) -> bytes:
        """Return up to `size` bytes from a position."""

    def append(self, data: bytes) -> None:
        """Add bytes at the end and make them durable."""

    def cut(self, size: int) -> None:
        """Forget everything from a position on."""

    def remove(self) -> None:
        """Forget the segment."""

    def close(self) -> None:
        """Release what the segment holds open."""


class FileBytes:
    """A segment's bytes in a file."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)

    def read(self, position: int, size: int) -> bytes:
        """Return up to `size` bytes from a position."""
        return os.pread(self._descriptor, size, position)

    def append(self, data: bytes) -> None:
        """Add bytes at the end and make them durable."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        os.fdatasync(self._descriptor)

    def cut(self, size: int) -> None:
        """Forget everything from a position on."""
        os.ftruncate(self._descriptor, size)
        os.fdatasync(self._descriptor)

    def remove(self) -> None:
        """Delete the file."""
        self.close()
        self._path.unlink()

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class MemoryBytes:
    """A segment's bytes in memory."""

    def __init__(self) -> None:
        self.name = "memory"
        self._data = bytearray()

    def read(self, position: int, size: int) -> bytes:
        """Return up to `size` bytes from a position."""
        return bytes(self._data[position : position + size])

    def append(self, data: bytes) -> None:
        """Add bytes at the end."""
        self._data += data

    def cut(self, size: int) -> None:
        """Forget everything from a position on."""
        del self._data[size:]

    def remove(self) -> None:
        """Forget the bytes."""
        self._data = bytearray()

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where in the segment a record begins, for a search that need not start at the front."""

    sequence: int
    offset: int
    time: int
    position: int


class Segment:
    """The records from `base_sequence` on; `base_offset` is the offset of its first byte."""

    def __init__(self, data: Bytes, base_sequence: int, base_offset: int) -> None:
        self.base_sequence = base_sequence
        self.base_offset = base_offset
        self.size = 0
        self.next_sequence = base_sequence
        self.last_time = 0
        self.last_offset = -1
        self._data = data
        self._index: list[Mark] | None = []
        self._first_time: int | None = None
        self._has_rest = False

    @property
    def name(self) -> str:
        """Where the segment is."""
        return self._data.name

    @property
    def next_offset(self) -> int:
        """The offset of the next record."""
        return self.base_offset + self.size

    def recover(self) -> bytes:
        """Take over the records that are there; cut off and return what follows the last whole one."""
        valid = 0
        for record, position in self._scan(0, strict=False):
            self._note(record, position)
            valid = position + HEAD_SIZE + len(record.payload)
        if valid:
            self._take_over(record)
        torn = self._data.read(valid, 1 << 30)
        if torn:
            self._data.cut(valid)
        self.size = valid
        return torn

    def count_whole(self) -> int:
        """Return how many whole records there are up to the first that is not."""
        return sum(1 for _ in self._scan(0, strict=False))

    def seal(self, successor: "Segment", last_time: int) -> None:
        """Take over the records unseen, up to where the next segment begins; raise LogDamaged where they do not fit."""
        self.size = successor.base_offset - self.base_offset
        self.next_sequence, self.last_time, self._index = successor.base_sequence, last_time, None
        if self.size < 0 or len(self._data.read(max(0, self.size - 1), 2)) != min(1, self.size):
            raise LogDamaged(f"{self._data.name} does not end where its successor begins")

    def first_time(self) -> int | None:
        """Return the time of the first record."""
        if self._first_time is None:
            self._first_time = next((record.time for record, _ in self.records(0)), None)
        return self._first_time

    def append(self, records: list[Record]) -> None:
        """Store records; on an error none of them is stored."""
        data = bytearray()
        marks: list[tuple[Record, int]] = []
        for record in records:
            marks.append((record, self.size + len(data)))
            data += encode_record(record)
        if self._has_rest:
            self._cut()
        try:
            self._data.append(bytes(data))
        except OSError:
            # If that fails too, the rest goes before anything else comes: behind it nothing would be found.
            self._has_rest = True
            with suppress(OSError):
                self._cut()
            raise
        for record, position in marks:
            self._note(record, position)
        self.size += len(data)
        self._take_over(records[-1])

    def records(self, position: int) -> Iterator[tuple[Record, int]]:
        """Read records with their positions, from the record at a position on."""
        return self._scan(position, strict=True)

    def position_of(self, key: Callable[[Mark | Record], int], value: int) -> int:
        """Return the position of the first record whose key is at least `value`; keys rise with the sequence."""
        if self._index is None:
            self._index = []
            for record, position in self.records(0):
                self._note(record, position)
        slot = bisect_left(self._index, value, key=key) - 1
        start = self._index[slot].position if slot >= 0 else 0
        for record, position in self.records(start):
            if key(record) >= value:
                return position
        return self.size

    def remove(self) -> None:
        """Delete the segment."""
        self._data.remove()

    def close(self) -> None:
        """Close the segment."""
        self._data.close()

    def _cut(self) -> None:
        self._data.cut(self.size)
        self._has_rest = False

    def _take_over(self, last: Record) -> None:
        self.next_sequence = last.sequence + 1
        self.last_time, self.last_offset = last.time, last.offset

    def _note(self, record: Record, position: int) -> None:
        if self._index is None:
            return
        if not self._index or position - self._index[-1].position >= _INDEX_EVERY:
            self._index.append(Mark(record.sequence, record.offset, record.time, position))

    def _scan(self, position: int, *, strict: bool) -> Iterator[tuple[Record, int]]:
        expected = None if strict else self.base_sequence
        chunk, start = b"", position
        while not strict or position < self.size:
            if len(chunk) - (position - start) < HEAD_SIZE:
                chunk, start = self._data.read(position, _CHUNK), position
            if len(chunk) < HEAD_SIZE:
                return self._end(position, strict)
            length, checksum, sequence, offset, time = _HEAD.unpack_from(chunk, position - start)
            end = position - start + HEAD_SIZE + length
            if end > len(chunk):
                end = HEAD_SIZE + length
                chunk, start = self._data.read(position, max(_CHUNK, end)), position
            checked = chunk[position - start + 8 : end]
            is_whole = len(chunk) >= end and zlib.crc32(checked) == checksum
            if not is_whole or (expected is not None and sequence != expected):
                return self._end(position, strict)
            yield Record(sequence, offset, time, checked[_CHECKED.size :]), position
            expected = None if strict else sequence + 1
            position += HEAD_SIZE + length
        return None

    def _end(self, position: int, strict: bool) -> None:
        if strict:
            raise LogDamaged(f"the record at byte {position} of {self._data.name} is damaged")


def encode_record(record: Record) -> bytes:
    """Write a record."""
    checked = _CHECKED.pack(record.sequence, record.offset, record.time) + record.payload
    return struct.pack(">II", len(record.payload), zlib.crc32(checked)) + checked
