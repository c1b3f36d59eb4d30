"""Serving hubs until told to stop."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from emulator.eventhubs.server import DEFAULT_HUBS, DEFAULT_PORT, DEFAULTS, EventHubs, Options


async def serve(
    stop: asyncio.Event,
    ready: Callable[[EventHubs], None],
    *,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    data: Path | None = None,
    hubs: Mapping[str, int] = DEFAULT_HUBS,
    options: Options = DEFAULTS,
) -> None:
    """Serve hubs until `stop` is set; `ready` is called once clients can connect, with what knows the addresses."""
    served = await EventHubs.start(host=host, port=port, data=data, hubs=hubs, options=options)
    try:
        ready(served)
        await stop.wait()
    finally:
        await served.close()
