"""A hub as a data connection reads it, and the feed of a hub in this process; `amqp_feed` reads one elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from emulator.eventhubs.errors import PositionExpired, PositionRejected
from emulator.eventhubs.hubs.hub import Hub
from emulator.eventhubs.hubs.messages import Event
from emulator.eventhubs.hubs.partition import Partition


class FeedError(Exception):
    """What keeps a hub from being read."""


class HubUnreachable(FeedError):
    """The hub does not answer, or not in time; it may do so again."""


class HubRefused(FeedError):
    """The hub answers that it does not serve this: no such hub, group or permission."""


class HubReplaced(FeedError):
    """Another hub answers under the name of the one that was read: nothing known of that one holds for it."""


class ReaderDisplaced(FeedError):
    """Another reader has taken the partition over."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a partition holds: the events from `begin` to before `end`; `latest` is when the last of them came."""

    begin: int
    end: int
    latest: datetime | None = None


@dataclass(frozen=True, slots=True)
class HubState:
    """A hub at one moment; `identity` tells it from others of its name that come before and after it."""

    identity: str
    partitions: Mapping[str, Reach]


class Reader(Protocol):
    """Reads one partition from a position on, and keeps `position`: the next event to be returned."""

    position: int

    async def read(self, max_events: int, max_bytes: int) -> list[Event]:
        """Wait for events and return those that are there, at most so many.

        Raises PositionExpired once where events are gone, and then goes on behind them; FeedError where the reader is
        of no use any more.
        """

    def close(self) -> None:
        """Stop reading; what has to be waited for is done behind."""


class Feed(Protocol):
    """A hub."""

    name: str

    async def look(self) -> HubState:
        """Ask the hub what it holds. Raises FeedError."""

    def seen(self, partition: str) -> Reach:
        """Return what is known of a partition without asking."""

    async def open(self, partition: str, position: int, identity: str) -> Reader:
        """Read a partition of the hub with this identity.

        Raises PositionExpired, PositionRejected past the end, and FeedError.
        """

    async def close(self) -> None:
        """Let go of everything."""


def check_position(partition: str, position: int, reach: Reach) -> None:
    """Raise PositionExpired or PositionRejected for a position that a partition cannot be read from."""
    if position < reach.begin:
        raise PositionExpired(position, reach.begin)
    if position > reach.end:
        raise PositionRejected(
            f"the table has the events up to {position - 1}, but the log of partition {partition} ends with"
            f" {reach.end - 1}: it is not the one that was read"
        )


def identity_of(created_at: datetime) -> str:
    """Return the identity of a hub: when it was made, all that every hub tells of itself."""
    return f"{created_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{created_at.microsecond // 1000:03d}Z"


class LocalFeed:
    """The feed of a hub in this process."""

    def __init__(self, hub: Hub) -> None:
        self.name = hub.name
        self._hub = hub

    async def look(self) -> HubState:
        """Return what the hub holds."""
        identity = identity_of(datetime.fromtimestamp(self._hub.created_at / 1000, UTC))
        return HubState(identity, {each.id: self.seen(each.id) for each in self._hub.partitions})

    def seen(self, partition: str) -> Reach:
        """Return what a partition holds now."""
        log = self._hub.partition(partition).log
        return Reach(log.begin, log.end, datetime.fromtimestamp(log.last_time / 1000, UTC) if log.last_time else None)

    async def open(self, partition: str, position: int, identity: str) -> "LocalReader":  # noqa: ARG002 - it is this one
        """Read a partition."""
        check_position(partition, position, self.seen(partition))
        return LocalReader(self._hub.partition(partition), position)

    async def close(self) -> None:
        """Leave the hub to its owner."""


class LocalReader:
    """Reads a partition's log."""

    def __init__(self, partition: Partition, position: int) -> None:
        self.position = position
        self._partition = partition

    async def read(self, max_events: int, max_bytes: int) -> list[Event]:
        """Wait for events and return those that are there."""
        await self._partition.wait_for(self.position)
        try:
            events = self._partition.read(self.position, max_events, max_bytes)
        except PositionExpired as gap:
            self.position = gap.begin
            raise
        self.position = events[-1].sequence + 1
        return events

    def close(self) -> None:
        """Hold nothing."""
