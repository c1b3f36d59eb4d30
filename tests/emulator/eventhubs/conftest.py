"""Served hubs: in memory, on a free port of loopback; and order after clients that leave sockets."""

import gc
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from emulator.eventhubs import EventHubs, Options

HUBS = {"trades": 2}
OPTIONS = Options(consumer_groups=("$Default", "second"))


@pytest_asyncio.fixture
async def hubs() -> AsyncIterator[EventHubs]:
    served = await EventHubs.start(port=0, data=None, hubs=HUBS, options=OPTIONS)
    yield served
    await served.close()


@pytest.fixture
def collected() -> Iterator[None]:
    """Collect after the test what its clients left."""
    yield
    gc.collect()
