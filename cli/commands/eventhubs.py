"""`tickhouse eventhubs`: the local Event Hubs peer alone, for the Azure clients."""

import asyncio
import sys

from cli.composition.hub import CONNECTION_VARIABLE, HubSettings, hub_running
from cli.composition.servers import run, stop_on_signals, until_signal_or_end
from cli.terminal import messages


def run_eventhubs(settings: HubSettings) -> None:
    """Serve until a signal; the connection string alone goes to standard output."""
    run(_serve(settings))


async def _serve(settings: HubSettings) -> None:
    console = messages()
    async with hub_running(settings) as hubs:
        stop = stop_on_signals()
        where = f"log in {settings.data}" if settings.data is not None else "in memory: nothing is kept without --data"
        console.print(
            f"Hub [bold]{settings.name}[/] with {settings.partitions} partitions on port {hubs.port}, {where}."
            f" Clients take this connection string, Tickhouse from {CONNECTION_VARIABLE}. Ctrl-C ends it."
        )
        sys.stdout.write(f"{hubs.connection_string(settings.name)}\n")
        sys.stdout.flush()
        await until_signal_or_end(asyncio.Event().wait(), stop=stop)
