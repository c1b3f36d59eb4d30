"""The local Event Hubs peer as commands use it: where its log lies, and what to say when it cannot be served."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.errors import CliError
from cli.settings import is_loopback, is_offline
from emulator.eventhubs import EventHubs, ListenError

LOG_FOLDER = "eventhubs"
CONNECTION_VARIABLE = "TICKHOUSE_EVENTHUBS_CONNECTION"


@dataclass(frozen=True, slots=True)
class HubSettings:
    """Which hub is served, and where; without a data folder it is in memory. `flag` chooses the port."""

    port: int
    data: Path | None
    name: str = "trades"
    partitions: int = 4
    host: str = "127.0.0.1"
    flag: str = "--port"


@asynccontextmanager
async def hub_running(settings: HubSettings) -> AsyncIterator[EventHubs]:
    """Serve one hub for the duration; its log lies in a folder of its own within the data folder."""
    folder = None if settings.data is None else settings.data / LOG_FOLDER
    try:
        hubs = await EventHubs.start(
            host=settings.host, port=settings.port, data=folder, hubs={settings.name: settings.partitions}
        )
    except ListenError as error:
        raise CliError(str(error), hint=f"see {settings.flag}") from error
    try:
        yield hubs
    finally:
        await hubs.close()


def connection_in(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the connection string of the environment, which keeps keys off command lines; None where there is none.

    It must name its hub. Messages never show it, for it holds a key.
    """
    connection = environment.get(CONNECTION_VARIABLE, "").strip()
    if not connection:
        return None
    parts = {name.strip().lower(): value for name, _, value in (part.partition("=") for part in connection.split(";"))}
    endpoint = parts.get("endpoint", "")
    if not endpoint.lower().startswith("sb://"):
        raise CliError(f"{CONNECTION_VARIABLE} is not a connection string", hint="it begins with Endpoint=sb://")
    if not parts.get("entitypath"):
        raise CliError(f"{CONNECTION_VARIABLE} names no hub", hint="append ;EntityPath=<hub>")
    if is_offline(environment) and not is_loopback(endpoint):
        raise CliError(f"TICKHOUSE_OFFLINE is set: {endpoint} is not on this machine")
    return connection


def describe_hub(connection: str) -> str:
    """Name the hub of a connection string and its namespace, and nothing secret of it."""
    parts = {name.strip().lower(): value for name, _, value in (part.partition("=") for part in connection.split(";"))}
    return f"hub {parts['entitypath']} at {parts['endpoint'].rstrip('/')}"
