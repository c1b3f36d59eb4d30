"""The log of one partition: segments, appended durably, read by sequence, offset or time, and removed by retention."""

import logging
import os
from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol, Self

from emulator.eventhubs.errors import LogDamaged, PositionExpired, PositionRejected
from emulator.eventhubs.hubs.segment import HEAD_SIZE, FileBytes, Mark, MemoryBytes, Record, Segment

_LOGGER = logging.getLogger(__name__)
_SUFFIX = ".log"
_KEPT_POSITIONS = 64


@dataclass(frozen=True, slots=True)
class Retention:
    """How long events stay: by age and by bytes per partition, in whole segments.

    A segment is full when it has its size, or spans a quarter of the age, so that events stay little longer than asked.
    """

    age: timedelta = timedelta(days=7)
    size: int = 8 << 30
    segment_size: int = 64 << 20


class Storable(Protocol):
    """An event on its way into the log."""

    def stored(self, sequence: int, offset: int, time: int) -> bytes:
        """Return the bytes to store, which may say where they are stored."""


class Log:
    """The events of one partition.

    `append` runs in one thread at a time; everything else belongs to the thread that reads, and sees only what an
    `append` that has returned made durable.
    """

    def __init__(self, folder: Path | None, segments: Sequence[Segment], retention: Retention) -> None:
        self._folder = folder
        self._segments = tuple(segments)
        self._retention = retention
        self._positions: dict[int, tuple[Segment, int]] = {}
        self._end = self._segments[-1].next_sequence

    @classmethod
    def open(cls, folder: Path | None, retention: Retention) -> Self:
        """Open the log of a folder, made if it is not there; None keeps events in memory."""
        if folder is None:
            return cls(None, [Segment(MemoryBytes(), 0, 0)], retention)
        folder.mkdir(parents=True, exist_ok=True)
        segments = existing_segments(folder) or [_new_file(folder, 0, 0)]
        later: Segment | None = None
        for segment in reversed(segments):
            time = None if later is None else later.first_time()
            if later is None or time is None:
                _recover(segment)
            else:
                segment.seal(later, time)
            if later is not None and (segment.next_sequence, segment.next_offset) != (
                later.base_sequence,
                later.base_offset,
            ):
                raise LogDamaged(f"{folder} lacks events before sequence number {later.base_sequence}")
            later = segment
        return cls(folder, segments, retention)

    @property
    def begin(self) -> int:
        """The sequence number of the first event that is kept."""
        return self._segments[0].base_sequence

    @property
    def end(self) -> int:
        """The sequence number that the next event will have."""
        return self._end

    @property
    def last_time(self) -> int:
        """When the last event came, in milliseconds since 1970; 0 before the first."""
        return max(segment.last_time for segment in self._segments[-2:])

    @property
    def last_offset(self) -> int:
        """The offset of the last event, -1 before the first."""
        return max(segment.last_offset for segment in self._segments[-2:])

    @property
    def end_offset(self) -> int:
        """The offset that the next event will have."""
        return self._segments[-1].next_offset

    def append(self, events: Sequence[Storable], time: int) -> None:
        """Store events durably; on an error none of them is stored. Call `publish` after it in the reading thread."""
        segment = self._segments[-1]
        time = max(time, self.last_time)
        if self._is_full(segment, time):
            segment = self._roll(segment)
        sequence, offset = segment.next_sequence, segment.next_offset
        records: list[Record] = []
        for event in events:
            payload = event.stored(sequence, offset, time)
            records.append(Record(sequence, offset, time, payload))
            sequence += 1
            offset += HEAD_SIZE + len(payload)
        segment.append(records)

    def publish(self) -> None:
        """Show what was appended to readers."""
        self._end = self._segments[-1].next_sequence

    def read(self, sequence: int, max_events: int, max_bytes: int = 1 << 20) -> list[Record]:
        """Return the next events from a sequence number on, at least one if there is one.

        Raises PositionExpired before the first event kept and PositionRejected past the end.
        """
        if sequence < self.begin:
            raise PositionExpired(sequence, self.begin)
        if sequence > self._end:
            raise PositionRejected(f"the sequence number {sequence} is past the end; the last one is {self._end - 1}")
        records: list[Record] = []
        budget = max_bytes
        while sequence < self._end and len(records) < max_events and budget > 0:
            kept = self._positions.pop(sequence) if sequence in self._positions else None
            segment, position = kept or self._find(sequence)
            for record, at in segment.records(position):
                if record.sequence >= self._end or len(records) == max_events or budget <= 0:
                    break
                records.append(record)
                budget -= len(record.payload)
                sequence = record.sequence + 1
                position = at + HEAD_SIZE + len(record.payload)
            if position < segment.size:
                self._keep(sequence, segment, position)
        return records

    def sequence_at_offset(self, offset: int, *, inclusive: bool) -> int:
        """Return the first sequence number whose offset is at or behind an offset, or PositionRejected past the end."""
        if offset > self.end_offset or (offset == self.end_offset and not inclusive):
            raise PositionRejected(
                f"The supplied offset '{offset}' is invalid. The last offset in the system is '{self.last_offset}'"
            )
        return self._search(_offset, offset if inclusive else offset + 1)

    def sequence_at_time(self, time: int, *, inclusive: bool) -> int:
        """Return the first sequence number that came at or after a time; the end where none did."""
        return self._search(_time, time if inclusive else time + 1)

    def expire(self, now: int) -> int:
        """Remove the segments that retention allows to go; return how many went. Not to be called during an append."""
        oldest = now - self._age
        last = self._segments[-1]
        if last.size and last.last_time < oldest:
            # Where nothing more comes, what there is has to go all the same; on a full disk the others first.
            with suppress(OSError):
                self._roll(last)
        total = sum(segment.size for segment in self._segments)
        gone = 0
        for segment in self._segments[:-1]:
            if segment.last_time >= oldest and total <= self._retention.size:
                break
            total -= segment.size
            gone += 1
        removed, self._segments = self._segments[:gone], self._segments[gone:]
        for segment in removed:
            segment.remove()
        if removed:
            self._positions.clear()
        return gone

    def close(self) -> None:
        """Close all files."""
        for segment in self._segments:
            segment.close()

    @property
    def _age(self) -> int:
        return int(self._retention.age.total_seconds() * 1000)

    def _is_full(self, segment: Segment, now: int) -> bool:
        first = segment.first_time() if segment.size else None
        return segment.size >= self._retention.segment_size or (first is not None and now - first > self._age // 4)

    def _roll(self, full: Segment) -> Segment:
        if self._folder is None:
            segment = Segment(MemoryBytes(), full.next_sequence, full.next_offset)
        else:
            segment = _new_file(self._folder, full.next_sequence, full.next_offset)
        segment.last_time, segment.last_offset = full.last_time, full.last_offset
        self._segments = (*self._segments, segment)
        return segment

    def _find(self, sequence: int) -> tuple[Segment, int]:
        slot = bisect_right(self._segments, sequence, key=lambda segment: segment.base_sequence) - 1
        segment = self._segments[slot]
        return segment, segment.position_of(_sequence, sequence)

    def _keep(self, sequence: int, segment: Segment, position: int) -> None:
        while len(self._positions) >= _KEPT_POSITIONS:
            del self._positions[next(iter(self._positions))]
        self._positions[sequence] = (segment, position)

    def _search(self, key: Callable[[Mark | Record], int], value: int) -> int:
        for segment in self._segments:
            position = segment.position_of(key, value)
            if position < segment.size:
                record, _ = next(segment.records(position))
                return min(record.sequence, self._end)
        return self._end


def existing_segments(folder: Path) -> list[Segment]:
    """Open the segments of a folder, the oldest first, as yet unread."""
    segments = []
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        sequence, offset = (int(part) for part in path.stem.split("-"))
        segments.append(Segment(FileBytes(path), sequence, offset))
    return segments


def _recover(segment: Segment) -> None:
    torn = segment.recover()
    if torn:
        # Never acknowledged; kept beside the log for whoever wants to look, if there is room.
        with suppress(OSError):
            Path(segment.name).with_suffix(".torn").write_bytes(torn)
        _LOGGER.warning("%s: %d bytes after the last whole record are cut off", segment.name, len(torn))


def _new_file(folder: Path, sequence: int, offset: int) -> Segment:
    data = FileBytes(folder / f"{sequence:020d}-{offset:020d}{_SUFFIX}")
    try:
        # The name of a new file is durable once its folder is.
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        data.close()
        raise
    return Segment(data, sequence, offset)


def _sequence(record: Mark | Record) -> int:
    return record.sequence


def _offset(record: Mark | Record) -> int:
    return record.offset


def _time(record: Mark | Record) -> int:
    return record.time
