"""`tickhouse producer run`: a source into an Eventhouse or an event hub, until the source ends or a signal comes."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from cli.delivery import Delivery, direct, into_hub
from cli.errors import CliError
from cli.eventhouses import open_eventhouse
from cli.hub import CONNECTION_VARIABLE, connection_in
from cli.load import require_market
from cli.pipelines import pipeline_to
from cli.servers import until_signal_or_end
from cli.sources import Source, choose_source, default_data, refuse_mixing
from producer.clock import SystemClock
from producer.lease import FileLease
from producer.sources.simulated import SimulatedSource
from producer.sources.standby import StandbySettings, StandbySource


@dataclass(frozen=True, slots=True)
class ProducerSettings:
    """What `producer run` was asked to do; `via` None leaves the choice to the environment."""

    source: str
    data: Path | None
    url: str | None
    database: str
    via: str | None
    trades_per_second: float
    mix: bool = False
    write_ahead: bool = False
    lease: Path | None = None


def run_producer(settings: ProducerSettings) -> None:
    """Run until the source ends or a signal comes; what was received is sent, or spooled, before the end."""
    asyncio.run(_run(settings, Console(stderr=True)))


async def _run(settings: ProducerSettings, console: Console) -> None:
    connection = connection_in()
    via = settings.via or ("eventhubs" if connection and settings.url is None else "direct")
    if via == "eventhubs" and connection is None:
        raise CliError(
            "no event hub is known", hint=f"set {CONNECTION_VARIABLE} to the connection string of the namespace and hub"
        )
    source = await choose_source(settings.source, console, settings.trades_per_second)
    if source is None:
        raise CliError("a producer needs a source", hint="give --source yahoo or --source simulated")
    try:
        data = settings.data or default_data(source)
        data.mkdir(parents=True, exist_ok=True)
        async with _delivery(settings, connection if via == "eventhubs" else None, source) as delivery:
            console.print(f"[bold]{source.name}[/] → [bold]{delivery.name}[/]  Ctrl-C ends it.")
            turns = _taking_turns(source, settings.lease) if settings.lease else None
            async with pipeline_to(
                delivery,
                turns or source,
                data,
                console,
                write_ahead=settings.write_ahead,
                role=(lambda: turns.role) if turns else (lambda: "active"),
            ) as pipeline:
                try:
                    await until_signal_or_end(pipeline.run())
                finally:
                    if turns:
                        await turns.close()
        counters = pipeline.counters
        console.print(
            f"Ended: {counters.received + counters.recovered:,} trades received, {counters.sent:,} sent,"
            f" {counters.spooled:,} in the spool, {counters.unsent:,} lost."
        )
    finally:
        await source.close()


def _taking_turns(source: Source, lease: Path) -> StandbySource:
    """Let a source produce only while it holds the lease; polled quotes are differences, which only one may count."""
    clock = SystemClock()
    holder = f"{socket.gethostname()}:{os.getpid()}"
    is_warm = isinstance(source, SimulatedSource)
    return StandbySource(source, FileLease(lease, holder, clock), clock, StandbySettings(is_warm=is_warm))


@asynccontextmanager
async def _delivery(settings: ProducerSettings, connection: str | None, source: Source) -> AsyncIterator[Delivery]:
    if connection is not None:
        yield into_hub(connection)
        return
    data = None if settings.url is not None else settings.data or default_data(source)
    eventhouse = await open_eventhouse(url=settings.url, data=data, database=settings.database, create=True)
    try:
        await require_market(eventhouse)
        if not settings.mix:
            await refuse_mixing(eventhouse, simulated=isinstance(source, SimulatedSource))
        yield direct(eventhouse, "eventhouse" if settings.url is None else f"eventhouse at {settings.url}")
    finally:
        await eventhouse.close()
