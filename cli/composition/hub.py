"""The local Event Hubs peer as commands use it: where its log lies, and what to say when it cannot be served."""

import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from cli.composition.data_folder import make_data_folder
from cli.errors import CliError
from cli.settings.network import is_offline
from emulator.eventhubs import EventHubs, ListenError, Options
from emulator.eventhubs.hubs.hub import DEFAULT_GROUP
from emulator.eventhubs.hubs.throttle import Throttle
from emulator.eventhubs.service.server import default_retention
from emulator.loopback import is_loopback_url

LOG_FOLDER = "eventhubs"
CONNECTION_VARIABLE = "TICKHOUSE_EVENTHUBS_CONNECTION"
# What one throughput unit of Azure lets in.
UNIT_EVENTS, UNIT_BYTES = 1_000, 1_000_000
_AGE = re.compile(r"([0-9]+)([dhms])")
_AGE_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


@dataclass(frozen=True, slots=True)
class HubSettings:
    """Which hub is served, and where; without a data folder it is in memory. `flag` chooses the port.

    There is always the consumer group `$Default`; without throughput units there is no limit on what comes in.
    """

    port: int
    data: Path | None
    name: str = "trades"
    partitions: int = 4
    host: str = "127.0.0.1"
    flag: str = "--port"
    consumer_groups: tuple[str, ...] = ()
    retention: timedelta | None = None
    throughput_units: int | None = None

    @property
    def options(self) -> Options:
        """What is set beside the hub."""
        kept = None
        if self.retention is not None:
            kept = replace(default_retention(in_memory=self.data is None), age=self.retention)
        units = self.throughput_units
        throttle = None if units is None else Throttle(units * UNIT_EVENTS, units * UNIT_BYTES)
        return Options(consumer_groups=(DEFAULT_GROUP, *self.consumer_groups), retention=kept, throttle=throttle)


def parse_age(text: str) -> timedelta:
    """Return the duration of `7d`, `12h`, `30m` or `90s`; anything else, and none at all, is a CliError."""
    found = _AGE.fullmatch(text.strip())
    age = timedelta(**{_AGE_UNITS[found[2]]: int(found[1])}) if found and len(found[1]) < 6 else None
    if not age:
        raise CliError(f"'{text}' is no time that events can stay", hint="for example 7d, 12h, 30m or 90s")
    return age


@asynccontextmanager
async def hub_running(settings: HubSettings) -> AsyncIterator[EventHubs]:
    """Serve one hub for the duration; its log lies in a folder of its own within the data folder."""
    folder = None
    if settings.data is not None:
        make_data_folder(settings.data)
        folder = settings.data / LOG_FOLDER
    try:
        hubs = await EventHubs.start(
            host=settings.host,
            port=settings.port,
            data=folder,
            hubs={settings.name: settings.partitions},
            options=settings.options,
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
    if is_offline(environment) and not is_loopback_url(endpoint):
        raise CliError(f"TICKHOUSE_OFFLINE is set: {endpoint} is not on this machine")
    return connection


def describe_hub(connection: str) -> str:
    """Name the hub of a connection string and its namespace, and nothing secret of it."""
    parts = {name.strip().lower(): value for name, _, value in (part.partition("=") for part in connection.split(";"))}
    return f"hub {parts['entitypath']} at {parts['endpoint'].rstrip('/')}"
