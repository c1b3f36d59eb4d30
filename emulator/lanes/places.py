"""Places for so many at a time, and a queue of bounded length in front of them."""

import asyncio
import math
from collections.abc import Callable

from emulator.errors import ThrottledFault
from emulator.work import Work


class Places:
    """Places that are given in the order of asking; used from one event loop at a time.

    Who finds `waiting` others before him, or waits until his work is out of time, gets the fault that `refuse` makes
    of the number of all who may be here.
    """

    def __init__(self, number: int, waiting: int, refuse: Callable[[int], ThrottledFault]) -> None:
        self._free = number
        self._longest = waiting
        self._capacity = number + waiting
        self._refuse = refuse
        # Ordered, and who leaves is found at once.
        self._waiting: dict[asyncio.Future[None], None] = {}

    def take_free(self) -> bool:
        """Take a place if one is free; return whether it was."""
        if not self._free:
            return False
        self._free -= 1
        return True

    async def take(self, work: Work) -> None:
        """Take a place, or wait for one as long as the work may. Raises ThrottledFault, or CancelFault."""
        work.check()
        if self.take_free():
            return
        if len(self._waiting) >= self._longest:
            raise self._refuse(self._capacity)
        await self._wait(work)

    def give_back(self) -> None:
        """Give a place to who has waited longest."""
        while self._waiting:
            first = next(iter(self._waiting))
            del self._waiting[first]
            if not first.done():
                first.set_result(None)
                return
        self._free += 1

    async def _wait(self, work: Work) -> None:
        loop = asyncio.get_running_loop()
        turn = loop.create_future()

        def end() -> None:
            if not turn.done():
                turn.set_exception(work.fault())

        def cancel() -> None:
            loop.call_soon_threadsafe(end)

        self._waiting[turn] = None
        work.when_canceled(cancel)
        seconds = work.seconds_left
        try:
            async with asyncio.timeout(None if seconds == math.inf else seconds):
                await turn
        except BaseException as error:
            self._waiting.pop(turn, None)
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                # The turn came at the moment of leaving.
                self.give_back()
            if isinstance(error, TimeoutError):
                raise self._refuse(self._capacity) from None
            raise
        finally:
            work.forget(cancel)
