"""`tickhouse emulator`: the embedded Eventhouse alone, on the Kusto wire."""

from pathlib import Path

from emulator.engine.eventhouse import Eventhouse
from rich.console import Console

from cli.eventhouses import served
from cli.ports import require_free
from emulator.server.app import serve


def run_emulator(*, port: int, data: Path | None, host: str, token: str | None, database: str) -> None:
    """Serve until Ctrl-C; the folder is created when it does not exist."""
    require_free(host, port, "--port")
    if data is not None:
        data.mkdir(parents=True, exist_ok=True)
    eventhouse = Eventhouse.open(data, database=database)
    url = f"http://{host}:{port}"
    console = Console(stderr=True)
    where = f"data in {data}" if data is not None else "in memory: nothing is kept"
    console.print(f"Eventhouse at [bold]{url}[/bold], database [bold]{database}[/bold], {where}. Ctrl-C ends it.")
    try:
        with served(data, url):
            serve(eventhouse, host=host, port=port, token=token)
    finally:
        eventhouse.close()
