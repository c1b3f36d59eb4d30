"""What an Eventhouse does at the moment: so that it can be ended when the Eventhouse closes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from emulator.engine.faults import closed_fault
from emulator.work import Work, doing

_CLOSING = "the Eventhouse closes"


class Works:
    """The work in progress; safe to share between threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._numbers = count()
        self._running: dict[int, Work] = {}
        self._closed = threading.Event()

    @contextmanager
    def carrying_out(self, work: Work) -> Iterator[None]:
        """Do a piece of work in the block, unless it is over already; after `close` there is none."""
        number = next(self._numbers)
        with self._changed:
            if self._closed.is_set():
                raise closed_fault()
            self._running[number] = work
        try:
            with doing(work):
                work.check()
                yield
        finally:
            with self._changed:
                del self._running[number]
                if self._closed.is_set():
                    self._changed.notify_all()

    def close(self, grace: float, patience: float) -> bool:
        """Let no more work begin, and cancel what has not ended within `grace` seconds; return whether all has ended.

        It waits `patience` seconds for what is canceled.
        """
        with self._changed:
            self._closed.set()
            if self._changed.wait_for(self._is_idle, grace):
                return True
            running = list(self._running.values())
        for work in running:
            work.cancel(_CLOSING)
        with self._changed:
            return self._changed.wait_for(self._is_idle, patience)

    def _is_idle(self) -> bool:
        return not self._running
