"""`tickhouse api`: the REST API over an Eventhouse that runs elsewhere, or over a data folder."""

import asyncio
from contextlib import closing

from api.app import create_app
from cli.composition.eventhouses import find_target, open_eventhouse
from cli.composition.servers import listen, run, running, stop_on_signals, until_signal_or_end
from cli.settings.access import Access
from cli.settings.folders import DEFAULT_DATA, SIMULATED_DATA
from cli.settings.target import TargetSettings
from cli.terminal import messages
from emulator.listening.sockets import url_of
from kql.registry import load_registry


def run_api(given: TargetSettings, *, port: int, host: str, access: Access) -> None:
    """Serve until a signal."""
    run(_serve(given, port, host, access))


async def _serve(given: TargetSettings, port: int, host: str, access: Access) -> None:
    console = messages()
    with closing(listen(host, port, port_flag="--port", key_flag="--api-key", key=access.key)) as listener:
        target = find_target(given, DEFAULT_DATA, SIMULATED_DATA)
        eventhouse = await open_eventhouse(target)
        try:
            app = create_app(
                load_registry(), eventhouse, api_key=access.key, hosts=access.hosts, origins=access.origins
            )
            target.tell(console)
            stop = stop_on_signals()
            console.print(f"API         [bold]{url_of(listener)}[/]  Ctrl-C ends it.")
            async with running((app, listener)):
                await until_signal_or_end(asyncio.Event().wait(), stop=stop)
        finally:
            await eventhouse.close()
