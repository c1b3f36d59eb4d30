"""Ends what takes too long, or what nobody waits for any more: one thread watches all requests.

To start one for each takes up to 1.18 times the CPU of an endpoint (2026-11-29, `tests/bench/RESULTS.md`).
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import duckdb

from emulator.work import Work

_LOG = logging.getLogger(__name__)

# DuckDB forgets an interrupt that comes between two statements, so it is interrupted until the block is left.
_AGAIN_SECONDS = 0.05


class _Interruption:
    """What is to be called, and when next."""

    def __init__(self, work: Work, end: Callable[[], None]) -> None:
        self.work = work
        self.at = work.looked_at
        self.end = end


class Watch:
    """What runs in one Eventhouse, watched from the first of it to `close`; safe to share between threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open: set[_Interruption] = set()
        self._works: dict[int, Work] = {}
        self._thread: threading.Thread | None = None
        self._wakes_at = math.inf
        self._is_closed = False

    @contextmanager
    def interrupting(
        self, work: Work, end: Callable[[], None], connection: duckdb.DuckDBPyConnection | None = None
    ) -> Iterator[None]:
        """Call `end` from another thread, and again every 50 ms, from when the work has to end until the block is left.

        `connection` is what runs statements for it in the block. Raises what `Work.check` does where it is over.
        """
        work.check()
        if connection is not None:
            self._works[id(connection)] = work
        interruption = _Interruption(work, end)

        def hurry() -> None:
            self._hurry(interruption)

        self._add(interruption)
        try:
            work.when_canceled(hurry)
            yield
        finally:
            work.forget(hurry)
            self._works.pop(id(connection), None)
            # Under the lock, so that what comes after the block is never ended.
            with self._changed:
                self._open.discard(interruption)

    def work_of(self, number: int) -> Work | None:
        """Return the work for which a connection, by its id, runs a statement."""
        return self._works.get(number)

    def close(self) -> None:
        """Stop watching; what still runs is not ended."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def _add(self, interruption: _Interruption) -> None:
        with self._changed:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                # Where the machine has none to give, the next request asks again.
                thread.start()
                self._thread = thread
            self._open.add(interruption)
            # Waking the thread for every request would cost each of them a turn.
            if interruption.at < self._wakes_at:
                self._changed.notify()

    def _hurry(self, interruption: _Interruption) -> None:
        with self._changed:
            interruption.at = -math.inf
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while not self._is_closed:
                now = time.monotonic()
                for each in self._open:
                    if each.at <= now and not each.work.is_over:
                        # Its end was put off.
                        each.at = each.work.looked_at
                    elif each.at <= now:
                        each.at = now + _AGAIN_SECONDS
                        # Without this thread nothing would end any more; memory may be short, and is not the next time.
                        try:
                            each.end()
                        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                            _LOG.warning("what is over could not be ended yet: %s", type(error).__name__)
                self._wakes_at = min((each.at for each in self._open), default=math.inf)
                self._changed.wait(None if self._wakes_at == math.inf else self._wakes_at - now)
                # What comes before the next wait is seen without waking.
                self._wakes_at = -math.inf
