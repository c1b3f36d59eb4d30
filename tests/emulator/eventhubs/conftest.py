"""Served hubs: in memory, on a free port of loopback."""

from collections.abc import AsyncIterator

import pytest_asyncio

from emulator.eventhubs import EventHubs, Options

HUBS = {"trades": 2}
OPTIONS = Options(consumer_groups=("$Default", "second"))


@pytest_asyncio.fixture
async def hubs() -> AsyncIterator[EventHubs]:
    served = await EventHubs.start(port=0, data=None, hubs=HUBS, options=OPTIONS)
    yield served
    await served.close()
