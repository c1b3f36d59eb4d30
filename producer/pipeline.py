"""Source → bounded queue → batches → sink, with retries, backpressure and a drain at the end."""

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from producer.batching import Batch, Batcher, BatchLimits
from producer.clock import Clock
from producer.errors import ProducerError
from producer.intake import Intake
from producer.rate_limit import RateLimiter
from producer.retry import RetryPolicy, with_retries
from producer.source import Sink, TradeSource

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Counters:
    """What a pipeline has done so far; may be read at any time."""

    received: int = 0
    sent: int = 0
    batches: int = 0
    sink_retries: int = 0
    source_failures: int = 0
    unsent: int = 0
    last_event: datetime | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """How a pipeline buffers and how stubborn it is.

    By default both ends are retried for ever: a full queue holds the source back, so that nothing is lost.
    """

    limits: BatchLimits = field(default_factory=BatchLimits)
    queue_capacity: int = 5_000
    sink_retry: RetryPolicy = field(default_factory=lambda: RetryPolicy(attempts=None))
    source_retry: RetryPolicy = field(
        default_factory=lambda: RetryPolicy(attempts=None, base_seconds=1.0, cap_seconds=60.0)
    )
    send_interval_seconds: float = 0.0
    drain_seconds: float = 10.0


class Pipeline:
    """Moves trades from one source to one sink; it runs once."""

    def __init__(
        self, source: TradeSource, sink: Sink, clock: Clock, settings: PipelineSettings, random: Random | None = None
    ) -> None:
        self.counters = Counters()
        self._source = source
        self._sink = sink
        self._clock = clock
        self._settings = settings
        self._random = random or Random()  # noqa: S311 - jitter, not secrets
        self._intake = Intake(settings.queue_capacity)
        self._limiter = RateLimiter(settings.send_interval_seconds, clock)

    async def run(self) -> Counters:
        """Run until the source ends or this task is cancelled, send what was received, then return or re-raise.

        A final error of the source is raised after that, one of the sink at once.
        """
        reader = asyncio.create_task(self._read(), name=f"read {self._source.name}")
        writer = asyncio.create_task(self._write(), name=f"write {self._source.name}")
        try:
            await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            await _stop(reader)
            await self._drain(writer)
        for task in (writer, reader):
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
        batcher = Batcher(self._settings.limits)
        while not self._intake.exhausted:
            while (trade := self._intake.pop()) is not None:
                if full := batcher.add(trade, self._clock.monotonic()):
                    await self._send(full)
                if batcher.is_due(self._clock.monotonic()):
                    await self._send(batcher.seal())
            if batcher.is_due(self._clock.monotonic()):
                await self._send(batcher.seal())
            await self._wait(batcher.deadline)
        if batcher.deadline is not None:
            await self._send(batcher.seal())

    async def _wait(self, deadline: float | None) -> None:
        """Wait for a trade, but not past the deadline of the open batch."""
        if deadline is None:
            return await self._intake.wait()
        arrival = asyncio.create_task(self._intake.wait())
        timer = asyncio.create_task(self._clock.sleep(deadline - self._clock.monotonic()))
        try:
            await asyncio.wait({arrival, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _stop(arrival)
            await _stop(timer)

    async def _send(self, batch: Batch) -> None:
        async def attempt() -> None:
            await self._limiter.acquire()
            await self._sink.send(batch.trades, batch.payloads)

        await with_retries(attempt, self._settings.sink_retry, self._clock, self._random, self._note_retry)
        self.counters.batches += 1
        self.counters.sent += len(batch.trades)
        self.counters.last_event = batch.trades[-1].timestamp

    def _note_retry(self, error: ProducerError) -> None:
        self.counters.sink_retries += 1
        self.counters.last_error = str(error)

    async def _drain(self, writer: "asyncio.Task[None]") -> None:
        self._intake.close()
        if not writer.done():
            timer = asyncio.create_task(self._clock.sleep(self._settings.drain_seconds))
            try:
                await asyncio.wait({writer, timer}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await _stop(timer)
                await _stop(writer)
        self.counters.unsent = self.counters.received - self.counters.sent
        if self.counters.unsent:
            logger.error("%d trades were received and not delivered", self.counters.unsent)


async def _stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait({task})
