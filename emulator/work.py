"""A piece of work that somebody waits for: how long it may take, and whether its owner has left.

Whoever takes a request in makes its `Work`, and may `cancel` it from any thread. It is passed on explicitly as far as
the engine; the stages of compiling and the engine's own functions, which know nothing of requests, ask `check_work`.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, TypeVar

from emulator.errors import CancelFault, KustoError, LimitFault

T = TypeVar("T")


class Work:
    """One request, from its start: at most `seconds`, None for any time; `id` is what its client calls it.

    Safe to share between threads.
    """

    def __init__(self, seconds: float | None = None, id: str = "") -> None:
        self.id = id
        self.started = time.monotonic()
        self.until = math.inf
        # What it is a part of.
        self.whole: Work | None = None
        # How what it computes gets a place among all that is heavy; None where nobody shares the machine out.
        self.gate: Callable[[Work, Callable[[Work], Any]], Any] | None = None
        self._seconds = math.inf
        self._lock = threading.Lock()
        self._canceled_for: str | None = None
        self._to_call: list[Callable[[], object]] = []
        self.allow(math.inf if seconds is None else seconds)

    def allow(self, seconds: float) -> None:
        """Let it take so many seconds from its start."""
        self._seconds = seconds
        self.until = self.started + seconds

    def cancel(self, reason: str = "") -> bool:
        """End it, whatever it does at the moment; return whether it was not canceled before."""
        with self._lock:
            if self._canceled_for is not None:
                return False
            self._canceled_for = reason
            to_call, self._to_call = self._to_call, []
        errors: list[Exception] = []
        for call in to_call:
            try:
                call()
            except Exception as error:  # noqa: BLE001 - the others are to be called all the same
                errors.append(error)
        if errors:
            raise errors[0]
        return True

    @property
    def is_canceled(self) -> bool:
        """Whether its owner has left."""
        return self._canceled_for is not None

    @property
    def is_over(self) -> bool:
        """Whether it has to end: it is canceled, or out of time."""
        return self._canceled_for is not None or time.monotonic() >= self.until

    @property
    def looked_at(self) -> float:
        """When it may be out of time at the earliest, and whoever ends it has to look."""
        return self.until

    @property
    def seconds_left(self) -> float:
        """How much time it has, never below 0."""
        return max(0.0, self.until - time.monotonic())

    def check(self) -> None:
        """Raise CancelFault or, out of time, LimitFault if it has to end."""
        if self._canceled_for is not None or time.monotonic() >= self.until:
            raise self.fault()

    def fault(self) -> KustoError:
        """Return why it ends."""
        if self._canceled_for is None:
            return _out_of_time(self._seconds)
        reason = f": {self._canceled_for}" if self._canceled_for else ""
        return CancelFault(f"Request is canceled{reason}", "E_QUERY_CANCELLED")

    def part(self) -> "Work":
        """Return work that ends with this one, and may be canceled alone."""
        part = Work(id=self.id)
        part.whole = self
        part.started = self.started
        part.allow(self._seconds)

        def end() -> None:
            part.cancel(self._canceled_for or "")

        self.when_canceled(end)
        return part

    def compute(self, call: Callable[["Work"], T]) -> T:
        """Do a part of it that only reads, and may be heavy: it may be ended, and run again, until it has a place."""
        if self.gate is None:
            return call(self)
        found: T = self.gate(self, call)
        return found

    def when_canceled(self, call: Callable[[], object]) -> None:
        """Call once, from whichever thread cancels it; at once, if it is canceled already."""
        with self._lock:
            if self._canceled_for is None:
                self._to_call.append(call)
                return
        call()

    def forget(self, call: Callable[[], object]) -> None:
        """Take back `when_canceled`; a call that is under way may still come."""
        with self._lock, suppress(ValueError):
            self._to_call.remove(call)


@contextmanager
def joined(works: Sequence[Work]) -> Iterator[Work]:
    """Yield work that is over as soon as one of several is."""
    if len(works) == 1:
        yield works[0]
        return
    work = Work()
    work.allow(min(each.until for each in works) - work.started)
    for each in works:
        each.when_canceled(work.cancel)
    try:
        yield work
    finally:
        for each in works:
            each.forget(work.cancel)


class WorkEnded(BaseException):
    """The work of this thread has to end: on its way out of the stages, which must not take it for a fault of a text.

    `doing` raises the fault in its place.
    """


_DONE_HERE: ContextVar[Work | None] = ContextVar("work", default=None)


@contextmanager
def doing(work: Work | None) -> Iterator[None]:
    """Let `check_work` mean this piece of work in this thread as long as the block runs; raise its fault if it ends."""
    token = _DONE_HERE.set(work)
    try:
        yield
    except WorkEnded:
        if work is None:
            raise
        raise work.fault() from None
    finally:
        _DONE_HERE.reset(token)


def work_here() -> Work | None:
    """Return the work that this thread does."""
    return _DONE_HERE.get()


def check_work() -> None:
    """Leave for the enclosing `doing` if the work of this thread has to end; 0.1 µs, for loops that may be long."""
    work = _DONE_HERE.get()
    if work is not None and work.is_over:
        raise WorkEnded


def _out_of_time(seconds: float) -> LimitFault:
    return LimitFault(
        f"The request did not finish within its timeout of {timedelta(seconds=seconds)}",
        "E_QUERY_TIMEOUT",
        hint="narrow it, or raise the option 'servertimeout' (at most 1h)",
    )
