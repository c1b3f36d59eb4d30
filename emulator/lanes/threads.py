"""Calls in threads, awaited for as long as their work may take; a place is taken until the thread is free again."""

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from emulator.errors import OutOfResources
from emulator.work import Work

T = TypeVar("T")

# Work ends itself when it is out of time; whoever waits for it goes only if that takes longer than this.
_GRACE_SECONDS = 2.0


class Threads:
    """So many threads, which begin when they are needed; used from one event loop at a time."""

    def __init__(self, name: str, number: int) -> None:
        self.running: set[asyncio.Future[Any]] = set()  # of calls of any kind
        self._is_closed = False
        self._pool = ThreadPoolExecutor(number, thread_name_prefix=name)

    def start(self, call: Callable[[Work], T], work: Work, give_back: Callable[[], None]) -> asyncio.Future[T]:
        """Begin a call and return its end; `give_back` is called in the event loop when the thread is free again."""
        try:
            # Canceled where the turn came at the moment of closing, after which no thread begins anything.
            work.check()
            running = asyncio.get_running_loop().run_in_executor(self._pool, _begin, call, work)
        except RuntimeError as error:
            give_back()
            if self._is_closed:
                raise
            # The pool asks for another thread when it has taken the call, which one of those that it has may begin yet.
            work.cancel("no thread could be started for it")
            raise OutOfResources("No thread can be started: the machine, or its limits, have none to give.") from error
        except BaseException:
            give_back()
            raise

        def over(ended: asyncio.Future[T]) -> None:
            self.running.discard(ended)
            give_back()
            if not ended.cancelled():
                # Somebody may have gone without asking how it ended.
                ended.exception()

        self.running.add(running)
        running.add_done_callback(over)
        return running

    def close(self) -> None:
        """Begin nothing more."""
        self._is_closed = True
        self._pool.shutdown(wait=False)


def _begin(call: Callable[[Work], T], work: Work) -> T:
    work.check()
    return call(work)


async def end_of(running: asyncio.Future[T], work: Work) -> T:
    """Return what a call returns or raise what it raises; the work of a task that is canceled is canceled too."""
    while not await has_ended(running, work, _patience(work)):
        if work.until + _GRACE_SECONDS <= time.monotonic():
            fault = work.fault()
            work.cancel()
            raise fault
    return running.result()


async def has_ended(running: asyncio.Future[T], work: Work, seconds: float | None) -> bool:
    """Wait so long for the end of a call; return whether it has come.

    Not `asyncio.wait_for`, which takes a call for ended that it has canceled, while its thread goes on; nor
    `asyncio.wait`, which goes once more round the event loop.
    """
    if running.done():
        return True
    loop = asyncio.get_running_loop()
    woken = loop.create_future()

    def wake(_: object = None) -> None:
        if not woken.done():
            woken.set_result(None)

    running.add_done_callback(wake)
    timer = None if seconds is None else loop.call_later(seconds, wake)
    try:
        await woken
    except asyncio.CancelledError:
        work.cancel("its client has left")
        raise
    finally:
        running.remove_done_callback(wake)
        if timer is not None:
            timer.cancel()
    return running.done()


def _patience(work: Work) -> float | None:
    return None if work.until == math.inf else work.seconds_left + _GRACE_SECONDS
