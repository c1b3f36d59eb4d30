"""Source → bounded queue → validation → batches → sink, with retries, a spool, backpressure and a drain at the end."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from producer.clock import Clock
from producer.errors import BadData, ProducerError
from producer.model import Trade
from producer.pipeline.batching import Batch, Batcher, BatchLimits
from producer.pipeline.counters import Counters
from producer.pipeline.dead_letters import DeadLetters
from producer.pipeline.delivery import Delivery, DeliverySettings
from producer.pipeline.intake import Intake
from producer.pipeline.spool import Spool
from producer.pipeline.validation import EVENT_BYTES, checked_payload
from producer.retry import RetryPolicy
from producer.source import Sink, TradeSource

__all__ = ["Counters", "Pipeline", "PipelineSettings"]

logger = logging.getLogger(__name__)

# A trade with its texts and instants, in memory; measured, and rounded up.
_TRADE_BYTES = 1_024


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """How a pipeline buffers and how stubborn it is.

    By default both ends are retried for ever: a full queue holds the source back, so that nothing is lost.
    """

    limits: BatchLimits = field(default_factory=BatchLimits)
    queue_capacity: int = 5_000
    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    source_retry: RetryPolicy = field(
        default_factory=lambda: RetryPolicy(attempts=None, base_seconds=1.0, cap_seconds=60.0)
    )
    drain_seconds: float = 10.0

    @property
    def memory_bytes(self) -> int:
        """What trades take at most while they are here: the queue, an open batch, one being sent, one off the spool."""
        batch = self.limits.size_bytes + EVENT_BYTES + self.limits.count * _TRADE_BYTES
        return self.queue_capacity * _TRADE_BYTES + 3 * batch


class Pipeline:
    """Moves trades from one source to one sink; it runs once. The spool stays open for its owner."""

    def __init__(
        self,
        source: TradeSource,
        sink: Sink,
        clock: Clock,
        settings: PipelineSettings,
        random: Random | None = None,
        *,
        spool: Spool | None = None,
        dead_letters: DeadLetters | None = None,
    ) -> None:
        self.counters = Counters()
        self._source = source
        self._clock = clock
        self._settings = settings
        self._random = random or Random()  # noqa: S311 - jitter, not secrets
        self._intake = Intake(settings.queue_capacity)
        self._batcher = Batcher(settings.limits)
        self._dead_letters = dead_letters or DeadLetters(None, clock)
        self._delivery = Delivery(sink, clock, settings.delivery, self.counters, self._random, spool, settings.limits)

    @property
    def name(self) -> str:
        """The name of the source."""
        return self._source.name

    @property
    def queued(self) -> int:
        """Trades that wait to be batched."""
        return len(self._intake)

    @property
    def queue_capacity(self) -> int:
        """How many trades may wait before the source does."""
        return self._settings.queue_capacity

    @property
    def oldest_received_at(self) -> datetime | None:
        """When the oldest trade that is not delivered was received; None where all are."""
        waiting = self._batcher.oldest or self._intake.oldest
        return self._delivery.oldest or (waiting.received_at if waiting else None)

    async def run(self) -> Counters:
        """Run until the source ends or this task is cancelled, send what was received, then return or re-raise.

        A final error of the source is raised after that, one of the sink at once.
        """
        reader = asyncio.create_task(self._read(), name=f"read {self.name}")
        writer = asyncio.create_task(self._write(), name=f"write {self.name}")
        drainer = asyncio.create_task(self._delivery.drain(), name=f"drain {self.name}")
        try:
            await asyncio.wait({reader, writer, drainer}, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            await _stop(reader)
            await self._drain(writer, drainer)
        for task in (writer, drainer, reader):
            if not task.cancelled() and (error := task.exception()):
                raise error
        return self.counters

    async def _read(self) -> None:
        failures = 0
        try:
            while True:
                try:
                    async with aclosing(self._source.trades()) as trades:
                        async for trade in trades:
                            failures = 0
                            await self._intake.put(trade)
                            self.counters.received += 1
                    return
                except ProducerError as error:
                    failures += 1
                    self.counters.source_failures += 1
                    self.counters.last_error = str(error)
                    policy = self._settings.source_retry
                    if policy.is_final(failures, error):
                        raise
                    delay = policy.delay(failures, error, self._random)
                    logger.warning("source failed, next attempt in %.1f s: %s", delay, error)
                await self._clock.sleep(delay)
        finally:
            self._intake.close()

    async def _write(self) -> None:
        try:
            while not self._intake.exhausted:
                for batch in self._full_batches():
                    await self._delivery.deliver(batch)
                if self._batcher.is_due(self._clock.monotonic()):
                    await self._delivery.deliver(self._batcher.seal())
                else:
                    await self._wait(self._batcher.deadline)
            if self._batcher.deadline is not None:
                await self._delivery.deliver(self._batcher.seal())
        finally:
            self._delivery.finish()

    def _full_batches(self) -> Iterator[Batch]:
        """Batch what is in the queue; the last batch stays open."""
        while (trade := self._intake.pop()) is not None:
            if full := self._add(trade):
                yield full
            if self._batcher.room <= 0:
                yield self._batcher.seal()

    def _add(self, trade: Trade) -> Batch | None:
        """Check a trade and batch it; return the batch that it was too much for."""
        try:
            payload = checked_payload(trade)
        except BadData as error:
            self.counters.dead_letters += 1
            self._dead_letters.write(trade.source, error.message, repr(trade))
            return None
        return self._batcher.add(trade, payload, self._clock.monotonic())

    async def _wait(self, deadline: float | None) -> None:
        """Wait for a trade, or for what fills the open batch, but not past its deadline."""
        if deadline is None:
            return await self._intake.wait()
        arrival = asyncio.create_task(self._intake.wait(self._batcher.room))
        timer = asyncio.create_task(self._clock.sleep(deadline - self._clock.monotonic()))
        try:
            await asyncio.wait({arrival, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _stop(arrival)
            await _stop(timer)

    async def _drain(self, writer: "asyncio.Task[None]", drainer: "asyncio.Task[None]") -> None:
        """Give what was received some time to be delivered; then put it on disk, where there is a spool."""
        self._intake.close()
        timer = asyncio.create_task(self._clock.sleep(self._settings.drain_seconds))
        try:
            for task in (writer, drainer):
                if not task.done() and not timer.done():
                    await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (timer, writer, drainer):
                await _stop(task)
            await self._delivery.store_rest(self._rest())
        self.counters.unsent = self.counters.in_flight
        if self.counters.unsent:
            logger.error("%d trades were received and not delivered", self.counters.unsent)

    def _rest(self) -> list[Batch]:
        """What is in the queue and in the open batch, as batches."""
        batches = list(self._full_batches())
        if self._batcher.deadline is not None:
            batches.append(self._batcher.seal())
        return batches


async def _stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait({task})
