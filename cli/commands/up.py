"""`tickhouse up`: Eventhouse, market database, producer and API in one process, until Ctrl-C."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from api.app import create_app
from cli.composition.data_folder import make_data_folder
from cli.composition.delivery import Delivery, direct, through_hub
from cli.composition.embedded import EmbeddedEventhouse
from cli.composition.hub import HubSettings
from cli.composition.instances import Instance, announced, serving
from cli.composition.pipelines import pipeline_to
from cli.composition.servers import listen, run, running, stop_on_signals, until_signal_or_end
from cli.composition.sources import LiveSource, choose_source, default_data, refuse_mixing
from cli.errors import CliError
from cli.settings.access import Access
from cli.terminal import messages
from emulator.engine.eventhouse import Eventhouse
from emulator.errors import DiskFull
from emulator.lanes.lanes import Lanes
from emulator.listening.sockets import url_of
from emulator.server.app import create_app as create_wire
from kql.deploy import Deployment, deploy
from kql.loader import MarketDatabase, load_database
from kql.reference import known_symbols
from kql.registry import load_registry
from producer.clock import Clock, SystemClock
from producer.errors import ProducerError
from producer.history.backfill import BackfillSettings, backfill
from producer.history.store import LandingStore, Progress
from producer.history.upkeep import keep_past
from producer.market_time import load_calendar
from producer.source import HistorySource

_NEXT_FETCH_SECONDS = 10.0
_NEXT_DEPLOYMENT_SECONDS = 5.0
_FULL = "[yellow]The disk is full:[/] what is stored can be read, and nothing is taken in until there is room."
# What a night or a long weekend may have left open.
_LAST_DAYS = BackfillSettings(daily=timedelta(days=10), intraday=timedelta(days=2), trades=timedelta())


@dataclass(frozen=True, slots=True)
class UpSettings:
    """What `up` was asked to run."""

    source: str
    data: Path | None
    port: int
    eventhouse_port: int
    host: str
    access: Access
    database: str
    mix: bool = False
    hub: HubSettings | None = None
    trades_per_second: float = 5.0
    symbols: tuple[str, ...] = field(default_factory=known_symbols)


def run_up(settings: UpSettings) -> None:
    """Run until a signal; what is durable stays so, whichever way the run ends."""
    run(_up(settings, messages()))


async def _up(settings: UpSettings, console: Console) -> None:
    _require_distinct_ports(settings)
    # Sockets first: a taken port must leave nothing behind.
    with (
        closing(
            listen(settings.host, settings.port, port_flag="--port", key_flag="--api-key", key=settings.access.key)
        ) as api_socket,
        closing(listen("127.0.0.1", settings.eventhouse_port, port_flag="--eventhouse-port")) as wire_socket,
    ):
        source = await choose_source(settings.source, console, settings.trades_per_second, settings.symbols)
        data = settings.data or default_data(source)
        if (other := serving(data)) is not None:
            raise CliError(
                f"data folder '{data}' is served already at {other.url}", hint="end that process, or give --data"
            )
        make_data_folder(data)
        engine = await asyncio.to_thread(Eventhouse.open, data, database=settings.database)
        async with AsyncExitStack() as stack:
            stack.callback(engine.close)
            eventhouse = EmbeddedEventhouse(engine, settings.database)
            stack.push_async_callback(eventhouse.close)
            # The two that others ask share the cores; neither can take those of the other, nor threads of the source.
            share = max(1, (os.cpu_count() or 2) // 2)
            for_api = EmbeddedEventhouse(engine, settings.database, lanes=Lanes("api", share))
            stack.push_async_callback(for_api.close)
            definitions = load_database()
            deployment = await _deployed(eventhouse, definitions)
            if source is not None and not settings.mix:
                await refuse_mixing(eventhouse, simulated=source.is_simulated)
            stack.enter_context(announced(Instance(url_of(wire_socket), settings.database, data)))
            past = Past(is_awaited=source is not None and source.history is not None)
            registry = load_registry(database=definitions)
            app = create_app(
                registry,
                for_api,
                api_key=settings.access.key,
                hosts=settings.access.hosts,
                origins=settings.access.origins,
                notice=past.notice,
            )
            wire = create_wire(engine, lanes=Lanes("wire", share))
            stop = stop_on_signals()
            console.print(f"Deployed {deployment}." if deployment is not None else _FULL)
            console.print(f"API         [bold]{url_of(api_socket)}[/]  documentation at {url_of(api_socket)}/docs")
            console.print(f"Eventhouse  [bold]{url_of(wire_socket)}[/]  database {settings.database}, data in {data}")
            console.print(f"Source      [bold]{source.name if source else 'none'}[/]  Ctrl-C ends everything.")
            async with running((app, api_socket), (wire, wire_socket)) as end_servers, AsyncExitStack() as way:
                delivery = direct(eventhouse)
                if settings.hub is not None:
                    hub = replace(settings.hub, data=data)
                    delivery = await way.enter_async_context(through_hub(hub, engine, settings.database, data))
                    console.print(f"Hub         [bold]{delivery.name}[/]  connection string for the Azure clients:")
                    console.print(delivery.connection, highlight=False)
                await until_signal_or_end(
                    _produce_with_room(
                        deployment,
                        eventhouse,
                        definitions,
                        console,
                        partial(produce, source, eventhouse, delivery, data, console, past)
                        if source
                        else asyncio.Event().wait,
                    ),
                    stop=stop,
                    # Beside the last trades, not after them.
                    on_end=end_servers,
                )
            console.print("Ended; everything acknowledged is on disk.")


async def _deployed(eventhouse: EmbeddedEventhouse, definitions: MarketDatabase) -> Deployment | None:
    """Deploy the market database; None on a disk without room, which has what was deployed before."""
    try:
        return await deploy(eventhouse, definitions)
    except DiskFull:
        return None


async def _produce_with_room(
    deployment: Deployment | None,
    eventhouse: EmbeddedEventhouse,
    definitions: MarketDatabase,
    console: Console,
    produce: Callable[[], Awaitable[object]],
) -> None:
    """Produce as soon as the market database is deployed; until there is room for that it can be read."""
    if deployment is None:
        while deployment is None:
            await asyncio.sleep(_NEXT_DEPLOYMENT_SECONDS)
            deployment = await _deployed(eventhouse, definitions)
        console.print(f"There is room again. Deployed {deployment}.")
    await produce()


def _require_distinct_ports(settings: UpSettings) -> None:
    ports = {"--port": settings.port, "--eventhouse-port": settings.eventhouse_port}
    if settings.hub is not None:
        ports[settings.hub.flag] = settings.hub.port
    for flag, number in ports.items():
        same = [each for each, other in ports.items() if other == number != 0]
        if len(same) > 1:
            raise CliError(
                f"{' and '.join(same)} are both {number}", hint=f"give {same[-1]} another number than {flag}"
            )


@dataclass(slots=True)
class Past:
    """Whether the prices of the past are still on their way, as the API tells its callers."""

    is_awaited: bool

    def notice(self) -> str:
        """Return why answers may be incomplete, empty once they are not."""
        return "The history of prices is still being loaded." if self.is_awaited else ""


async def produce(
    source: LiveSource,
    eventhouse: EmbeddedEventhouse,
    delivery: Delivery,
    data: Path,
    console: Console,
    past: Past,
) -> None:
    """Fetch the past that the database lacks, then stream live trades until cancelled."""
    clock = SystemClock()
    try:
        store = LandingStore(eventhouse, clock)
        if source.history is None:
            console.print(f"History: {source.name} tells none; `tickhouse backfill` asks the providers that do.")
        else:
            fetch = partial(_fetch_history, source.history, source.symbols, store, clock, console, BackfillSettings())
            await until_it_succeeds(fetch, clock, console)
        past.is_awaited = False
        await source.go_on(eventhouse, clock)
        async with pipeline_to(delivery, source.trades, data, console) as pipeline, _upkeep(source, store, console):
            await pipeline.run()
    finally:
        await source.close()


async def until_it_succeeds(fetch: Callable[[], Awaitable[None]], clock: Clock, console: Console) -> None:
    """Fetch the past, again while what stands in the way may pass, as a disk without room does; it continues."""
    while True:
        try:
            return await fetch()
        except ProducerError as error:
            if not error.retryable:
                raise
            pause = f"next attempt in {_NEXT_FETCH_SECONDS:.0f} s"
            console.print(f"[yellow]The past is incomplete,[/] {pause}: {escape(error.message)}")
        await clock.sleep(_NEXT_FETCH_SECONDS)


@asynccontextmanager
async def _upkeep(source: LiveSource, store: LandingStore, console: Console) -> AsyncIterator[None]:
    """Fetch the bars and splits of each day for as long as real trades are taken; the simulated market has no days."""
    if source.history is None or source.is_simulated:
        yield
        return
    clock = SystemClock()
    fetch = partial(_fetch_history, source.history, source.symbols, store, clock, console, _LAST_DAYS)

    async def refresh() -> None:
        try:
            await fetch()
        except ProducerError as error:
            console.print(f"[yellow]The past is incomplete:[/] {escape(error.message)}")

    task = asyncio.create_task(keep_past(refresh, load_calendar(), clock), name="upkeep")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _fetch_history(
    history: HistorySource,
    symbols: Sequence[str],
    store: LandingStore,
    clock: Clock,
    console: Console,
    settings: BackfillSettings,
) -> None:
    with console.status("Fetching history …") as status:

        def show(progress: Progress) -> None:
            status.update(f"Fetching history … {progress.table}: {progress.done:,} of {progress.total:,}")

        report = await backfill(store, history, symbols, clock, settings, show)
    console.print(f"History: {report.daily_written:,} daily and {report.intraday_written:,} one-minute bars were new.")
    for failure in report.failures:
        console.print(f"[yellow]No history:[/] {escape(failure)}")
