"""`tickhouse replay`: recorded trades again, at a chosen speed."""

import asyncio
import math
from pathlib import Path

from rich.console import Console

from cli.composition.eventhouses import open_eventhouse
from cli.composition.files import require_files
from cli.composition.market import require_market
from cli.errors import CliError
from emulator.errors import KustoError
from producer.clock import SystemClock
from producer.pipeline.pipeline import Pipeline, PipelineSettings
from producer.sinks.eventhouse import EventhouseSink
from producer.sources.files.reading import FileOptions
from producer.sources.files.replay import ReplaySettings, ReplaySource


def run_replay(
    *, file: Path, speed: float, options: FileOptions, data: Path | None, url: str | None, database: str
) -> None:
    """Send the trades of a file through the producer's pipeline."""
    require_files((file,))
    asyncio.run(_replay(file, speed, options, data, url, database))


async def _replay(
    file: Path, speed: float, options: FileOptions, data: Path | None, url: str | None, database: str
) -> None:
    clock = SystemClock()
    source = ReplaySource(file, clock, ReplaySettings(speed=speed or math.inf, options=options))
    eventhouse = await open_eventhouse(url=url, data=data, database=database, create=True)
    try:
        await require_market(eventhouse)
        counters = await Pipeline(source, EventhouseSink(eventhouse), clock, PipelineSettings()).run()
    except KustoError as error:
        raise CliError(str(error)) from error
    finally:
        await eventhouse.close()
    Console(stderr=True).print(f"{file.name}: {counters.sent:,} trades sent in {counters.batches:,} batches")
