"""How a batch goes to a hub: in which messages, over how many connections, and what a failure means."""

from collections.abc import Sequence
from typing import cast

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.eventhub import EventData
from azure.eventhub.exceptions import AuthenticationError, ConnectError, EventHubError

from producer.errors import BadData, NotEntitled, ProducerError, RateLimited, Transient
from producer.model import Trade
from producer.secret import Secret
from producer.sinks.eventhubs import EventHubSettings, EventHubSink
from tests.producer.scripted import make_trade

STRING = "Endpoint=sb://127.0.0.1:1/;SharedAccessKeyName=n;SharedAccessKey=s3cr3t;EntityPath=trades"


class Batch:
    """Takes so many events; the client's says so by ValueError."""

    max_size_in_bytes = 1_000

    def __init__(self, key: str | None, size: int | None) -> None:
        self.key, self.size, self.bodies = key, size or 2, list[bytes]()

    def add(self, event: EventData) -> None:
        body = b"".join(cast("Sequence[bytes]", event.body))
        if len(self.bodies) == self.size or body == b"huge":
            raise ValueError
        self.bodies.append(body)

    def __len__(self) -> int:
        return len(self.bodies)


class Client:
    """Writes down what is sent, and fails as told."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub

    async def create_batch(self, *, partition_key: str | None, max_size_in_bytes: int | None) -> Batch:
        return Batch(partition_key, max_size_in_bytes)

    async def send_batch(self, batch: Batch) -> None:
        if self._hub.faults and (fault := self._hub.faults.pop(0)):
            raise fault
        self._hub.sent.append((batch.key, batch.bodies))

    async def close(self) -> None:
        self._hub.closed += 1
        if self._hub.is_broken:
            raise EventHubError("cannot be closed")


class Hub:
    def __init__(self) -> None:
        self.made = self.closed = 0
        self.sent: list[tuple[str | None, list[bytes]]] = []
        self.faults: list[Exception | None] = []
        self.is_broken = False

    def client(self) -> Client:
        self.made += 1
        return Client(self)


def sink_of(hub: Hub, **changes: object) -> EventHubSink:
    given = {"connections": 1, "connection_string": Secret(STRING), **changes}
    sink = EventHubSink(EventHubSettings(**given))  # type: ignore[arg-type]  # by name
    sink._make_client = hub.client  # type: ignore[assignment]  # in place of Azure's
    return sink


def trades(*symbols: str) -> tuple[list[Trade], list[bytes]]:
    found = [make_trade(number, symbol=symbol) for number, symbol in enumerate(symbols)]
    return found, [f"{symbol}{number}".encode() for number, symbol in enumerate(symbols)]


async def test_the_trades_of_a_symbol_go_together_in_as_many_messages_as_it_takes() -> None:
    hub = Hub()
    sink = sink_of(hub)
    await sink.send(*trades("A", "B", "A", "A", "A", "B", "A"))
    assert hub.sent == [("A", [b"A0", b"A2"]), ("A", [b"A3", b"A4"]), ("A", [b"A6"]), ("B", [b"B1", b"B5"])]
    await sink.send([], [])
    assert (len(hub.sent), hub.made) == (4, 1)


async def test_a_key_has_the_length_that_a_hub_takes_and_none_is_none() -> None:
    hub = Hub()
    await sink_of(hub).send(*trades("", "x" * 129))
    assert [key for key, _ in hub.sent] == [None, "x" * 128]


@pytest.mark.parametrize(("symbols", "connections", "made"), [("AB", 4, 2), ("ABC", 3, 3), ("ABCD", 3, 3), ("A", 3, 1)])
async def test_as_many_connections_are_made_as_there_are_symbols_and_no_more_than_allowed(
    symbols: str, connections: int, made: int
) -> None:
    hub = Hub()
    sink = sink_of(hub, connections=connections)
    for _ in range(2):
        await sink.send(*trades(*symbols))
    assert (hub.made, len(hub.sent), hub.closed) == (made, 2 * len(symbols), 0)
    await sink.close()
    assert hub.closed == made


@pytest.mark.parametrize("bodies", [[b"huge"], [b"a", b"b", b"huge"]])
async def test_an_event_that_fits_into_no_message_is_told(bodies: list[bytes]) -> None:
    hub = Hub()
    given, _ = trades(*"A" * len(bodies))
    with pytest.raises(BadData) as caught:
        await sink_of(hub).send(given, bodies)
    assert caught.value.message == "an event of 4 bytes is more than the 1,000 of a message"


async def test_a_batch_sent_again_goes_on_where_it_was_interrupted_over_new_connections() -> None:
    hub = Hub()
    hub.faults, hub.is_broken = [None, ConnectionResetError("reset")], True
    sink = sink_of(hub)
    given, payloads = trades("A", "B", "C")
    with pytest.raises(Transient) as caught:
        await sink.send(given, payloads)
    assert (caught.value.message, hub.made, hub.closed) == ("ConnectionResetError: reset", 1, 1)
    await sink.send(given, payloads)
    assert (hub.sent, hub.made) == ([("A", [b"A0"]), ("B", [b"B1"]), ("C", [b"C2"])], 2)
    # Another batch is whole again, and so is the same one once it was sent.
    await sink.send(given, payloads)
    assert [key for key, _ in hub.sent[3:]] == ["A", "B", "C"]


async def test_after_a_failure_no_other_part_is_begun() -> None:
    hub = Hub()
    hub.faults = [ConnectionResetError("reset")]
    with pytest.raises(Transient):
        await sink_of(hub, connections=1).send(*trades("A", "B"))
    assert hub.sent == []


@pytest.mark.parametrize(
    ("fault", "kind", "text", "retry_after", "hint"),
    [
        (EventHubError("com.microsoft:server-busy"), RateLimited, "EventHubError: com.microsoft:server-busy", 4.0, ""),
        (ConnectError("it is Throttled"), RateLimited, "ConnectError: it is Throttled", 4.0, ""),
        (
            AuthenticationError(f"no entry by {STRING}"),
            NotEntitled,
            "AuthenticationError: no entry by ***",
            None,
            "the identity needs the role Azure Event Hubs Data Sender",
        ),
        (
            ClientAuthenticationError("no sign-in"),
            NotEntitled,
            "ClientAuthenticationError: no sign-in",
            None,
            "the identity needs the role Azure Event Hubs Data Sender",
        ),
        (TimeoutError(), Transient, "TimeoutError: ", None, ""),
    ],
)
async def test_what_a_failure_means(
    fault: Exception, kind: type[ProducerError], text: str, retry_after: float | None, hint: str
) -> None:
    hub = Hub()
    hub.faults = [fault]
    sink = sink_of(hub)
    with pytest.raises(ProducerError) as caught:
        await sink.send(*trades("A"))
    found = caught.value
    assert (type(found), found.retry_after, found.hint, found.source) == (kind, retry_after, hint, "eventhubs")
    assert found.message == text


async def test_a_refusal_after_something_was_sent_may_pass() -> None:
    hub = Hub()
    hub.faults = [None, AuthenticationError("no")]
    sink = sink_of(hub)
    await sink.send(*trades("A"))
    with pytest.raises(Transient):
        await sink.send(*trades("A"))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (STRING, "trades"),
        (STRING.replace("EntityPath", "entitypath"), "trades"),
        (STRING.removesuffix(";EntityPath=trades"), "quotes"),
    ],
)
async def test_a_connection_string_that_names_a_hub_is_not_contradicted(text: str, named: str) -> None:
    sink = EventHubSink(EventHubSettings(hub="quotes", connection_string=Secret(text)))
    client = sink._make_client()
    assert client.eventhub_name == named
    await client.close()
