"""`tickhouse emulator`: the embedded Eventhouse alone, on the Kusto wire."""

from pathlib import Path

from cli.composition.data_folder import make_data_folder
from cli.composition.instances import Instance, announced
from cli.composition.servers import listen, require_files
from cli.settings.access import Access
from cli.terminal import messages
from emulator.engine.eventhouse import Eventhouse
from emulator.listening.sockets import url_of
from emulator.server.app import serve_on


def run_emulator(*, port: int, data: Path | None, host: str, access: Access, database: str) -> None:
    """Serve until Ctrl-C; the folder is created when it does not exist."""
    require_files()
    with listen(host, port, port_flag="--port", key_flag="--token", key=access.key) as listener:
        if data is not None:
            make_data_folder(data)
        eventhouse = Eventhouse.open(data, database=database)
        try:
            url = url_of(listener)
            where = f"data in {data}" if data is not None else "in memory: nothing is kept without --data"
            messages().print(f"Eventhouse  [bold]{url}[/]  database {database}, {where}. Ctrl-C ends it.")
            # Commands send no token: one that names nothing must not be led to where it is refused.
            with announced(Instance(url, database, data), to_all=access.key is None):
                serve_on(eventhouse, listener, token=access.key, hosts=access.hosts, origins=access.origins)
        finally:
            eventhouse.close()
