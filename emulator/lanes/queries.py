"""The lane of queries: every one begins soon, and what turns out heavy goes on only where there is a core for it.

What a query costs is seen when it runs. One that has used up its start while all heavy places are taken is ended and
waits, to begin again: it only reads, and loses no more than its start. Before it waits for a heavy place, for as long
as others take, it gets one more chance with ten times as much.
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from emulator.errors import CancelFault, ThrottledFault
from emulator.lanes.places import Places
from emulator.lanes.threads import Threads, end_of, has_ended
from emulator.work import Work

T = TypeVar("T")

# How long a query counts as light; then it is looked at again and again.
_START_SECONDS = 0.1
_LOOK_SECONDS = 0.05
# What it may use of a core: beside much other work a light one takes long, but has used little.
_START_CPU_SECONDS, _SECOND_CPU_SECONDS = 0.1, 1.0
# How much longer it may take than that, whatever it has used: DuckDB may do its work in other threads.
_LONGEST = 20
# concepts/querylimits.md, "Limit on request concurrency": ten for each core.
_HEAVY_PER_CORE = 10
# So many that are light take about a second.
_LIGHT_PER_CORE = 50


class QueryLane:
    """Queries of one party: `heavy` of them at a time for as long as they take, starts and one second start beside."""

    def __init__(self, name: str, cores: int, heavy: int) -> None:
        starts = max(4, 2 * cores)
        self._starts = Places(starts, _LIGHT_PER_CORE * cores, _throttled)
        self._second = Places(1, _HEAVY_PER_CORE * heavy, _throttled)
        self._heavy = Places(heavy, (_HEAVY_PER_CORE - 1) * heavy, _throttled)
        self.threads = Threads(name, starts + 1 + heavy)

    async def run(self, work: Work, call: Callable[[Work], T]) -> T:
        """Run a call, perhaps three times, until its work is not canceled for lack of a place."""
        for places, seconds in ((self._starts, _START_CPU_SECONDS), (self._second, _SECOND_CPU_SECONDS)):
            await places.take(work)
            start = _Start(work.part(), places, seconds)
            try:
                return await self._begun(start, call)
            except CancelFault:
                # One that is canceled while it is set aside hears why, not that it was to wait.
                work.check()
                if not start.is_set_aside:
                    raise
        await self._heavy.take(work)
        return await end_of(self.threads.start(call, work, self._heavy.give_back), work)

    async def _begun(self, start: "_Start", call: Callable[[Work], T]) -> T:
        running = self.threads.start(start.doing(call), start.work, start.give_back)
        patience = _START_SECONDS
        while not await has_ended(running, start.work, patience):
            if self._heavy.take_free():
                start.move_to(self._heavy)
                break
            if start.is_used_up:
                start.set_aside()
                break
            patience = _LOOK_SECONDS
        return await end_of(running, start.work)


class _Start:
    """A run of a query with so many seconds of a core, in a place among the starts until it goes on as a heavy one."""

    def __init__(self, work: Work, places: Places, seconds: float) -> None:
        self.work = work
        self.is_set_aside = False
        self._places = places
        self._seconds = seconds
        self._began = time.monotonic()
        self._cpu = time.monotonic
        self._cpu_before = self._began

    @property
    def is_used_up(self) -> bool:
        """Whether it has had what a light query needs."""
        return (
            self._cpu() - self._cpu_before >= self._seconds
            or time.monotonic() - self._began >= self._seconds * _LONGEST
        )

    def doing(self, call: Callable[[Work], T]) -> Callable[[Work], T]:
        """Return the call so that what its thread uses is known."""

        def run(work: Work) -> T:
            self._cpu = _cpu_of_this_thread()
            self._cpu_before = self._cpu()
            return call(work)

        return run

    def move_to(self, places: Places) -> None:
        """Go on in a place that was taken there."""
        self._places.give_back()
        self._places = places

    def set_aside(self) -> None:
        """End it; it is to begin again."""
        self.is_set_aside = self.work.cancel("it waits for a core")

    def give_back(self) -> None:
        """Give its place back."""
        self._places.give_back()


def _cpu_of_this_thread() -> Callable[[], float]:
    """Return a clock of this thread's CPU time that any thread can read; of all time where there is none."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return time.monotonic
    clock = time.pthread_getcpuclockid(threading.get_ident())
    return lambda: time.clock_gettime(clock)


def _throttled(capacity: int) -> ThrottledFault:
    return ThrottledFault(
        f"The query was aborted due to throttling. Retrying after some backoff might succeed. Capacity: {capacity}",
        "TooManyRequests",
    )
