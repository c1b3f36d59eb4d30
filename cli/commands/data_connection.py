"""`tickhouse data-connection run`: the events of a hub into an Eventhouse, by a process of its own."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from cli.composition.data_folder import make_data_folder
from cli.composition.embedded import EmbeddedEventhouse
from cli.composition.hub import CONNECTION_VARIABLE, connection_in, describe_hub
from cli.composition.instances import serving
from cli.composition.landing_connection import connected, describe_health, trades_of
from cli.composition.market import require_market
from cli.composition.servers import run, stop_on_signals, until_signal_or_end
from cli.errors import CliError
from cli.settings.folders import DEFAULT_DATA
from cli.settings.network import require_reachable
from cli.terminal import messages
from emulator.engine.eventhouse import Eventhouse
from emulator.errors import KustoError
from emulator.eventhubs.data_connection.connection import DataConnection, Destination, Table
from emulator.eventhubs.data_connection.left_threads import call_in_thread
from emulator.eventhubs.data_connection.remote_table import RemoteTable

_SHOW_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """What `data-connection run` was asked to do; without a table it stores trades, as they land."""

    url: str | None
    data: Path | None
    database: str
    table: str | None
    mapping: str | None
    consumer_group: str
    token: str | None


def run_data_connection(settings: ConnectionSettings) -> None:
    """Run until a signal, then store what is in the hub already."""
    run(_run(settings, messages()))


async def _run(settings: ConnectionSettings, console: Console) -> None:
    connection_string = connection_in()
    if connection_string is None:
        raise CliError(
            "no event hub is known", hint=f"set {CONNECTION_VARIABLE} to the connection string of the namespace and hub"
        )
    # The Azure package takes most of a second to load, and no other command of this module's neighbors needs it.
    from emulator.eventhubs.data_connection.amqp_feed import AmqpFeed

    # What it complains of is told once more by the connection, in fewer words.
    logging.getLogger("azure.eventhub").setLevel(logging.ERROR)
    data = settings.data or DEFAULT_DATA
    make_data_folder(data)
    destination = _destination(settings)
    async with _table(settings, data) as (table, name):
        await _require_marks(table, console)
        stop = stop_on_signals()
        console.print(
            f"[bold]{describe_hub(connection_string)}[/] → [bold]{destination.table}[/] of {name}  Ctrl-C ends it."
        )
        feed = AmqpFeed(connection_string, consumer_group=settings.consumer_group)
        async with connected(feed, table, destination, data, name=name) as connection:
            await until_signal_or_end(connection.failed(), _show(connection, console), stop=stop)
        progress = connection.progress()
        console.print(
            f"Ended: {sum(each.stored for each in progress):,} records stored,"
            f" {sum(each.dead_letters for each in progress):,} dead letters,"
            f" {sum(each.lag for each in progress):,} events wait in the hub."
        )


def _destination(settings: ConnectionSettings) -> Destination:
    trades = trades_of(settings.database)
    if settings.table in (None, trades.table):
        return Destination(trades.table, settings.mapping or trades.mapping, settings.database)
    return Destination(settings.table or trades.table, settings.mapping, settings.database)


@asynccontextmanager
async def _table(settings: ConnectionSettings, data: Path) -> AsyncIterator[tuple[Table, str]]:
    """Open the Eventhouse: at a URL, of the process that serves the data folder, or the folder in this process."""
    server = serving(data)
    url = settings.url or (server.url if server is not None else None)
    if url is not None:
        with closing(RemoteTable(require_reachable(url), token=settings.token)) as remote:
            yield remote, f"{settings.database} at {url}"
        return
    engine = await asyncio.to_thread(Eventhouse.open, data, database=settings.database)
    with closing(engine):
        await require_market(EmbeddedEventhouse(engine, settings.database))
        yield engine, f"{settings.database} in {data}"


async def _require_marks(table: Table, console: Console) -> None:
    """Refuse an Eventhouse that cannot keep rows and marks together; one that is out of reach is waited for."""
    try:
        await call_in_thread(lambda: table.mark("data-connection"))
    except KustoError as fault:
        if fault.permanent:
            raise CliError(fault.message, hint=fault.hint) from fault
        console.print(f"[yellow]{fault.message}[/]; it is waited for.")


async def _show(connection: DataConnection, console: Console) -> None:
    if not console.is_terminal:
        await asyncio.Event().wait()
    with console.status("") as line:
        while True:
            stored = sum(each.stored for each in connection.progress())
            line.update(f"{stored:,} records stored, {describe_health(connection.health())}")
            await asyncio.sleep(_SHOW_SECONDS)
