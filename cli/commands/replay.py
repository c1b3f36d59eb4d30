"""`tickhouse replay`: recorded trades again, at a chosen speed."""

import asyncio
import math
from pathlib import Path

from cli.composition.eventhouses import find_target, open_eventhouse
from cli.composition.files import require_files
from cli.composition.market import require_market
from cli.errors import CliError
from cli.settings.target import TargetSettings
from cli.terminal import messages
from emulator.errors import KustoError
from producer.clock import SystemClock
from producer.pipeline.pipeline import Pipeline, PipelineSettings
from producer.sinks.eventhouse import EventhouseSink
from producer.sources.files.reading import FileOptions
from producer.sources.files.replay import ReplaySettings, ReplaySource


def run_replay(*, file: Path, speed: float, options: FileOptions, target: TargetSettings) -> None:
    """Send the trades of a file through the producer's pipeline."""
    require_files((file,))
    asyncio.run(_replay(file, speed, options, target))


async def _replay(file: Path, speed: float, options: FileOptions, given: TargetSettings) -> None:
    console, target = messages(), find_target(given)
    target.tell(console)
    clock = SystemClock()
    source = ReplaySource(file, clock, ReplaySettings(speed=speed or math.inf, options=options))
    eventhouse = await open_eventhouse(target, create=True)
    try:
        await require_market(eventhouse)
        counters = await Pipeline(source, EventhouseSink(eventhouse), clock, PipelineSettings()).run()
    except KustoError as error:
        raise CliError(str(error)) from error
    finally:
        await eventhouse.close()
    console.print(f"{file.name}: {counters.sent:,} trades sent in {counters.batches:,} batches")
