"""The feed of a hub elsewhere, read with the unmodified Azure client: a local one in another process, or one of Azure.

Loading this module loads the Azure package. The client does not always tell when a connection is gone; so nothing here
waits for an answer without a limit, and whoever reads must `look` from time to time.
"""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, PartitionContext
from azure.eventhub.exceptions import AuthenticationError, EventHubError

from emulator.eventhubs.data_connection.feed import (
    FeedError,
    HubRefused,
    HubReplaced,
    HubState,
    HubUnreachable,
    Reach,
    ReaderDisplaced,
    check_position,
    identity_of,
)
from emulator.eventhubs.errors import PositionExpired
from emulator.eventhubs.hubs.messages import Event

_T = TypeVar("_T")
_LOGGER = logging.getLogger(__name__)
_ANSWER_SECONDS = 10.0
# A hub that stands still is not waited for in the end.
_CLOSE_SECONDS = 0.5
# Credit for the hub, and how much may wait here: one batch is received while another is stored.
_PREFETCH = 3000
_MAX_AHEAD = 10_000
# Any number will do: the last reader to come displaces those of the same level.
_OWNER_LEVEL = 1
_EMPTY = -1
_ERRORS = (EventHubError, AzureError, OSError)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SEQUENCE, _OFFSET = b"x-opt-sequence-number", b"x-opt-offset"
_TIME, _PARTITION_KEY = b"x-opt-enqueued-time", b"x-opt-partition-key"


class AmqpFeed:
    """A hub by its connection string, which holds a key and is never shown; it has `patience` seconds to answer."""

    def __init__(self, connection: str, *, consumer_group: str = "$Default", patience: float = _ANSWER_SECONDS) -> None:
        self._connection = connection
        self._patience = patience
        self._group = consumer_group
        # Else the client reads all certificates of the machine for every connection, with TLS or without.
        self._trusted = ssl.create_default_context()
        client = self._client()
        self.name = client.eventhub_name
        self._asking = client
        self._seen: dict[str, Reach] = {}
        self._ending: set[asyncio.Task[Any]] = set()

    async def look(self) -> HubState:
        """Ask the hub what it holds, partition by partition."""
        return await self._patiently(self._look())

    def seen(self, partition: str) -> Reach:
        """Return what the last look found, and what has been received since."""
        return self._seen[partition]

    async def open(self, partition: str, position: int, identity: str) -> "AmqpReader":
        """Read a partition in a connection of its own."""
        _, reach = await asyncio.gather(self.require(identity), self._patiently(self._ask(partition)))
        check_position(partition, position, reach)
        return AmqpReader(self, self._client(), partition, position, identity)

    async def require(self, identity: str) -> None:
        """Raise HubReplaced where the hub that answers is another one."""
        found = identity_of((await self._patiently(self._asking.get_eventhub_properties()))["created_at"])
        if found != identity:
            raise HubReplaced(f"the hub that was made at {identity} is gone; another one was made at {found}")

    def received(self, partition: str, event: Event) -> None:
        """Note that an event has come."""
        reach = self._seen[partition]
        if event.sequence >= reach.end:
            self._seen[partition] = Reach(reach.begin, event.sequence + 1, event.enqueued_at)

    def behind(self, work: Coroutine[None, None, _T]) -> asyncio.Task[_T]:
        """Let something end even where nobody waits for it."""
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ended)
        return task

    async def close(self) -> None:
        """Close every connection; those that a hub does not let end in time are left."""
        self.behind(self._close_asking())
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                while self._ending:
                    await asyncio.wait(self._ending)
        left = set(self._ending)
        for task in left:
            task.cancel()
        if left:
            # What does not let itself be canceled is none of ours.
            await asyncio.wait(left, timeout=_CLOSE_SECONDS)

    async def _close_asking(self) -> None:
        # Not before the requests in progress, which use it.
        while others := self._ending - {asyncio.current_task()}:
            await asyncio.wait(others)
        await self._asking.close()

    async def _patiently(self, request: Coroutine[None, None, _T]) -> _T:
        """Make a request; it goes on where whoever waits gives up, for the client does not clean up behind it."""
        return await asyncio.shield(self.behind(_answered(request, self._patience)))

    def _ended(self, task: asyncio.Task[_T]) -> None:
        self._ending.discard(task)
        if not task.cancelled():
            task.exception()

    async def _look(self) -> HubState:
        facts = await self._asking.get_eventhub_properties()
        # Each request has a connection of its own, which takes its time.
        reaches = await asyncio.gather(*map(self._ask, facts["partition_ids"]))
        return HubState(identity_of(facts["created_at"]), dict(zip(facts["partition_ids"], reaches, strict=True)))

    async def _ask(self, partition: str) -> Reach:
        facts = await self._asking.get_partition_properties(partition)
        is_empty = facts["is_empty"]
        latest = None if facts["last_enqueued_sequence_number"] == _EMPTY else facts["last_enqueued_time_utc"]
        end = facts["last_enqueued_sequence_number"] + 1
        reach = Reach(end if is_empty else facts["beginning_sequence_number"], end, latest)
        self._seen[partition] = reach
        return reach

    def _client(self) -> EventHubConsumerClient:
        # Its own attempts would go on, at some position, with whatever hub answers next.
        return EventHubConsumerClient.from_connection_string(
            self._connection, self._group, retry_total=0, ssl_context=self._trusted
        )


class AmqpReader:
    """Receives the events of a partition ahead of those that ask for them."""

    def __init__(
        self, feed: AmqpFeed, client: EventHubConsumerClient, partition: str, position: int, identity: str
    ) -> None:
        self.position = position
        self._feed = feed
        self._client = client
        self._partition = partition
        self._identity = identity
        self._is_proven = False
        self._arrived: deque[Event] = deque()
        self._failure: FeedError | None = None
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._receiving = asyncio.create_task(self._receive())

    async def read(self, max_events: int, max_bytes: int) -> list[Event]:
        """Wait for events and return those that are there."""
        while not self._arrived:
            if self._failure is not None:
                raise self._failure
            self._news.clear()
            await self._news.wait()
        if not self._is_proven:
            # The hub may have been replaced before the connection was made; the one that answers now is no older.
            await self._feed.require(self._identity)
            self._is_proven = True
        first = self._arrived[0].sequence
        if first > self.position:
            gap = PositionExpired(self.position, first)
            self.position = first
            raise gap
        return self._take(max_events, max_bytes)

    def close(self) -> None:
        """Stop receiving."""
        self._failure = self._failure or HubUnreachable("the reader is closed")
        self._receiving.cancel()
        self._feed.behind(self._end())

    def _take(self, max_events: int, max_bytes: int) -> list[Event]:
        events: list[Event] = []
        while self._arrived and len(events) < max_events and max_bytes > 0:
            event = self._arrived.popleft()
            if event.sequence > self.position:
                self._arrived.appendleft(event)
                break
            if event.sequence == self.position:
                events.append(event)
                max_bytes -= len(event.body)
                self.position += 1
        if len(self._arrived) < _MAX_AHEAD:
            self._room.set()
        return events

    async def _receive(self) -> None:
        try:
            await self._client.receive_batch(
                self._keep,
                partition_id=self._partition,
                starting_position=self.position,
                starting_position_inclusive=True,
                owner_level=_OWNER_LEVEL,
                prefetch=_PREFETCH,
                max_batch_size=_PREFETCH,
                on_error=self._fail,
            )
        except _ERRORS as error:
            self._note(refusal_of(error))

    async def _keep(self, _context: PartitionContext, batch: list[EventData]) -> None:
        if self._failure is not None or not batch:
            return
        self._arrived.extend(map(_event, batch))
        self._feed.received(self._partition, self._arrived[-1])
        self._news.set()
        while len(self._arrived) >= _MAX_AHEAD:
            self._room.clear()
            await self._room.wait()

    async def _fail(self, _context: PartitionContext | None, error: Exception) -> None:
        self._note(refusal_of(error))

    def _note(self, failure: FeedError) -> None:
        self._failure = self._failure or failure
        self._news.set()

    async def _end(self) -> None:
        await asyncio.gather(self._receiving, return_exceptions=True)
        try:
            await self._client.close()
        except _ERRORS as error:
            _LOGGER.debug("closing a failed client: %s", error)


async def _answered(request: Coroutine[None, None, _T], patience: float) -> _T:
    """Wait for an answer, and turn what goes wrong into a FeedError."""
    try:
        async with asyncio.timeout(patience):
            return await request
    except TimeoutError as error:
        raise HubUnreachable(f"the hub has not answered for {patience:.0f} s") from error
    except _ERRORS as error:
        raise refusal_of(error) from error


def refusal_of(error: Exception) -> FeedError:
    """Return what an error of the Azure client means: access or hub refused, reader displaced, or out of reach."""
    # The client repeats itself in further lines.
    text = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    if "amqp:link:stolen" in str(error):
        return ReaderDisplaced("another reader has taken the partition over")
    if isinstance(error, AuthenticationError | ClientAuthenticationError):
        return HubRefused(f"the hub refuses access: {text}")
    if isinstance(error, EventHubError) and ("amqp:not-found" in str(error) or "404" in text):
        return HubRefused(f"there is no such hub: {text}")
    return HubUnreachable(f"the hub is out of reach: {text}")


def _event(event: EventData) -> Event:
    # The properties of the client's own event look the same things up several times.
    annotations = event.raw_amqp_message.annotations or {}
    offset, key = annotations.get(_OFFSET), annotations.get(_PARTITION_KEY)
    return Event(
        annotations[_SEQUENCE],
        offset.decode() if isinstance(offset, bytes) else str(offset),
        _EPOCH + timedelta(milliseconds=annotations[_TIME]),
        key.decode() if isinstance(key, bytes) else key,
        _body(event.body),
    )


def _body(body: object) -> bytes:
    match body:
        case bytes():
            return body
        case str():
            return body.encode()
        case Iterable():
            return b"".join(_body(part) for part in body)
        case _:
            return b""
