"""Hubs in a process of their own, for tests that kill it: `python -m tests.emulator.eventhubs.serving DATA [PORT]`."""

import asyncio
import sys
from pathlib import Path

from emulator.eventhubs import EventHubs


def main() -> None:
    """Serve one hub of one partition until killed; the connection string is the first line of output."""
    data, port = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0

    asyncio.run(_serve(data, port))


async def _serve(data: Path, port: int) -> None:
    served = await EventHubs.start(port=port, data=data, hubs={"trades": 1})
    sys.stdout.write(served.connection_string("trades") + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    main()
