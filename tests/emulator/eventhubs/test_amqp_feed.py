"""The feed of a hub elsewhere, over a client that answers as it is told to: no connection, and no time passes."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.eventhub.exceptions import AuthenticationError, ConnectError, EventHubError

from emulator.eventhubs.data_connection import amqp_feed
from emulator.eventhubs.data_connection.amqp_feed import AmqpFeed, AmqpReader, refusal_of
from emulator.eventhubs.data_connection.feed import (
    FeedError,
    HubRefused,
    HubReplaced,
    HubState,
    HubUnreachable,
    Reach,
    ReaderDisplaced,
    identity_of,
)
from emulator.eventhubs.errors import PositionExpired
from emulator.eventhubs.hubs.messages import Event

CREATED = datetime(2026, 1, 2, tzinfo=UTC)
IDENTITY = identity_of(CREATED)
AT = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


class Client:
    """Answers for a hub of two partitions; what it receives is handed in by the test."""

    eventhub_name = "trades"

    def __init__(self) -> None:
        self.created = CREATED
        self.fault: Exception | None = None
        self.holds = {"0": (3, 7, False), "1": (0, -1, True)}
        self.asked: dict[str, object] = {}
        self.keep: Callable[..., Any] | None = None
        self.is_closed = False

    async def get_eventhub_properties(self) -> dict[str, Any]:
        if self.fault is not None:
            raise self.fault
        return {"created_at": self.created, "partition_ids": list(self.holds)}

    async def get_partition_properties(self, partition: str) -> dict[str, Any]:
        begin, last, is_empty = self.holds[partition]
        return {
            "is_empty": is_empty,
            "beginning_sequence_number": begin,
            "last_enqueued_sequence_number": last,
            "last_enqueued_time_utc": AT,
        }

    async def receive_batch(self, keep: Callable[..., Any], **asked: object) -> None:
        self.keep, self.asked = keep, asked
        await asyncio.Event().wait()

    async def close(self) -> None:
        self.is_closed = True


def sent(sequence: int, body: object = b"ab") -> SimpleNamespace:
    annotations = {
        b"x-opt-sequence-number": sequence,
        b"x-opt-offset": str(sequence * 10).encode(),
        b"x-opt-enqueued-time": 1000,
        b"x-opt-partition-key": b"k",
    }
    return SimpleNamespace(raw_amqp_message=SimpleNamespace(annotations=annotations), body=body)


def event(sequence: int, body: bytes = b"ab") -> Event:
    return Event(sequence, str(sequence * 10), AT, "k", body)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    made = Client()
    monkeypatch.setattr(AmqpFeed, "_client", lambda _self: made)
    monkeypatch.setattr("ssl.create_default_context", lambda: None)
    return made


@pytest.fixture
def feed(client: Client) -> AmqpFeed:
    return AmqpFeed("Endpoint=sb://x", patience=5)


async def reader_at(feed: AmqpFeed, position: int) -> AmqpReader:
    await feed.look()
    reader = await feed.open("0", position, IDENTITY)
    await asyncio.sleep(0)
    return reader


async def test_a_look_finds_what_each_partition_holds(feed: AmqpFeed) -> None:
    state = await feed.look()
    reaches = {"0": Reach(3, 8, AT), "1": Reach(0, 0, None)}
    assert (feed.name, state) == ("trades", HubState(IDENTITY, reaches))
    assert {partition: feed.seen(partition) for partition in reaches} == reaches


async def test_an_emptied_partition_begins_at_its_end(feed: AmqpFeed, client: Client) -> None:
    client.holds = {"0": (3, 7, True)}
    assert (await feed.look()).partitions == {"0": Reach(8, 8, AT)}


async def test_what_is_received_moves_the_end_that_is_known(feed: AmqpFeed) -> None:
    await feed.look()
    feed.received("0", event(7))
    assert feed.seen("0") == Reach(3, 8, AT)
    later = Event(8, "80", AT + timedelta(1), None, b"")
    feed.received("0", later)
    assert feed.seen("0") == Reach(3, 9, AT + timedelta(1))


async def test_a_reader_asks_from_its_position_and_returns_what_comes(feed: AmqpFeed, client: Client) -> None:
    reader = await reader_at(feed, 5)
    asked = {key: value for key, value in client.asked.items() if key != "on_error"}
    assert asked == {
        "partition_id": "0",
        "starting_position": 5,
        "starting_position_inclusive": True,
        "owner_level": 1,
        "prefetch": 3000,
        "max_batch_size": 3000,
    }
    assert client.keep is not None
    await client.keep(None, [])
    await client.keep(None, [sent(4), sent(5), sent(6, ["c", b"d"]), sent(7, None), sent(9)])
    assert await reader.read(2, 100) == [event(5), event(6, b"cd")]
    assert await reader.read(9, 100) == [event(7, b"")]
    with pytest.raises(PositionExpired) as raised:
        await reader.read(9, 100)
    assert (raised.value.args, reader.position) == (PositionExpired(8, 9).args, 9)
    assert await reader.read(9, 100) == [event(9)]
    assert (reader.position, feed.seen("0")) == (10, Reach(3, 10, AT))
    reader.close()
    await feed.close()
    assert client.is_closed


async def test_a_read_ends_with_the_event_that_reaches_its_bytes(feed: AmqpFeed, client: Client) -> None:
    reader = await reader_at(feed, 5)
    assert client.keep is not None
    await client.keep(None, [sent(5), sent(6), sent(7)])
    assert [await reader.read(9, 3), await reader.read(9, 2)] == [[event(5), event(6)], [event(7)]]
    reader.close()
    await feed.close()


async def test_no_more_is_kept_ahead_than_there_is_room_for(
    feed: AmqpFeed, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amqp_feed, "_MAX_AHEAD", 2)
    reader = await reader_at(feed, 5)
    assert client.keep is not None
    keeping = asyncio.ensure_future(client.keep(None, [sent(5), sent(6), sent(7)]))
    await asyncio.sleep(0)
    assert [keeping.done(), await reader.read(1, 9)] == [False, [event(5)]]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [keeping.done(), await reader.read(1, 9)] == [False, [event(6)]]
    await asyncio.wait_for(keeping, 5)
    reader.close()
    await feed.close()


async def test_a_hub_made_anew_is_not_read_as_the_old_one(feed: AmqpFeed, client: Client) -> None:
    reader = await reader_at(feed, 5)
    assert client.keep is not None
    await client.keep(None, [sent(5), sent(6)])
    client.created = CREATED + timedelta(1)
    new = identity_of(client.created)
    for attempt in (reader.read(1, 9), feed.open("0", 5, IDENTITY)):
        with pytest.raises(HubReplaced) as raised:
            await attempt
        assert str(raised.value) == f"the hub that was made at {IDENTITY} is gone; another one was made at {new}"
    client.created = CREATED
    assert await reader.read(1, 9) == [event(5)]
    client.created = CREATED + timedelta(1)
    assert await reader.read(1, 9) == [event(6)]
    reader.close()
    await feed.close()


async def test_the_first_failure_ends_a_reader_that_has_nothing_left(feed: AmqpFeed, client: Client) -> None:
    reader = await reader_at(feed, 5)
    assert client.keep is not None
    await client.keep(None, [sent(5)])
    fail: Any = client.asked["on_error"]
    await fail(None, EventHubError("amqp:link:stolen"))
    await fail(None, EventHubError("later"))
    await client.keep(None, [sent(6)])
    assert await reader.read(9, 9) == [event(5)]
    with pytest.raises(ReaderDisplaced):
        await reader.read(9, 9)
    reader.close()
    await feed.close()


async def test_a_closed_reader_says_so(feed: AmqpFeed) -> None:
    reader = await reader_at(feed, 5)
    reader.close()
    with pytest.raises(HubUnreachable) as raised:
        await reader.read(1, 1)
    assert str(raised.value) == "the reader is closed"
    await feed.close()


async def test_a_hub_that_does_not_answer(feed: AmqpFeed, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.fault = OSError("no route")
    with pytest.raises(HubUnreachable) as raised:
        await feed.look()
    assert str(raised.value) == "the hub is out of reach: OSError: no route"
    monkeypatch.setattr(client, "get_eventhub_properties", asyncio.Event().wait)
    with pytest.raises(HubUnreachable) as raised:
        await AmqpFeed("", patience=0.0).look()
    assert str(raised.value) == "the hub has not answered for 0 s"


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (
            EventHubError("x amqp:link:stolen\nmore"),
            ReaderDisplaced,
            "another reader has taken the partition over",
        ),
        (AuthenticationError("no\nmore"), HubRefused, "the hub refuses access: AuthenticationError: no"),
        (ClientAuthenticationError("no"), HubRefused, "the hub refuses access: ClientAuthenticationError: no"),
        (EventHubError("a\namqp:not-found"), HubRefused, "there is no such hub: EventHubError: a"),
        (ConnectError("status 404"), HubRefused, "there is no such hub: ConnectError: status 404"),
        (OSError("status 404"), HubUnreachable, "the hub is out of reach: OSError: status 404"),
        (EventHubError("gone\nmore"), HubUnreachable, "the hub is out of reach: EventHubError: gone"),
    ],
)
def test_what_an_error_of_the_client_means(error: Exception, kind: type[FeedError], text: str) -> None:
    found = refusal_of(error)
    assert (type(found), str(found).partition("\n")[0]) == (kind, text)
