"""The bounded queue between a source and a sink: when it is full the source waits."""

import asyncio
from collections import deque

from producer.model import Trade


class Intake:
    """First in, first out, for one reader and one writer task; once closed it takes nothing more."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._trades: deque[Trade] = deque()
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._trades)

    @property
    def exhausted(self) -> bool:
        """Whether nothing is here and nothing will come."""
        return self._closed and not self._trades

    @property
    def oldest(self) -> Trade | None:
        """The trade that is taken out next."""
        return self._trades[0] if self._trades else None

    async def put(self, trade: Trade) -> None:
        """Add a trade, waiting while the queue is full."""
        while len(self._trades) >= self._capacity:
            self._writable.clear()
            await self._writable.wait()
        self._trades.append(trade)
        self._readable.set()

    def pop(self) -> Trade | None:
        """Take the oldest trade, or None where there is none at the moment."""
        if not self._trades:
            return None
        trade = self._trades.popleft()
        self._writable.set()
        return trade

    async def wait(self, count: int = 1) -> None:
        """Wait until so many trades are here, or the queue is full or closed."""
        while len(self._trades) < min(count, self._capacity) and not self._closed:
            self._readable.clear()
            await self._readable.wait()

    def close(self) -> None:
        """Take nothing more; what is in the queue can still be taken out."""
        self._closed = True
        self._readable.set()
