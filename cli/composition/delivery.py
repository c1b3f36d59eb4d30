"""The ways of trades into an Eventhouse: straight through the client seam, or through an event hub."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.composition.hub import HubSettings, describe_hub, hub_running
from cli.composition.landing_connection import connected, describe_health, trades_of
from emulator.engine.eventhouse import Eventhouse as Engine
from emulator.eventhubs.data_connection.feed import LocalFeed
from kql.client import Eventhouse
from producer.secret import Secret
from producer.sinks.eventhouse import EventhouseSink
from producer.source import Sink


@dataclass(frozen=True, slots=True)
class Delivery:
    """A way: its name, how to open its sink, and how what lies behind the sink does, where that is known."""

    name: str
    sink: Callable[[], AbstractAsyncContextManager[Sink]]
    landing: Callable[[], str] | None = None
    connection: str = ""


def direct(
    eventhouse: Eventhouse, name: str = "eventhouse", on_queued: Callable[[int], None] | None = None
) -> Delivery:
    """Return the way straight into an Eventhouse, which stays open for its owner; queued trades are told of."""
    return Delivery(name, lambda: _closing(EventhouseSink(eventhouse, on_queued)))


def into_hub(connection: str) -> Delivery:
    """Return the way into the hub of a connection string; what reads it from there is someone else's."""

    def open_sink() -> AbstractAsyncContextManager[Sink]:
        # The Azure package takes most of a second to load, and only this way needs it.
        from producer.sinks.eventhubs import EventHubSettings, EventHubSink

        return _closing(EventHubSink(EventHubSettings(connection_string=Secret(connection))))

    return Delivery(describe_hub(connection), open_sink, connection=connection)


@asynccontextmanager
async def through_hub(settings: HubSettings, engine: Engine, database: str, data: Path) -> AsyncIterator[Delivery]:
    """Serve a hub and a data connection for the duration: the way of production on one machine."""
    async with hub_running(settings) as hubs:
        hub = hubs.hub(settings.name)
        destination = trades_of(database)
        async with connected(LocalFeed(hub), engine, destination, data, name=f"{database} in {data}") as connection:
            way = into_hub(hubs.connection_string(settings.name))
            yield Delivery(way.name, way.sink, lambda: describe_health(connection.health()), way.connection)


@asynccontextmanager
async def _closing(sink: Sink) -> AsyncIterator[Sink]:
    try:
        yield sink
    finally:
        await sink.close()
