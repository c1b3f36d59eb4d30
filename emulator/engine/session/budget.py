"""How long update policies and materialized views may hold the writer's turn, in which all ingestion waits for them.

What follows from the rows of a commit shares one budget: SECONDS, and SECONDS_PER_ROW for each row that comes from
outside, so that a bulk load has time in proportion. No step, a policy or a view, may take more than half of what is
left: a slow one leaves time to those after it, and however many are slow, a commit takes no longer than its budget.
A step that took too long is short of time for REST times as long: what is slow for every row must not hold every
commit up.

A trade of the market takes about 1 ms for all its steps, 5,000 take 6 µs each.
"""

import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import duckdb

from emulator.engine.faults import is_of_statement
from emulator.errors import KustoError
from emulator.work import Work, WorkEnded

SECONDS = 10.0
SECONDS_PER_ROW = 50e-6
# What a step has in any case: above all that a busy machine adds to a step of milliseconds.
LEAST_SECONDS = 0.25
# One slow step takes no more than about a twentieth of the writer's time.
REST = 19.0


@dataclass(frozen=True, slots=True)
class StepLimits:
    """The seconds that the steps of one commit share, and what each row from outside adds; None is what is shipped."""

    seconds: float | None = None
    seconds_per_row: float | None = None

    @property
    def for_all(self) -> float:
        """What a commit without rows has."""
        return SECONDS if self.seconds is None else self.seconds

    @property
    def for_each(self) -> float:
        """What a row adds."""
        return SECONDS_PER_ROW if self.seconds_per_row is None else self.seconds_per_row


_AS_SHIPPED = StepLimits()


class BudgetEnded(Exception):
    """A policy or view took too long; what the request itself may take has not ended."""


class Slow:
    """The steps of a writer that took too long lately."""

    def __init__(self) -> None:
        self._until: dict[Hashable, float] = {}
        self.has_any = False

    def has(self, step: Hashable, now: float) -> bool:
        """Tell whether a step is to have little time."""
        return self._until.get(step, now) > now

    def add(self, step: Hashable, seconds: float, now: float) -> None:
        """Remember that a step took so long in vain."""
        self._until = {each: until for each, until in self._until.items() if until > now}
        self.has_any = True
        self._until[step] = max(now + REST * seconds, self._until.get(step, now))


class Budget(Work):
    """The time for what follows from the rows of one commit, its further attempts included; ends with `caller`.

    A context manager for each step, which may be within another: `with budget.step(name): …` raises BudgetEnded where
    the step takes too long. The thread that watches `deadline` interrupts it.
    """

    def __init__(self, caller: Work, slow: Slow, limits: StepLimits = _AS_SHIPPED) -> None:
        super().__init__(id=caller.id)
        self.whole = self._caller = caller
        self.until = caller.until
        self._slow = slow
        self._for_all, self._for_each = limits.for_all, limits.for_each
        self._allowed = self._for_all
        self._spent = 0.0
        self._since = 0.0
        self._steps: list[Hashable] = []
        caller.when_canceled(self.cancel)

    def close(self) -> None:
        """Let go of the caller."""
        self._caller.forget(self.cancel)

    def begin_attempt(self) -> None:
        """Begin anew, without rows; what was spent is spent."""
        self._allowed = self._for_all
        self._steps.clear()
        self.until = self._caller.until

    def allow_for(self, rows: int) -> None:
        """Have more time, for rows that come from outside."""
        self._allowed += self._for_each * rows

    def lift(self) -> None:
        """Have all the time of the caller: an administrator waits for it."""
        self._allowed = float("inf")

    def step(self, name: Hashable) -> Self:
        """Return what does a step of a name."""
        self._steps.append(name)
        return self

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Have the time of the caller, for what no step is to blame for."""
        if not self._steps:
            yield
            return
        self._spent += time.monotonic() - self._since
        self.until = self._caller.until
        try:
            yield
        finally:
            self._resume(time.monotonic())

    @property
    def looked_at(self) -> float:
        """When it may be out of time at the earliest: a step may begin at any moment."""
        return min(self.until, time.monotonic() + LEAST_SECONDS)

    def fault(self) -> KustoError:
        """Return why it ends."""
        return self._caller.fault()

    def __enter__(self) -> None:
        now = time.monotonic()
        if len(self._steps) > 1:
            # The step around it waits.
            self._spent += now - self._since
        self._resume(now)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        now = time.monotonic()
        steps = self._steps
        # Whoever completes a moment too late may have been interrupted already, in what comes next.
        has_ended = now >= self.until and not self._caller.is_over
        seconds = now - self._since
        self._spent += seconds
        step = steps.pop()
        if steps:
            self._resume(now)
        else:
            self.until = self._caller.until
        if has_ended and (error is None or _is_of_its_end(error)):
            self._slow.add(step, seconds, now)
            raise BudgetEnded(self._reason) from error

    @property
    def _reason(self) -> str:
        return (
            "It took too long: update policies and materialized views have "
            f"{self._for_all:g} s for all the rows of an ingestion, and {self._for_each * 1e6:g} µs more for each"
        )

    def _resume(self, now: float) -> None:
        self._since = now
        # Comparisons, since `min` and `max` would take a quarter of what all of this costs a trade.
        share = (self._allowed - self._spent) / 2
        if share < LEAST_SECONDS:
            share = LEAST_SECONDS
        if self._slow.has_any and self._slow.has(self._steps[-1], now):
            share = min(share, LEAST_SECONDS + (self._allowed - self._for_all) / 2)
        until = now + share
        self.until = until if until < self._caller.until else self._caller.until


def _is_of_its_end(error: BaseException) -> bool:
    if isinstance(error, duckdb.Error):
        return isinstance(error, duckdb.InterruptException) or is_of_statement(error)
    return isinstance(error, WorkEnded)
