"""Batches into an Azure event hub: one event per trade, its symbol as partition key, so that a symbol stays in order.

A client waits for the answer to each message, and a message has one key. So the symbols of a batch go out side by side,
over a few connections; the next batch begins when all of them are acknowledged.

The client's own few retries are followed by the pipeline's, which do not end; what is told here is only whether they
may help. On return a batch is acknowledged by the hub.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from azure.core.exceptions import ClientAuthenticationError
from azure.eventhub import EventData, EventDataBatch
from azure.eventhub.aio import EventHubProducerClient
from azure.eventhub.exceptions import AuthenticationError, EventHubError
from azure.identity.aio import DefaultAzureCredential

from producer.errors import BadData, NotEntitled, ProducerError, RateLimited, Transient
from producer.model import Trade
from producer.secret import Secret, redact

logger = logging.getLogger(__name__)

SOURCE = "eventhubs"
# What a throttled client is asked to wait for (Event Hubs quotas, "server busy").
_BUSY_SECONDS = 4.0
_KEY_CHARACTERS = 128


@dataclass(frozen=True, slots=True)
class EventHubSettings:
    """Which hub, and who asks: a connection string, or a namespace and the identity this process runs under.

    `batch_bytes` is less than what the hub's tier takes in one message; None takes the tier's limit. The client waits
    `client_pause` seconds before its first retry, and each time twice as long; with its own 0.8 s it would be half a
    minute until a hub that is down is given up and the spool takes over.
    """

    hub: str = "trades"
    connection_string: Secret | None = None
    namespace: str = ""
    batch_bytes: int | None = None
    send_seconds: float = 30.0
    client_retries: int = 3
    client_pause: float = 0.1
    connections: int = 4


@dataclass(slots=True)
class _Interrupted:
    """A batch whose sending failed, and the symbols whose parts the hub has acknowledged."""

    trades: Sequence[Trade] = ()
    acknowledged: set[str] = field(default_factory=set)


class EventHubSink:
    """Sends to one hub; connects when it has something to send, and anew after a connection failed."""

    def __init__(self, settings: EventHubSettings) -> None:
        self._settings = settings
        self._credential: DefaultAzureCredential | None = None
        self._make_client = self._maker(settings)
        self._clients: list[EventHubProducerClient] = []
        self._has_sent = False
        self._interrupted = _Interrupted()

    async def send(self, trades: Sequence[Trade], payloads: Sequence[bytes]) -> None:
        """Send a batch by symbol; sent again after a failure, it goes on where it was interrupted."""
        if self._interrupted.trades is not trades:
            self._interrupted = _Interrupted(trades)
        waiting = deque(part for part in _by_symbol(trades, payloads) if part[0] not in self._interrupted.acknowledged)
        lanes = min(len(waiting), self._settings.connections)
        try:
            while len(self._clients) < lanes:
                self._clients.append(self._make_client())
            # A lane that fails ends; the others finish what they are about.
            outcomes = await asyncio.gather(
                *(self._send_parts(client, waiting) for client in self._clients[:lanes]), return_exceptions=True
            )
            for failure in filter(None, outcomes):
                raise failure
        except (EventHubError, ClientAuthenticationError, OSError, TimeoutError) as error:
            await self._forget_clients()
            raise self._refusal(error) from error
        self._interrupted = _Interrupted()

    async def close(self) -> None:
        """Close the connections."""
        await self._forget_clients()
        if self._credential is not None:
            await self._credential.close()

    async def _send_parts(self, client: EventHubProducerClient, waiting: deque[tuple[str, Sequence[bytes]]]) -> None:
        """Send parts until none waits; after a failure none does."""
        try:
            while waiting:
                symbol, bodies = waiting.popleft()
                async with asyncio.timeout(self._settings.send_seconds):
                    await self._send_part(client, symbol, bodies)
                self._interrupted.acknowledged.add(symbol)
                self._has_sent = True
        except BaseException:
            waiting.clear()
            raise

    async def _send_part(self, client: EventHubProducerClient, symbol: str, bodies: Sequence[bytes]) -> None:
        batch = await self._batch(client, symbol)
        for body in bodies:
            event = EventData(body)
            try:
                batch.add(event)
            except ValueError:
                # The batch is full; an event that does not fit into an empty one never will.
                if not len(batch):
                    raise _too_large(body, batch) from None
                await client.send_batch(batch)
                batch = await self._batch(client, symbol)
                try:
                    batch.add(event)
                except ValueError:
                    raise _too_large(body, batch) from None
        await client.send_batch(batch)

    async def _batch(self, client: EventHubProducerClient, symbol: str) -> EventDataBatch:
        # A key that is no text, or too long, would be ignored or refused.
        key = symbol[:_KEY_CHARACTERS] or None
        return await client.create_batch(partition_key=key, max_size_in_bytes=self._settings.batch_bytes)

    async def _forget_clients(self) -> None:
        clients, self._clients = self._clients, []
        for client in clients:
            try:
                await client.close()
            except (EventHubError, OSError) as error:
                logger.debug("closing a failed client: %s", error)

    def _refusal(self, error: Exception) -> ProducerError:
        secret = self._settings.connection_string
        text = redact(f"{type(error).__name__}: {error}", *((secret,) if secret else ()))
        if "server-busy" in text or "throttled" in text.lower():
            return RateLimited(text, source=SOURCE, retry_after=_BUSY_SECONDS)
        is_refused = isinstance(error, AuthenticationError | ClientAuthenticationError)
        if is_refused and not self._has_sent:
            # Later on it is the identity provider that is in trouble, and that passes.
            return NotEntitled(text, source=SOURCE, hint="the identity needs the role Azure Event Hubs Data Sender")
        return Transient(text, source=SOURCE)

    def _maker(self, settings: EventHubSettings) -> Callable[[], EventHubProducerClient]:
        retries: dict[str, Any] = {
            "retry_total": settings.client_retries,
            "retry_backoff_factor": settings.client_pause,
        }
        if settings.connection_string is not None:
            text = settings.connection_string.value
            # A string that names a hub is not contradicted.
            hub = None if "entitypath=" in text.lower() else settings.hub
            return lambda: EventHubProducerClient.from_connection_string(text, eventhub_name=hub, **retries)
        if not settings.namespace:
            hint = "set a connection string, or the name of the namespace"
            raise NotEntitled("no event hub is named", source=SOURCE, hint=hint)
        credential = self._credential = DefaultAzureCredential()
        namespace = settings.namespace if "." in settings.namespace else f"{settings.namespace}.servicebus.windows.net"
        return lambda: EventHubProducerClient(namespace, settings.hub, credential, **retries)


def _by_symbol(trades: Sequence[Trade], payloads: Sequence[bytes]) -> Iterator[tuple[str, Sequence[bytes]]]:
    parts: dict[str, list[bytes]] = {}
    for trade, payload in zip(trades, payloads, strict=True):
        parts.setdefault(trade.symbol, []).append(payload)
    yield from parts.items()


def _too_large(body: bytes, batch: EventDataBatch) -> BadData:
    message = f"an event of {len(body):,} bytes is more than the {batch.max_size_in_bytes:,} of a message"
    return BadData(message, source=SOURCE)
