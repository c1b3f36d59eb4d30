"""Which Eventhouse a command speaks to: a URL, a data folder, or the process that has the folder open.

A process that serves a data folder leaves `endpoint.json` in it, so that other commands find its wire.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.errors import CliError
from cli.settings.folders import DEFAULT_DATA
from cli.settings.network import require_reachable
from kql.client import Eventhouse, IngestionWay

ENDPOINT_FILE = "endpoint.json"


async def open_eventhouse(
    *,
    url: str | None,
    data: Path | None,
    database: str,
    create: bool = False,
    ingestion: IngestionWay = "streaming",
) -> Eventhouse:
    """Open an Eventhouse by URL, or a data folder: in this process, or through the process that has it open.

    With `create` a folder that does not exist is made. `ingestion` is how an Eventhouse by URL gets its batches.
    """
    if url is not None and data is not None:
        raise CliError("--eventhouse and --data exclude each other", hint="give one of the two")
    folder = data or DEFAULT_DATA
    if url is None:
        url, ingestion = served_at(folder), "streaming"
    if url is not None:
        from kql.client.remote import RemoteEventhouse

        return RemoteEventhouse.connect(require_reachable(url), database, ingestion)
    if create:
        folder.mkdir(parents=True, exist_ok=True)
    if not folder.is_dir():
        raise CliError(
            f"no data folder '{folder}'", hint="create one with `tickhouse up --data` or `tickhouse deploy --data`"
        )
    from cli.composition.embedded import EmbeddedEventhouse

    return EmbeddedEventhouse.open(folder, database)


def served_at(data: Path) -> str | None:
    """Return the wire's URL of the live process that serves a data folder, or None."""
    try:
        endpoint = json.loads((data / ENDPOINT_FILE).read_text(encoding="utf-8"))
        url, pid = str(endpoint["url"]), int(endpoint["pid"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise CliError(
            f"{data / ENDPOINT_FILE} is damaged: {error}", hint="remove it if nothing serves the folder"
        ) from error
    return url if _is_alive(pid) else None


@contextmanager
def served(data: Path | None, url: str) -> Iterator[None]:
    """Announce for the duration that this process serves a data folder at `url`."""
    if data is None:
        yield
        return
    path = data / ENDPOINT_FILE
    path.write_text(json.dumps({"url": url, "pid": os.getpid()}), encoding="utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
