"""How a data connection is doing: a file in its data folder."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import orjson

from cli.errors import CliError
from cli.status.liveness import ENDED
from emulator.eventhubs.data_connection.connection import DataConnection
from producer.pipeline.status import StatusFile

STATUS_FILE = "data-connection.json"
STATUS_SECONDS = 1.0
_RATE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """One look at a data connection; `problems` stand in the way for long, `failures` perhaps only now.

    `lag` counts the events of the hub that are not stored, `lag_seconds` is the age of the oldest of them.
    """

    hub: str
    eventhouse: str
    table: str
    role: str
    pid: int
    started_at: datetime
    at: datetime
    partitions: int
    standby: int
    lag: int
    lag_seconds: float
    per_second: float
    stored: int
    dead_letters: int
    expired: int
    problems: tuple[str, ...]
    failures: tuple[str, ...]


class ConnectionMeter:
    """Makes a status of a connection; the rate is that of the last minute of looks."""

    def __init__(self, connection: DataConnection, eventhouse: str) -> None:
        self._connection = connection
        self._eventhouse = eventhouse
        self._started_at = datetime.now(UTC)
        self._looks: deque[tuple[float, int]] = deque([(monotonic(), 0)])

    def look(self, role: str | None = None) -> ConnectionStatus:
        """Return the status at this moment."""
        partitions, now = self._connection.progress(), datetime.now(UTC)
        health = self._connection.health(now)
        stored = sum(each.stored for each in partitions)
        standby = sum(each.is_standby for each in partitions)
        self._looks.append((monotonic(), stored))
        while len(self._looks) > 2 and self._looks[-1][0] - self._looks[1][0] >= _RATE_SECONDS:
            self._looks.popleft()
        seconds = self._looks[-1][0] - self._looks[0][0]
        return ConnectionStatus(
            hub=self._connection.hub,
            eventhouse=self._eventhouse,
            table=self._connection.destination.table,
            role=role or ("standby" if partitions and standby == len(partitions) else "active"),
            pid=os.getpid(),
            started_at=self._started_at,
            at=now,
            partitions=len(partitions),
            standby=standby,
            lag=health.lag,
            lag_seconds=health.lag_seconds,
            per_second=max(0.0, (stored - self._looks[0][1]) / seconds) if seconds > 0 else 0.0,
            stored=stored,
            dead_letters=sum(each.dead_letters for each in partitions),
            expired=sum(each.expired for each in partitions),
            problems=health.problems,
            failures=tuple(f"partition {each.partition}: {each.failure}" for each in partitions if each.failure),
        )


@asynccontextmanager
async def connection_reported(connection: DataConnection, eventhouse: str, data: Path) -> AsyncIterator[None]:
    """Keep the status file up to date for the duration, and leave the last look in it."""
    meter = ConnectionMeter(connection, eventhouse)

    async def keep(file: StatusFile) -> None:
        while True:
            file.write(meter.look())
            await asyncio.sleep(STATUS_SECONDS)

    with StatusFile(data / STATUS_FILE) as file:
        task = asyncio.create_task(keep(file))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
            file.write(meter.look(ENDED))


def read_connection_status(path: Path) -> ConnectionStatus:
    """Read a status file; one that is missing or damaged is a CliError."""
    try:
        facts = orjson.loads(path.read_bytes())
        for name in ("started_at", "at"):
            facts[name] = datetime.fromisoformat(facts[name])
        return ConnectionStatus(**facts)
    except FileNotFoundError:
        raise CliError(
            f"no data connection has run in '{path.parent}'",
            hint="start one with `tickhouse data-connection run` or `tickhouse up --via eventhubs`, or name its --data",
        ) from None
    except (LookupError, TypeError, ValueError) as error:
        raise CliError(f"{path} is no status of a data connection: {error}") from error
