"""A clock that stands still until a test moves it."""

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")
START = datetime(2024, 3, 1, 15, 0, tzinfo=UTC)
_TURNS = 30


class ManualClock:
    """Sleepers wait until `advance` reaches them; every duration asked for is kept in `slept`."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def set_by(self, change: timedelta) -> None:
        """Set the wall clock on or back, as an administrator or NTP does; the counter goes on."""
        self._start += change

    def monotonic(self) -> float:
        return 1_000.0 + self._elapsed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), waiting))
        await waiting

    async def advance(self, seconds: float) -> None:
        """Move time on, waking sleepers in order."""
        end = self._elapsed + seconds
        await settle()
        while (due := self._next()) is not None and due <= end:
            self._wake()
            await settle()
        self._elapsed = end
        await settle()

    async def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end, jumping to the next sleeper whenever everything waits."""
        task = asyncio.ensure_future(work)
        while not task.done():
            await settle()
            if task.done():
                break
            if self._next() is None:
                # Only work in a thread can still bring it on; most of it takes no longer than this.
                await asyncio.wait({task}, timeout=0.001)
            else:
                self._wake()
        return await task

    def _next(self) -> float | None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def _wake(self) -> None:
        due, _, waiting = heapq.heappop(self._sleepers)
        self._elapsed = max(self._elapsed, due)
        waiting.set_result(None)


async def move_until(clock: ManualClock, condition: Callable[[], bool], step: float = 0.1) -> None:
    """Move a clock in steps until a condition holds that also depends on files or sockets."""
    async with asyncio.timeout(10):
        while not condition():
            await clock.advance(step)
            await asyncio.sleep(0.001)


async def settle() -> None:
    """Let every task run until it waits for something."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def seeded(seed: int = 1) -> Random:
    """Return a generator of jitter that is the same in every run."""
    return Random(seed)  # noqa: S311 - jitter, not secrets
