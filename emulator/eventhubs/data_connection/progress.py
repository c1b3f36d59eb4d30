"""How far a data connection is, and whether it does its work: values for whoever watches it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

_PATIENCE_SECONDS = 10.0


@dataclass(slots=True)
class Progress:
    """How far a partition is stored: `position` is the next sequence number to store, `end` where the hub ends.

    `expired` counts events that retention removed before they were stored. `failure` says what stands in the way now,
    and `waiting_since` when the oldest event came that is not stored. A partition that another connection reads is
    `is_standby`.
    """

    partition: str
    position: int = 0
    end: int = 0
    stored: int = 0
    dead_letters: int = 0
    expired: int = 0
    failure: str = ""
    failing_since: datetime | None = None
    waiting_since: datetime | None = None
    is_standby: bool = False

    @property
    def lag(self) -> int:
        """How many events wait to be stored."""
        return max(0, self.end - self.position)


@dataclass(slots=True)
class Trouble:
    """What keeps the hub from being watched, since when; empty where nothing does."""

    failure: str = ""
    since: datetime | None = None

    def note(self, failure: str, now: datetime) -> None:
        """Take note of a failure, which may have lasted for a while."""
        self.failure, self.since = failure, self.since or now

    def clear(self) -> None:
        """Take note that all is well."""
        self.failure, self.since = "", None


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a connection does its work, and why not; `lag_seconds` is the age of the oldest event that waits."""

    is_healthy: bool
    lag: int
    lag_seconds: float
    problems: tuple[str, ...] = ()


def judge(partitions: Iterable[Progress], hub: Trouble, now: datetime, *, is_running: bool) -> Health:
    """Probe: what fails for long, events that went by, and a connection that does not run are problems."""
    partitions = tuple(partitions)
    problems = [f"hub: {hub.failure}"] if _lasts(hub.since, now) else []
    problems += [
        f"partition {each.partition}: {each.failure}" for each in partitions if _lasts(each.failing_since, now)
    ]
    problems += [
        f"partition {each.partition}: retention removed {each.expired} events before they were stored"
        for each in partitions
        if each.expired
    ]
    if not is_running:
        problems.append("the connection does not run")
    oldest = min((each.waiting_since for each in partitions if each.lag and each.waiting_since), default=now)
    lag = sum(each.lag for each in partitions)
    return Health(not problems, lag, max(0.0, (now - oldest).total_seconds()), tuple(problems))


def _lasts(since: datetime | None, now: datetime) -> bool:
    return since is not None and (now - since).total_seconds() > _PATIENCE_SECONDS
