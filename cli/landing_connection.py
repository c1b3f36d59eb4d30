"""The data connection of the local Eventhouse: the events of a hub into the landing table of trades."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from emulator.engine.eventhouse import Eventhouse
from emulator.eventhubs.data_connection import DataConnection, Destination, Health
from emulator.eventhubs.dead_letters import DeadLetters
from emulator.eventhubs.hub import Hub
from producer.landing import TRADES

DEAD_LETTERS_FOLDER = "dead-letters"
DRAIN_SECONDS = 15.0

logger = logging.getLogger(__name__)


@asynccontextmanager
async def trades_connected(hub: Hub, engine: Eventhouse, database: str, data: Path) -> AsyncIterator[DataConnection]:
    """Store what arrives in the hub for the duration; at the end, store what is there already."""
    connection = DataConnection(
        hub,
        engine,
        Destination(TRADES.table, TRADES.mapping, database),
        dead_letters=DeadLetters(data / DEAD_LETTERS_FOLDER),
    )
    connection.start()
    try:
        yield connection
    finally:
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await connection.drained()
        except TimeoutError:
            logger.warning("%d events stay in the hub; the next run stores them", connection.health().lag)
        await connection.close()


def describe_health(health: Health) -> str:
    """Say in a few words how far the table is behind the hub, and what is wrong."""
    if health.problems:
        return "; ".join(health.problems)
    return f"{health.lag:,} events in the hub wait" if health.lag else "nothing waits in the hub"
