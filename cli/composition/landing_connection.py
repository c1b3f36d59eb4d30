"""A data connection for the duration of a command: it stores the events of a hub, says how it does, and drains."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cli.status.connection import connection_reported
from emulator.eventhubs.data_connection.connection import DataConnection, Destination, Health, Table
from emulator.eventhubs.data_connection.dead_letters import DeadLetters
from emulator.eventhubs.data_connection.feed import Feed, FeedError
from producer.landing import TRADES

DEAD_LETTERS_FOLDER = "dead-letters"
# What is not stored by then stays in the hub.
DRAIN_SECONDS = 1.0
# For the batches that are being stored then: together well below the five seconds of a process that was told to end.
_LAST_SECONDS = 0.5

logger = logging.getLogger(__name__)


def trades_of(database: str) -> Destination:
    """Return where trades land in a database."""
    return Destination(TRADES.table, TRADES.mapping, database)


@asynccontextmanager
async def connected(
    feed: Feed, eventhouse: Table, destination: Destination, data: Path, *, name: str
) -> AsyncIterator[DataConnection]:
    """Store what arrives in the hub for the duration; at the end, store what is there already.

    `name` is what the Eventhouse is called; status and dead letters go into the data folder.
    """
    letters = DeadLetters(data / DEAD_LETTERS_FOLDER)
    connection = DataConnection(feed, eventhouse, destination, dead_letters=letters)
    connection.start()
    async with connection_reported(connection, name, data):
        try:
            yield connection
        finally:
            await _drain(connection)
            await connection.close(_LAST_SECONDS)


async def _drain(connection: DataConnection) -> None:
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            await connection.drained()
    except TimeoutError:
        logger.warning("%d events stay in the hub; the next run stores them", connection.health().lag)
    except FeedError as error:
        logger.warning("what is in the hub stays there for the next run: %s", error)


def describe_health(health: Health) -> str:
    """Say in a few words how far the table is behind the hub, and what is wrong."""
    if health.problems:
        return "; ".join(health.problems)
    return f"{health.lag:,} events in the hub wait" if health.lag else "nothing waits in the hub"
