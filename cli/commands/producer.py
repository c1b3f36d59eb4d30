"""`tickhouse producer run`: a source into an Eventhouse or an event hub, until the source ends or a signal comes."""

import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rich.console import Console

from cli.composition.data_folder import make_data_folder
from cli.composition.delivery import Delivery, direct, into_hub
from cli.composition.eventhouses import find_target, open_eventhouse
from cli.composition.hub import CONNECTION_VARIABLE, connection_in
from cli.composition.market import require_market
from cli.composition.pipelines import pipeline_to
from cli.composition.servers import run, until_signal_or_end
from cli.composition.sources import LiveSource, choose_source, default_data, refuse_mixing
from cli.errors import CliError
from cli.settings.target import TargetSettings
from cli.terminal import messages
from kql.client import Eventhouse, IngestionWay
from kql.reference import known_symbols
from producer.clock import SystemClock
from producer.redundancy.lease import FileLease
from producer.redundancy.standby import StandbySettings, StandbySource


@dataclass(frozen=True, slots=True)
class ProducerSettings:
    """What `producer run` was asked to do; `via` None leaves the choice to the environment.

    `ingestion` is for an Eventhouse by URL; None is managed there.
    """

    source: str
    data: Path | None
    url: str | None
    database: str
    via: str | None
    trades_per_second: float
    mix: bool = False
    write_ahead: bool = False
    batch_age: float = 0.0
    lease: Path | None = None
    symbols: tuple[str, ...] = field(default_factory=known_symbols)
    ingestion: IngestionWay | None = None


def run_producer(settings: ProducerSettings) -> None:
    """Run until the source ends or a signal comes; what was received is sent, or spooled, before the end."""
    run(_run(settings, messages()))


async def _run(settings: ProducerSettings, console: Console) -> None:
    connection = connection_in()
    via = settings.via or ("eventhubs" if connection and settings.url is None else "direct")
    if via == "eventhubs" and connection is None:
        raise CliError(
            "no event hub is known", hint=f"set {CONNECTION_VARIABLE} to the connection string of the namespace and hub"
        )
    if settings.ingestion is not None and (via == "eventhubs" or settings.url is None):
        raise CliError("--ingestion is for trades straight into an Eventhouse by URL", hint="give --eventhouse URL")
    queued = QueuedTrades(console, is_expected=settings.ingestion == "queued")
    source = await choose_source(settings.source, console, settings.trades_per_second, settings.symbols)
    if source is None:
        raise CliError("a producer needs a source", hint="give --source auto, simulated or live providers")
    try:
        data = settings.data or default_data(source)
        make_data_folder(data)
        way = connection if via == "eventhubs" else None
        async with _delivery(settings, way, source, queued.add) as (delivery, eventhouse):
            console.print(f"[bold]{source.name}[/] → [bold]{delivery.name}[/]  Ctrl-C ends it.")
            if source.quotes is not None:
                console.print(describe_counting(settings, eventhouse))
            go_on = partial(_go_on, source, eventhouse)
            turns = _taking_turns(source, settings.lease, go_on) if settings.lease else None
            if turns is None:
                await go_on()
            async with pipeline_to(
                delivery,
                turns or source.trades,
                data,
                console,
                write_ahead=settings.write_ahead,
                batch_age=settings.batch_age,
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
            f" {counters.spooled:,} in the spool, {counters.unsent:,} lost.{queued.summary()}"
        )
    finally:
        await source.close()


class QueuedTrades:
    """Counts the trades that go by queued ingestion, and says so when that begins unasked."""

    def __init__(self, console: Console, *, is_expected: bool) -> None:
        self._console = console
        self._is_expected = is_expected
        self._count = 0

    def add(self, trades: int) -> None:
        """Count a batch."""
        if not self._count and not self._is_expected:
            self._console.print(
                "[yellow]Streaming ingestion is not possible for a batch:[/] it is queued, safe, and visible later."
            )
        self._count += trades

    def summary(self) -> str:
        """Return what the last line adds about them."""
        return f" Of those sent {self._count:,} by queued ingestion." if self._count else ""


def describe_counting(settings: ProducerSettings, eventhouse: Eventhouse | None) -> str:
    """Say what a source that counts differences of a day's volume needs to count each share once."""
    needs = []
    if settings.lease is None:
        needs.append("a second producer of it needs --lease, or volumes count twice")
    if eventhouse is None:
        needs.append("with --eventhouse it would go on from the volumes on record")
    return "Volumes are differences of the day's volume" + "".join(f"; {each}" for each in needs) + "."


async def _go_on(source: LiveSource, eventhouse: Eventhouse | None) -> None:
    if eventhouse is not None:
        await source.go_on(eventhouse, SystemClock())


def _taking_turns(source: LiveSource, lease: Path, go_on: Callable[[], Awaitable[None]]) -> StandbySource:
    """Let a source produce only while it holds the lease.

    Only the simulated market stands by warm: providers give one connection to a key, and only one producer may count
    differences.
    """
    clock = SystemClock()
    holder = f"{socket.gethostname()}:{os.getpid()}"
    standby = StandbySettings(is_warm=source.is_simulated)
    return StandbySource(source.trades, FileLease(lease, holder, clock), clock, standby, on_takeover=go_on)


@asynccontextmanager
async def _delivery(
    settings: ProducerSettings, connection: str | None, source: LiveSource, on_queued: Callable[[int], None]
) -> AsyncIterator[tuple[Delivery, Eventhouse | None]]:
    """Open the way of the trades, and the Eventhouse that knows the trades before where one is to be asked."""
    if connection is not None and settings.url is None:
        yield into_hub(connection), None
        return
    data = None if settings.url is not None else settings.data or default_data(source)
    target = find_target(TargetSettings(settings.url, data, settings.database))
    eventhouse = await open_eventhouse(target, create=True, ingestion=settings.ingestion or "managed")
    try:
        await require_market(eventhouse)
        if not settings.mix:
            await refuse_mixing(eventhouse, simulated=source.is_simulated)
        if connection is not None:
            yield into_hub(connection), eventhouse
        else:
            yield (
                direct(
                    eventhouse, "eventhouse" if settings.url is None else f"eventhouse at {settings.url}", on_queued
                ),
                eventhouse,
            )
    finally:
        await eventhouse.close()
