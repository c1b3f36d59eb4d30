"""A source that waits for its turn: of several producers on the same symbols one is active, the others stand by.

Sources whose trades have ids of their own stand by warm: they are read all the time, and the last seconds are kept, so
that the one that takes over also tells what the other one may have died with. Sources that count differences, like
polled quotes, stand by cold and go on from what the database has: their sizes depend on what was told before.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from producer.clock import Clock
from producer.model import Trade
from producer.redundancy.lease import Lease
from producer.source import TradeSource


@dataclass(frozen=True, slots=True)
class StandbySettings:
    """Whether the source is read while standing by, and how much of it is kept.

    What is kept covers three times the lease: the other one may have died just after it renewed.
    """

    is_warm: bool = True
    kept_trades: int = 100_000


class StandbySource:
    """A `TradeSource` that yields only while its lease is held."""

    def __init__(
        self,
        source: TradeSource,
        lease: Lease,
        clock: Clock,
        settings: StandbySettings | None = None,
        *,
        on_takeover: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.name = source.name
        self._source = source
        self._lease = lease
        self._clock = clock
        self._settings = settings or StandbySettings()
        self._on_takeover = on_takeover
        self._kept: deque[tuple[float, Trade]] = deque(maxlen=self._settings.kept_trades)
        self._taken_over = asyncio.Event()

    @property
    def role(self) -> str:
        """`active` or `standby`."""
        return "active" if self._lease.is_held else "standby"

    async def close(self) -> None:
        """Give the lease back, so that another producer takes over at once, and close the source."""
        await asyncio.to_thread(self._lease.release)
        await self._source.close()

    async def trades(self) -> AsyncGenerator[Trade, None]:
        """Iterate over the source's trades while the lease is held; wait for the lease while it is not."""
        keeper = asyncio.create_task(self._keep_lease(), name=f"lease of {self.name}")
        try:
            async with aclosing(self._warm() if self._settings.is_warm else self._cold()) as trades:
                async for trade in trades:
                    yield trade
        finally:
            keeper.cancel()
            await asyncio.wait({keeper})

    async def _keep_lease(self) -> None:
        while True:
            if await asyncio.to_thread(self._lease.claim):
                self._taken_over.set()
            else:
                self._taken_over.clear()
            await self._clock.sleep(self._lease.seconds / 3)

    async def _cold(self) -> AsyncGenerator[Trade, None]:
        while True:
            await self._taken_over.wait()
            if self._on_takeover:
                await self._on_takeover()
            async with aclosing(self._source.trades()) as trades:
                async for trade in trades:
                    if not self._is_active():
                        break
                    yield trade
                else:
                    return

    async def _warm(self) -> AsyncGenerator[Trade, None]:
        async with aclosing(self._source.trades()) as trades:
            coming = asyncio.ensure_future(anext(trades, None))
            try:
                while True:
                    if not self._is_active():
                        await self._stand_by(coming)
                    self._forget()
                    while self._kept and self._is_active():
                        yield self._kept.popleft()[1]
                    if self._kept and not coming.done():
                        # The lease has run out amid them: the others come first when it is there again.
                        continue
                    trade = await coming
                    if trade is None:
                        return
                    if self._is_active():
                        yield trade
                    else:
                        self._keep(trade)
                    coming = asyncio.ensure_future(anext(trades, None))
            finally:
                coming.cancel()
                await asyncio.wait({coming})

    async def _stand_by(self, coming: "asyncio.Future[Trade | None]") -> None:
        """Wait for the next trade or for the lease, whichever comes first."""
        turn = asyncio.ensure_future(self._taken_over.wait())
        try:
            waiting: set[asyncio.Future[Any]] = {coming, turn}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            turn.cancel()

    def _is_active(self) -> bool:
        if self._lease.is_held:
            return True
        # A lease that ran out unnoticed, for this process stood still, is noticed here.
        self._taken_over.clear()
        return False

    def _keep(self, trade: Trade) -> None:
        self._kept.append((self._clock.monotonic(), trade))
        self._forget()

    def _forget(self) -> None:
        horizon = self._clock.monotonic() - 3 * self._lease.seconds
        while self._kept and self._kept[0][0] < horizon:
            self._kept.popleft()
