"""Batches to a sink, in order: directly while it works, by way of a spool on disk while it does not.

As long as the spool holds anything, every batch goes through it, so that a symbol's trades never overtake each other.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from random import Random
from typing import TypeVar

from producer.clock import Clock
from producer.errors import ProducerError
from producer.model import Trade, decode_trade
from producer.pipeline.batching import Batch, BatchLimits
from producer.pipeline.counters import Counters
from producer.pipeline.spool import Spool, SpoolFull, SpoolUnreadable
from producer.rate_limit import RateLimiter
from producer.retry import RetryPolicy, with_retries
from producer.source import Sink

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How stubborn a sink is asked, and when the spool takes over.

    Without a spool a sink is asked for ever. With one, a batch that fails `direct_attempts` times goes to disk; with
    `write_ahead` every batch does, before it is sent: then even a killed process loses nothing of a sealed batch.
    """

    # A sink that is back should not be left waiting long: what is late is no live price.
    retry: RetryPolicy = field(default_factory=lambda: RetryPolicy(attempts=None, cap_seconds=5.0))
    direct_attempts: int = 3
    write_ahead: bool = False
    send_interval_seconds: float = 0.0
    full_disk_seconds: float = 1.0


class Delivery:
    """Hands batches to one sink; `deliver` is called by one task at a time.

    Batches from the spool are joined up to `limits`: many small ones may have come while the sink was slow.
    """

    def __init__(
        self,
        sink: Sink,
        clock: Clock,
        settings: DeliverySettings,
        counters: Counters,
        random: Random,
        spool: Spool | None = None,
        limits: BatchLimits | None = None,
    ) -> None:
        self._sink = sink
        self._clock = clock
        self._settings = settings
        self._counters = counters
        self._random = random
        self._spool = spool
        self._limits = limits or BatchLimits()
        self._limiter = RateLimiter(settings.send_interval_seconds, clock)
        self._files = asyncio.Lock()
        self._changed = asyncio.Event()
        self._is_last_delivered = False
        self._pending: Batch | None = None
        self._oldest_spooled: datetime | None = None
        if spool:
            counters.recovered = counters.spooled = spool.trades

    @property
    def oldest(self) -> datetime | None:
        """When the oldest trade that is not delivered was received, as far as it is here."""
        pending = self._pending.trades[0].received_at if self._pending else None
        return self._oldest_spooled or pending

    async def deliver(self, batch: Batch) -> None:
        """Send a batch, or put it on disk; on return it is in either place."""
        self._pending = batch
        if self._spool is None:
            await self._send(batch.trades, batch.payloads, self._settings.retry)
        elif not (self._spool.is_empty and not self._settings.write_ahead and await self._sent_directly(batch)):
            await self._store(self._spool, batch)
        self._pending = None

    async def drain(self) -> None:
        """Send what the spool holds, and what it is given, until `finish` was called and it is empty."""
        if self._spool is None:
            return
        while not (self._is_last_delivered and self._spool.is_empty):
            if self._spool.is_empty:
                self._oldest_spooled = None
                self._changed.clear()
                await self._changed.wait()
                continue
            spooled = await self._with_files(partial(self._spool.peek, self._limits.count, self._limits.size_bytes))
            if spooled is None:
                continue
            trades = [decode_trade(payload) for payload in spooled.payloads]
            self._oldest_spooled = trades[0].received_at
            await self._send(trades, spooled.payloads, self._settings.retry)
            await self._with_files(partial(self._spool.commit, spooled))
            self._counters.spooled = self._spool.trades

    def finish(self) -> None:
        """Let `drain` end once the spool is empty: nothing more will be delivered."""
        self._is_last_delivered = True
        self._changed.set()

    async def store_rest(self, rest: list[Batch]) -> None:
        """Put on disk what is still in memory when time is up; without a spool, or room in it, it stays there."""
        if self._spool is None:
            return
        try:
            for batch in [self._pending, *rest] if self._pending else rest:
                await self._append(self._spool, batch)
        except SpoolFull as error:
            self._counters.last_error = str(error)

    async def _sent_directly(self, batch: Batch) -> bool:
        direct = replace(self._settings.retry, attempts=self._settings.direct_attempts)
        try:
            await self._send(batch.trades, batch.payloads, direct)
        except ProducerError as error:
            if not error.retryable:
                raise
            self._counters.last_error = str(error)
            return False
        return True

    async def _store(self, spool: Spool, batch: Batch) -> None:
        while True:
            try:
                return await self._append(spool, batch)
            except SpoolFull as error:
                # Waiting here fills the queue behind, and that holds the source back.
                self._counters.last_error = str(error)
            await self._clock.sleep(self._settings.full_disk_seconds)

    async def _append(self, spool: Spool, batch: Batch) -> None:
        def append() -> None:
            spool.append(batch.payloads)
            self._pending = None

        async with self._files:
            await _to_the_end(append)
        self._oldest_spooled = self._oldest_spooled or batch.trades[0].received_at
        self._counters.spooled = spool.trades
        self._changed.set()

    async def _with_files(self, work: Callable[[], T]) -> T:
        """Do what reads the spool, again until it can be read."""
        while True:
            try:
                async with self._files:
                    return await _to_the_end(work)
            except SpoolUnreadable as error:
                self._counters.last_error = str(error)
            await self._clock.sleep(self._settings.full_disk_seconds)

    async def _send(self, trades: Sequence[Trade], payloads: Sequence[bytes], policy: RetryPolicy) -> None:
        async def attempt() -> None:
            await self._limiter.acquire()
            await self._sink.send(trades, payloads)

        await with_retries(attempt, policy, self._clock, self._random, self._note_retry)
        last = trades[-1].timestamp
        self._counters.batches += 1
        self._counters.sent += len(trades)
        self._counters.last_event = last
        self._counters.delay_seconds = (self._clock.now() - last).total_seconds()

    def _note_retry(self, error: ProducerError) -> None:
        self._counters.sink_retries += 1
        self._counters.last_error = str(error)


async def _to_the_end(work: Callable[[], T]) -> T:
    """Run file work in a thread, and let it finish even when its caller is cancelled: files know no half calls."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
