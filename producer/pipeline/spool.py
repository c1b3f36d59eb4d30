"""Batches kept on disk while a sink is down: append-only segment files, read from the front, in the order they came.

A record is `length, crc32, sequence, count` (little-endian, 4 + 4 + 8 + 4 bytes) and its JSON lines; it is on disk when
`append` returns. After a crash a torn record at the end is cut off: it was never acknowledged. What was handed out but
not committed is handed out again.
"""

import fcntl
import logging
import os
import struct
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from producer.durable_files import append_durably, replace_file
from producer.errors import BadData, Transient

logger = logging.getLogger(__name__)

_HEADER = struct.Struct("<IIQI")
_CURSOR = struct.Struct("<QI")
_SUFFIX = ".spool"


class SpoolFull(Transient):
    """The spool has reached its limit, or the disk has."""


class SpoolUnreadable(Transient):
    """What is in the spool cannot be read at the moment: the machine has no file left to open, or the disk fails."""


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """When a segment is full, and how much the spool may hold before it holds its producer back."""

    segment_bytes: int = 16 * 1024 * 1024
    limit_bytes: int = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Spooled:
    """Batches in the spool, joined: the numbers of the first and the last, where they end, and their JSON objects."""

    first: int
    last: int
    end: int
    payloads: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class _Entry:
    sequence: int
    offset: int
    size: int
    count: int

    @property
    def end(self) -> int:
        return self.offset + self.size


@dataclass(slots=True)
class _Segment:
    """A file; from `front` on it holds what is not committed. What lies where is only in the file."""

    path: Path
    size: int = 0
    front: int = 0

    @property
    def is_done(self) -> bool:
        return self.front >= self.size


class Spool:
    """A queue of batches in a folder of its own, for one process at a time; calls block and are not thread-safe."""

    def __init__(self, folder: Path, settings: SpoolSettings | None = None) -> None:
        """Open the spool and find what an earlier run left; a folder that is in use is `BadData`."""
        self._folder = folder
        self._settings = settings or SpoolSettings()
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(folder)
        self.batches = self.trades = self.size_bytes = 0
        committed = self._read_cursor()
        self._next = committed + 1
        self._segments = deque(self._recovered(committed))
        self._tail: int | None = None
        self._is_behind = False

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_empty(self) -> bool:
        """Whether every batch was committed."""
        return self.batches == 0

    def append(self, payloads: Sequence[bytes]) -> None:
        """Put a batch at the end; on return it survives a crash. Where there is no room, raise `SpoolFull`."""
        body = b"\n".join(payloads)
        size = _HEADER.size + len(body)
        if self.batches and self.size_bytes + size > self._settings.limit_bytes:
            raise SpoolFull(f"the spool holds {self.size_bytes:,} bytes", source=str(self._folder))
        sums = struct.pack("<QI", self._next, len(payloads))
        header = _HEADER.pack(len(body), zlib.crc32(body, zlib.crc32(sums)), self._next, len(payloads))
        try:
            tail = self._tail_with_room()
            segment = self._segments[-1]
            append_durably(tail, segment.size, header + body)
        except OSError as error:
            raise SpoolFull(f"the disk takes no more: {error}", source=str(self._folder)) from error
        self._count_in(_Entry(self._next, segment.size, size, len(payloads)))
        segment.size += size

    def peek(self, count: int = 1, size_bytes: int = 1) -> Spooled | None:
        """Return the oldest batch that is not committed, or None where there is none.

        Batches behind it are joined to it while all have at most so many trades and bytes. Raises `SpoolUnreadable`.
        """
        segment = self._oldest()
        if segment is None:
            return None
        with self._opened(segment) as file:
            first, body = _read(file, segment.front)
            payloads = body.split(b"\n")
            last, size = first, len(body)
            while last.end < segment.size:
                entry, body = _read(file, last.end)
                size += len(body) + 1
                if len(payloads) + entry.count > count or size > size_bytes:
                    break
                payloads += body.split(b"\n")
                last = entry
        return Spooled(first.sequence, last.sequence, last.end, payloads)

    def commit(self, spooled: Spooled) -> None:
        """Forget the oldest batches: they are delivered. Raises `SpoolUnreadable`.

        Where the disk has no room to note it, a later commit does; the next run may then send some once more.
        """
        segment = self._oldest()
        oldest = self._next
        if segment is not None:
            with self._opened(segment) as file:
                oldest = _read(file, segment.front)[0].sequence
        if segment is None or oldest != spooled.first:
            raise ValueError(f"the oldest batch is {oldest}, not {spooled.first}")
        self._write_cursor(spooled.last)
        self.batches -= spooled.last - spooled.first + 1
        self.trades -= len(spooled.payloads)
        self.size_bytes -= spooled.end - segment.front
        segment.front = spooled.end
        self._delete_delivered()

    def close(self) -> None:
        """Close the files and let another process open the folder."""
        self._close_tail()
        self._lock.close()

    def _tail_with_room(self) -> int:
        if not self._segments or self._segments[-1].size >= self._settings.segment_bytes:
            self._close_tail()
            self._segments.append(_Segment(self._folder / f"{self._next:020}{_SUFFIX}"))
            self._delete_delivered()
        if self._tail is None:
            tail = os.open(self._segments[-1].path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                _sync_folder(self._folder)
            except OSError:
                os.close(tail)
                raise
            self._tail = tail
        return self._tail

    @contextmanager
    def _opened(self, segment: _Segment) -> Iterator[BinaryIO]:
        try:
            with segment.path.open("rb") as file:
                yield file
        except OSError as error:
            raise SpoolUnreadable(f"the spool cannot be read: {error}", source=str(self._folder)) from error

    def _oldest(self) -> _Segment | None:
        return next((segment for segment in self._segments if not segment.is_done), None)

    def _delete_delivered(self) -> None:
        while len(self._segments) > 1 and self._segments[0].is_done:
            self._segments.popleft().path.unlink()

    def _count_in(self, entry: _Entry) -> None:
        self._next = entry.sequence + 1
        self.batches += 1
        self.trades += entry.count
        self.size_bytes += entry.size

    def _close_tail(self) -> None:
        if self._tail is not None:
            tail, self._tail = self._tail, None
            os.close(tail)

    def _recovered(self, committed: int) -> Iterator[_Segment]:
        paths = sorted(self._folder.glob(f"*{_SUFFIX}"))
        for path in paths:
            segment = _Segment(path)
            for entry in _records(path):
                segment.size = entry.end
                if entry.sequence > committed:
                    self._count_in(entry)
                else:
                    segment.front = entry.end
            if left := path.stat().st_size - segment.size:
                if path != paths[-1] or not _is_torn(path, segment.size):
                    # More than an append cut short: the disk has failed, and what is there is kept.
                    aside = path.with_suffix(".damaged")
                    aside.write_bytes(path.read_bytes()[segment.size :])
                    logger.error("%d unreadable bytes of %s were put aside in %s", left, path.name, aside.name)
                os.truncate(path, segment.size)
            if segment.is_done:
                path.unlink()
            else:
                yield segment

    def _read_cursor(self) -> int:
        try:
            sequence, crc = _CURSOR.unpack((self._folder / "cursor").read_bytes())
        except (FileNotFoundError, struct.error):
            return 0
        return sequence if crc == zlib.crc32(struct.pack("<Q", sequence)) else 0

    def _write_cursor(self, sequence: int) -> None:
        # A cursor that a power failure sets back, or that finds no room, only makes batches go out twice.
        cursor = _CURSOR.pack(sequence, zlib.crc32(struct.pack("<Q", sequence)))
        try:
            replace_file(self._folder / "cursor", cursor)
        except OSError as error:
            if not self._is_behind:
                logger.warning("%s: how far it is delivered cannot be noted: %s", self._folder, error)
            self._is_behind = True
        else:
            self._is_behind = False


def unreadable_bytes(folder: Path) -> Iterator[tuple[Path, int]]:
    """Yield the segments of a folder with bytes that are no batch and no append cut short."""
    paths = sorted(folder.glob(f"*{_SUFFIX}"))
    for path in paths:
        size = max((entry.end for entry in _records(path)), default=0)
        if (left := path.stat().st_size - size) and (path != paths[-1] or not _is_torn(path, size)):
            yield path, left


def _records(path: Path) -> Iterator[_Entry]:
    """Iterate over the intact records at the start of a segment."""
    offset = 0
    with path.open("rb") as file:
        while len(header := file.read(_HEADER.size)) == _HEADER.size:
            length, crc, sequence, count = _HEADER.unpack(header)
            body = file.read(length)
            if len(body) < length or zlib.crc32(body, zlib.crc32(header[8:])) != crc:
                return
            yield _Entry(sequence, offset, _HEADER.size + length, count)
            offset += _HEADER.size + length


def _read(file: BinaryIO, offset: int) -> tuple[_Entry, bytes]:
    """Read the record at an offset, which was whole when it was written or found."""
    file.seek(offset)
    length, _, sequence, count = _HEADER.unpack(file.read(_HEADER.size))
    return _Entry(sequence, offset, _HEADER.size + length, count), file.read(length)


def _is_torn(path: Path, offset: int) -> bool:
    """Whether a segment ends within the record at an offset."""
    with path.open("rb") as file:
        file.seek(offset)
        header = file.read(_HEADER.size)
        return len(header) < _HEADER.size or len(file.read()) < _HEADER.unpack(header)[0]


def _locked(folder: Path) -> BinaryIO:
    file = (folder / "lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        message = "the spool is in use by another process"
        raise BadData(message, source=str(folder), hint="give each producer a folder of its own") from error
    return file


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
