"""Which Eventhouse a command works on, and how it is opened.

A URL or a data folder that is named; else the Eventhouse that runs; else a default folder. A folder that a process
serves is reached through that process, since only one may have it open.
"""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from cli.composition.data_folder import make_data_folder
from cli.composition.instances import Instance, running_instances, serving, shown
from cli.errors import CliError
from cli.settings.folders import DEFAULT_DATA
from cli.settings.network import require_reachable
from cli.settings.target import DEFAULT_DATABASE, TargetSettings
from kql.client import Eventhouse, IngestionWay


@dataclass(frozen=True, slots=True)
class Target:
    """The Eventhouse that a command works on; `is_found` where the command named none and one was running."""

    database: str
    url: str | None
    folder: Path | None
    is_found: bool = False

    def __str__(self) -> str:
        """As `up` writes it on its own line."""
        if self.url is None:
            return f"Eventhouse  {self.folder}  database {self.database}"
        kept = f", data in {shown(self.folder)}" if self.folder is not None else ""
        return f"Eventhouse  {self.url}  database {self.database}{kept}"

    def tell(self, console: Console) -> None:
        """Say which Eventhouse it is."""
        console.print(str(self), markup=False)


def find_target(given: TargetSettings, *defaults: Path) -> Target:
    """Return what a command works on; without a name that which runs, else the first default that exists, or the first.

    Several that run are a CliError, for only the user can choose.
    """
    if given.url is not None:
        return Target(given.database or DEFAULT_DATABASE, given.url, None)
    if given.data is not None:
        return _in_folder(given.data, given.database)
    running = running_instances()
    if len(running) > 1:
        raise CliError(
            f"{len(running)} Eventhouses run:\n" + "\n".join(f"  {each}" for each in running),
            hint="choose one with --data FOLDER or --eventhouse URL",
        )
    if running:
        return _at(running[0], given.database, is_found=True)
    defaults = defaults or (DEFAULT_DATA,)
    return _in_folder(next((each for each in defaults if each.is_dir()), defaults[0]), given.database)


def _in_folder(folder: Path, database: str | None) -> Target:
    server = serving(folder)
    return Target(database or DEFAULT_DATABASE, None, folder) if server is None else _at(server, database)


def _at(instance: Instance, database: str | None, *, is_found: bool = False) -> Target:
    return Target(database or instance.database, instance.url, instance.folder, is_found)


async def open_eventhouse(target: Target, *, create: bool = False, ingestion: IngestionWay = "streaming") -> Eventhouse:
    """Open a target: by URL, or its data folder in this process.

    With `create` a folder that does not exist is made. `ingestion` is how an Eventhouse by URL gets its batches.
    """
    if target.url is not None:
        from kql.client.remote import RemoteEventhouse

        way = ingestion if target.folder is None else "streaming"
        return RemoteEventhouse.connect(require_reachable(target.url), target.database, way)
    folder = target.folder or DEFAULT_DATA
    if create:
        make_data_folder(folder)
    if folder.exists() and not folder.is_dir():
        raise CliError(f"'{folder}' is a file, not a data folder")
    if not folder.is_dir():
        raise CliError(
            f"no Eventhouse runs, and there is no data folder '{folder}'",
            hint="start `tickhouse up`, fill a folder with `tickhouse deploy`, or name one with --data or --eventhouse",
        )
    from cli.composition.embedded import EmbeddedEventhouse

    return EmbeddedEventhouse.open(folder, target.database)
