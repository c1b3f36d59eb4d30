"""Ends what takes too long: one thread watches all requests.

To start one for each takes up to 1.18 times the CPU of an endpoint (2026-11-29, `tests/bench/RESULTS.md`).
"""

import heapq
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count


class Deadline:
    """When a request has to end; `expired` tells that it was ended."""

    def __init__(self, at: float, end: Callable[[], None]) -> None:
        self.at = at
        self.end = end
        self.expired = False
        self.is_over = False


def _nothing() -> None:
    """End nothing."""


class Watch:
    """The deadlines ahead of one Eventhouse, watched from the first one to `close`; safe to share between threads.

    A request that is over is forgotten at its deadline at the latest.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._ahead: list[tuple[float, int, Deadline]] = []
        self._numbers = count()
        self._thread: threading.Thread | None = None
        self._wakes_at = math.inf
        self._is_closed = False

    @contextmanager
    def deadline(self, seconds: float, end: Callable[[], None]) -> Iterator[Deadline]:
        """Call `end` from another thread unless the block is left in time."""
        watched = Deadline(time.monotonic() + seconds, end)
        self._add(watched)
        try:
            yield watched
        finally:
            self._finish(watched)

    def close(self) -> None:
        """Stop watching; what is still ahead is not ended."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def _add(self, deadline: Deadline) -> None:
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
            heapq.heappush(self._ahead, (deadline.at, next(self._numbers), deadline))
            # Waking the thread for every request would cost each of them a turn.
            if deadline.at < self._wakes_at:
                self._changed.notify()

    def _finish(self, deadline: Deadline) -> None:
        # Under the lock, so that what ran in time is never ended afterwards.
        with self._changed:
            deadline.is_over = True
            # The watching thread may keep the deadline until the process ends, but not what it would have ended.
            deadline.end = _nothing
            while self._ahead and self._ahead[0][2].is_over:
                heapq.heappop(self._ahead)

    def _run(self) -> None:
        with self._changed:
            while not self._is_closed:
                if not self._ahead:
                    self._wait(None)
                    continue
                at, _, deadline = self._ahead[0]
                if deadline.is_over:
                    heapq.heappop(self._ahead)
                elif (left := at - time.monotonic()) > 0:
                    self._wait(left)
                else:
                    heapq.heappop(self._ahead)
                    deadline.expired = True
                    deadline.end()

    def _wait(self, seconds: float | None) -> None:
        self._wakes_at = math.inf if seconds is None else time.monotonic() + seconds
        self._changed.wait(seconds)
        # What comes before the next wait is seen without waking.
        self._wakes_at = -math.inf
