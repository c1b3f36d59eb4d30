"""How a producer is doing, as a value, and as a small file that another process may read."""

import logging
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType

import orjson

from producer.clock import Clock
from producer.durable_files import HeldFile
from producer.errors import BadData
from producer.pipeline.pipeline import Pipeline
from producer.pipeline.spool import Spool

logger = logging.getLogger(__name__)

_RATE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Status:
    """One look at a producer.

    `lag_seconds` is the age of the oldest trade that is not delivered, `delay_seconds` the time from the last trade to
    its delivery. `drops` are trades that are neither delivered nor kept anywhere, and zero while the producer runs.
    """

    source: str
    role: str
    pid: int
    started_at: datetime
    at: datetime
    received: int
    sent: int
    per_second: float
    lag_seconds: float
    delay_seconds: float | None
    drops: int
    dead_letters: int
    queued: int
    queue_capacity: int
    spooled: int
    spool_bytes: int
    sink_retries: int
    source_failures: int
    last_event: datetime | None
    last_error: str


class StatusMeter:
    """Makes a status of a pipeline; the rate is that of the last minute of looks."""

    def __init__(self, pipeline: Pipeline, clock: Clock, spool: Spool | None = None) -> None:
        self._pipeline = pipeline
        self._clock = clock
        self._spool = spool
        self._started_at = clock.now()
        self._looks: deque[tuple[float, int]] = deque([(clock.monotonic(), 0)])

    def look(self, role: str = "active") -> Status:
        """Return the status at this moment."""
        counters, now, moment = self._pipeline.counters, self._clock.now(), self._clock.monotonic()
        self._looks.append((moment, counters.sent))
        while len(self._looks) > 2 and moment - self._looks[1][0] >= _RATE_SECONDS:
            self._looks.popleft()
        since, sent = self._looks[0]
        oldest = self._pipeline.oldest_received_at
        return Status(
            source=self._pipeline.name,
            role=role,
            pid=os.getpid(),
            started_at=self._started_at,
            at=now,
            received=counters.received,
            sent=counters.sent,
            per_second=(counters.sent - sent) / (moment - since) if moment > since else 0.0,
            lag_seconds=max(0.0, (now - oldest).total_seconds()) if oldest else 0.0,
            delay_seconds=counters.delay_seconds,
            drops=counters.unsent,
            dead_letters=counters.dead_letters,
            queued=self._pipeline.queued,
            queue_capacity=self._pipeline.queue_capacity,
            spooled=counters.spooled,
            spool_bytes=self._spool.size_bytes if self._spool else 0,
            sink_retries=counters.sink_retries,
            source_failures=counters.source_failures,
            last_event=counters.last_event,
            last_error=counters.last_error,
        )


async def report_status(
    meter: StatusMeter, path: Path, clock: Clock, role: Callable[[], str] = lambda: "active", seconds: float = 1.0
) -> None:
    """Keep a status file up to date until cancelled, and leave the last look in it."""
    with StatusFile(path) as file:
        try:
            while True:
                file.write(meter.look(role()))
                await clock.sleep(seconds)
        finally:
            file.write(meter.look("ended"))


class StatusFile:
    """A file that says how a process does, locked for as long as the process keeps it; see `is_held`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = HeldFile(path)
        self._is_failing = False

    def __enter__(self) -> "StatusFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, status: object) -> None:
        """Replace the file by a dataclass; where the disk takes it not, the old one stays until it does."""
        try:
            self._file.write(orjson.dumps(status, option=orjson.OPT_UTC_Z | orjson.OPT_INDENT_2))
        except OSError as error:
            if not self._is_failing:
                logger.warning("the status cannot be written: %s: %s", self._path, error.strerror)
            self._is_failing = True
        else:
            self._is_failing = False


def write_status(path: Path, status: object) -> None:
    """Replace a status file by a dataclass; a reader sees the old one or the new one."""
    with StatusFile(path) as file:
        file.write(status)


def read_status(path: Path) -> Status:
    """Read a status file; one that is missing or of another shape is `BadData`."""
    try:
        facts = orjson.loads(path.read_bytes())
        for name in ("started_at", "at", "last_event"):
            facts[name] = datetime.fromisoformat(facts[name]) if facts[name] is not None else None
        return Status(**facts)
    except FileNotFoundError as error:
        raise BadData("no producer has left a status here", source=str(path)) from error
    except (LookupError, TypeError, ValueError) as error:
        raise BadData(f"no status of a producer: {error}", source=str(path)) from error
