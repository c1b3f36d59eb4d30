"""The producer's pipeline as the tool runs it: spool and dead letters in the data folder, and a status."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console

from cli.composition.delivery import Delivery
from cli.status.producer import reported
from producer.clock import SystemClock
from producer.pipeline.batching import BatchLimits
from producer.pipeline.dead_letters import DeadLetters
from producer.pipeline.delivery import DeliverySettings
from producer.pipeline.pipeline import Pipeline, PipelineSettings
from producer.pipeline.spool import Spool
from producer.pipeline.status import StatusMeter
from producer.source import Sink, TradeSource

# What is not delivered by then goes to the spool, and is delivered by the next run.
DRAIN_SECONDS = 2.0
SPOOL_FOLDER = "spool"
DEAD_LETTERS_FILE = "producer-dead-letters.jsonl"


@asynccontextmanager
async def pipeline_to(
    delivery: Delivery,
    source: TradeSource,
    data: Path,
    console: Console,
    *,
    write_ahead: bool = False,
    batch_age: float = 0.0,
    watch: Callable[[Sink], Sink] | None = None,
    role: Callable[[], str] = lambda: "active",
) -> AsyncIterator[Pipeline]:
    """Open a pipeline and report on it for the duration.

    A trade waits `batch_age` seconds for others. `watch` may stand between pipeline and sink.
    """
    clock = SystemClock()
    dead_letters = DeadLetters(data / DEAD_LETTERS_FILE, clock)
    settings = PipelineSettings(
        limits=BatchLimits(age_seconds=batch_age),
        delivery=DeliverySettings(write_ahead=write_ahead),
        drain_seconds=DRAIN_SECONDS,
    )
    async with delivery.sink() as sink:
        with Spool(data / SPOOL_FOLDER) as spool:
            through = watch(sink) if watch else sink
            pipeline = Pipeline(source, through, clock, settings, spool=spool, dead_letters=dead_letters)
            meter = StatusMeter(pipeline, clock, spool)
            async with reported(meter, data, delivery.name, console, role=role, landing=delivery.landing):
                yield pipeline
