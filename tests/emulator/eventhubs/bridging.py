"""A data connection in a process of its own that kills itself: `python -m … FOLDER STEP COUNT`.

STEP is `before` or `after` the ingestion, or `letters`, after dead letters were kept; COUNT says which one.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from emulator.engine.eventhouse import Eventhouse
from emulator.engine.writing.marks import Stretch
from emulator.eventhubs import EventHubs
from emulator.eventhubs.data_connection.connection import DataConnection, Destination, Limits
from emulator.eventhubs.data_connection.dead_letters import DeadLetter, DeadLetters
from emulator.eventhubs.data_connection.feed import LocalFeed


class Fuse:
    """Kills the process at a step."""

    def __init__(self, step: str, count: int) -> None:
        self._step = step
        self._left = count

    def reach(self, step: str) -> None:
        if step == self._step:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class FusedTable:
    """An Eventhouse with a fuse on both sides of the ingestion."""

    def __init__(self, eventhouse: Eventhouse, fuse: Fuse) -> None:
        self._eventhouse = eventhouse
        self._fuse = fuse

    def ingest(
        self,
        table: str,
        data: bytes,
        *,
        format: str,
        mapping: str | None = None,
        database: str | None = None,
        marks: Mapping[str, Stretch] | None = None,
    ) -> int:
        self._fuse.reach("before")
        count = self._eventhouse.ingest(table, data, format=format, mapping=mapping, database=database, marks=marks)
        self._fuse.reach("after")
        return count

    def mark(self, name: str) -> int | None:
        return self._eventhouse.mark(name)


class FusedLetters(DeadLetters):
    """Dead letters with a fuse behind them."""

    def __init__(self, folder: Path, fuse: Fuse) -> None:
        super().__init__(folder)
        self._fuse = fuse

    def keep(self, letters: list[DeadLetter]) -> None:
        super().keep(letters)
        self._fuse.reach("letters")


async def bridge(folder: Path, fuse: Fuse) -> None:
    served = await EventHubs.start(port=0, data=folder / "hubs", hubs={"trades": 1})
    eventhouse = Eventhouse.open(folder / "house")
    connection = DataConnection(
        LocalFeed(served.hub("trades")),
        FusedTable(eventhouse, fuse),
        Destination("T"),
        dead_letters=FusedLetters(folder / "letters", fuse),
        limits=Limits(events=10),
    )
    connection.start()
    await connection.drained()
    await connection.close()
    eventhouse.close()
    await served.close()


if __name__ == "__main__":
    asyncio.run(bridge(Path(sys.argv[1]), Fuse(sys.argv[2], int(sys.argv[3]))))
