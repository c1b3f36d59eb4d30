"""DuckDB's write-ahead log as its writer looks after it: what it holds is recorded, and folded into the file in time.

To fold takes room for what was written, and DuckDB gives up its instance where it finds none. So it waits until there
is enough, and while the folder is copied; commits go on meanwhile, into a log that grows.
"""

import fcntl
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from emulator.engine.data_folder.commits import Commits, CommitsFile, read_commits
from emulator.engine.data_folder.opening import DATABASE_FILE, LOG_FILE, checkpoint_of, log_size
from emulator.instants import utc_now

COPYING_FILE = "eventhouse.copying"
# How much of the log a crash leaves to be read again, a second's worth, against how often it is folded into the file.
FOLDED_AT = 64 << 20
# A copy that stands still does not let the log grow for ever; it finds out in the end, and fails.
_WAITS_UNTIL = 4 << 30
# A checkpoint may write as much as the file has: all of an index whose keys are hashes. Closing is to be short, so a
# larger file keeps its log, which the next opening reads: 1.2 s were saved at 2,400,000 trades (260 MB).
_FOLDED_IN_CLOSING = 64 << 20
# What a batch has touched is written anew: seldom more than twice what the log says of it.
_ROOM_PER_BYTE, _ROOM = 2, 32 << 20

_LOGGER = logging.getLogger(__name__)


class WriteAheadLog:
    """The log of a data folder that is open; belongs to its writer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = str(folder / LOG_FILE)
        before = read_commits(folder)
        self._file = CommitsFile(folder)
        self._copying = os.open(folder / COPYING_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        self._checkpoint = checkpoint_of(folder) or 0
        self._since = before.since if before and before.checkpoint == self._checkpoint else utc_now()
        self._size = log_size(folder)
        self._fold_at = FOLDED_AT
        self._is_waiting = False

    def committed(self, time: datetime) -> bool:
        """Record a commit; return whether the log has become long enough to be folded.

        It is two calls of the operating system, some 6 µs of a trade's millisecond.
        """
        was_empty = not self._size
        try:
            self._size = os.stat(self._path).st_size
        except FileNotFoundError:
            self._size = 0
        if was_empty and self._size:
            # DuckDB makes it as the process lets it, which in a library may be for all to read.
            with suppress(OSError):
                os.chmod(self._path, 0o600)
        self._write(time)
        return self._size >= self._fold_at

    def fold(self, checkpoint: Callable[[], object], time: datetime) -> None:
        """Fold the log into the file, unless there is no room or the folder is copied; raises duckdb.Error."""
        self._fold_at = self._size + FOLDED_AT // 8
        with self._unless_copied() as is_free:
            if not is_free or not self._has_room():
                return
            checkpoint()
            # Before a copy may begin: it goes by the record.
            self._checkpoint = checkpoint_of(self._folder) or self._checkpoint
            self._since, self._size, self._fold_at = time, log_size(self._folder), FOLDED_AT
            self._write(time)

    def fold_in_closing(self, checkpoint: Callable[[], object], time: datetime) -> None:
        """Fold the log as `fold` does, where that takes a moment only."""
        if (self._folder / DATABASE_FILE).stat().st_size + self._size <= _FOLDED_IN_CLOSING:
            self.fold(checkpoint, time)

    def close(self) -> None:
        """Close the files beside the log."""
        self._file.close()
        os.close(self._copying)

    def _write(self, time: datetime) -> None:
        with suppress(OSError):
            self._file.write(Commits(self._checkpoint, self._size, self._since, time))

    @contextmanager
    def _unless_copied(self) -> Iterator[bool]:
        try:
            fcntl.flock(self._copying, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield self._size > _WAITS_UNTIL
            return
        try:
            yield True
        finally:
            fcntl.flock(self._copying, fcntl.LOCK_UN)

    def _has_room(self) -> bool:
        needed = _ROOM + _ROOM_PER_BYTE * self._size
        has_room = shutil.disk_usage(self._folder).free >= needed
        if not has_room and not self._is_waiting:
            _LOGGER.warning(
                "%s: less than %d MB are free on the disk; the log of %d MB waits for room to be folded",
                self._folder,
                needed >> 20,
                self._size >> 20,
            )
        self._is_waiting = not has_room
        return has_room
