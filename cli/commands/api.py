"""`tickhouse api`: the REST API over an Eventhouse that runs elsewhere, or over a data folder."""

import asyncio
from contextlib import closing
from pathlib import Path

from rich.console import Console

from api.app import create_app
from cli.composition.eventhouses import open_eventhouse
from cli.composition.servers import listen, run, running, server, until_signal_or_end
from emulator.server.listen import url_of
from kql.registry import load_registry


def run_api(*, data: Path | None, url: str | None, database: str, port: int, host: str, api_key: str | None) -> None:
    """Serve until a signal."""
    run(_serve(data, url, database, port, host, api_key))


async def _serve(data: Path | None, url: str | None, database: str, port: int, host: str, api_key: str | None) -> None:
    with closing(listen(host, port, "--port and --api-key", key=api_key)) as listener:
        eventhouse = await open_eventhouse(url=url, data=data, database=database)
        try:
            app = create_app(load_registry(), eventhouse, api_key=api_key)
            Console(stderr=True).print(f"API at [bold]{url_of(listener)}[/]. Ctrl-C ends it.")
            async with running(server(app), listener):
                await until_signal_or_end(asyncio.Event().wait())
        finally:
            await eventhouse.close()
