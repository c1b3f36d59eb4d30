"""A lane: threads for one kind of work that nothing else takes, with a bounded queue in front."""

from collections.abc import Callable
from typing import TypeVar

from emulator.errors import ThrottledFault
from emulator.lanes.places import Places
from emulator.lanes.threads import Threads, end_of
from emulator.work import Work

T = TypeVar("T")


class Lane:
    """So many threads, and so many who may wait for one; `refuse` makes the fault for who comes beyond these."""

    def __init__(self, name: str, threads: int, waiting: int, refuse: Callable[[int], ThrottledFault]) -> None:
        self._places = Places(threads, waiting, refuse)
        self.threads = Threads(name, threads)

    async def run(self, work: Work, call: Callable[[Work], T]) -> T:
        """Run a call when its turn comes."""
        await self._places.take(work)
        return await end_of(self.threads.start(call, work, self._places.give_back), work)
