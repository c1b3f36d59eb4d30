"""Trades over a websocket: one connection at a time, kept alive, watched for silence, and given up when it goes bad.

What a provider says over it is a `Dialect`. A connection that ends, stalls or talks nonsense is a `ProducerError`; the
pipeline, or a chain of sources, calls `trades` again after its back-off, and that connects and subscribes anew.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from producer.clock import Clock
from producer.errors import BadData, ProducerError, Transient
from producer.market_time import MarketCalendar, load_calendar
from producer.model import Trade
from producer.secret import Secret, redact
from producer.settings import NetworkSettings
from producer.sources.http import refusal_by_status, retry_after
from producer.sources.polling import until_prices

logger = logging.getLogger(__name__)

OnUnreadable = Callable[[str, str, str], None]
"""Hears of a frame that cannot be read: the source, the reason, and the frame."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a frame says: trades, texts to answer with, or that the provider refuses."""

    trades: tuple[Trade, ...] = ()
    replies: tuple[str, ...] = ()
    error: ProducerError | None = None


class Dialect(Protocol):
    """How a provider's stream is subscribed to and read."""

    source: str
    url: str

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What must not be shown of the address and the messages."""
        ...

    def opening(self) -> tuple[str, ...]:
        """Return what is sent as soon as a connection stands."""
        ...

    def heartbeat(self) -> tuple[str, ...]:
        """Return what is sent again and again to be kept subscribed."""
        ...

    def hear(self, frame: str, received_at: datetime) -> Heard:
        """Read a frame; one that cannot be read is `BadData`."""
        ...


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """How long a stream may be silent while the market makes prices, and how much nonsense it may send in a row."""

    silence_seconds: float = 60.0
    heartbeat_seconds: float = 15.0
    look_seconds: float = 5.0
    open_seconds: float = 10.0
    unreadable_in_a_row: int = 20
    frame_bytes: int = 1_048_576


@dataclass(slots=True)
class _Conversation:
    """What the watch over a connection knows; `listening_since` is None while a consumer holds the reading up."""

    listening_since: float | None = None
    unreadable: int = 0
    ended: str = ""
    is_session_over: bool = False


class StreamingSource:
    """A `TradeSource` over a websocket, connected while the market makes prices."""

    def __init__(
        self,
        dialect: Dialect,
        clock: Clock,
        network: NetworkSettings,
        settings: StreamSettings | None = None,
        *,
        calendar: MarketCalendar | None = None,
        on_unreadable: OnUnreadable | None = None,
    ) -> None:
        network.require_network(dialect.source, dialect.url)
        self.name = dialect.source
        self._dialect = dialect
        self._clock = clock
        self._settings = settings or StreamSettings()
        self._calendar = calendar or load_calendar()
        self._on_unreadable = on_unreadable

    async def close(self) -> None:
        """Hold nothing open: a connection lives as long as its iterator."""

    async def trades(self) -> AsyncGenerator[Trade, None]:
        """Connect for each session and iterate over its trades; a connection that fails raises."""
        while True:
            await until_prices(self._calendar, self._clock)
            connection = await self._connect()
            conversation = _Conversation()
            watch = asyncio.create_task(self._watch(connection, conversation), name=f"watch {self.name}")
            try:
                await _send(connection, self._dialect.opening())
                while True:
                    conversation.listening_since = self._clock.monotonic()
                    frame = await connection.recv()
                    conversation.listening_since = None
                    heard = self._hear(frame, conversation)
                    await _send(connection, heard.replies)
                    for trade in heard.trades:
                        yield trade
                    if heard.error:
                        raise heard.error
            except ConnectionClosed as error:
                if not conversation.is_session_over:
                    raise self._transient(conversation.ended or f"the connection ended: {error}") from None
            finally:
                watch.cancel()
                await asyncio.wait({watch})
                await connection.close()

    async def _connect(self) -> ClientConnection:
        settings = self._settings
        try:
            return await connect(
                self._dialect.url,
                open_timeout=settings.open_seconds,
                close_timeout=1.0,
                max_size=settings.frame_bytes,
                logger=_DiscreetLogger(logger, self._dialect.secrets),
            )
        except InvalidStatus as error:
            response = error.response
            wait = retry_after(response.headers.get("Retry-After", ""), self._clock.now())
            text = redact((response.body or b"").decode(errors="replace"), *self._dialect.secrets)
            refusal = refusal_by_status(self.name, response.status_code, text, wait)
            raise refusal or self._transient(f"HTTP {response.status_code} instead of a websocket") from None
        except (OSError, TimeoutError, WebSocketException) as error:
            # The cause may carry the address, and with it the key.
            raise self._transient(f"no connection: {type(error).__name__}: {error}") from None

    def _hear(self, frame: str | bytes, conversation: _Conversation) -> Heard:
        text = frame if isinstance(frame, str) else frame.decode(errors="replace")
        try:
            heard = self._dialect.hear(text, self._clock.now())
        except BadData as error:
            conversation.unreadable += 1
            logger.warning("an unreadable frame: %s", error)
            if self._on_unreadable:
                self._on_unreadable(self.name, error.message, text)
            if conversation.unreadable >= self._settings.unreadable_in_a_row:
                message = f"{conversation.unreadable} unreadable frames in a row"
                raise self._transient(message) from error
            return Heard()
        conversation.unreadable = 0
        return heard

    async def _watch(self, connection: ClientConnection, conversation: _Conversation) -> None:
        """Send heartbeats; end the connection when it falls silent or the session is over."""
        settings = self._settings
        next_beat = self._clock.monotonic() + settings.heartbeat_seconds
        while True:
            await self._clock.sleep(settings.look_seconds)
            now = self._clock.monotonic()
            if not self._calendar.makes_prices(self._clock.now()):
                conversation.is_session_over = True
                await connection.close()
                return
            since = conversation.listening_since
            if since is not None and now - since >= settings.silence_seconds:
                conversation.ended = f"silent for {now - since:.0f} s"
                # A closing handshake would wait for a peer that does not answer.
                connection.transport.abort()
                return
            if now >= next_beat:
                next_beat = now + settings.heartbeat_seconds
                await _send(connection, self._dialect.heartbeat())

    def _transient(self, message: str) -> Transient:
        return Transient(redact(message, *self._dialect.secrets), source=self.name)


async def _send(connection: ClientConnection, messages: tuple[str, ...]) -> None:
    """Send messages; that a connection has ended is told by reading, after what it still brought."""
    with suppress(ConnectionClosed):
        for message in messages:
            await connection.send(message)


class _DiscreetLogger(logging.LoggerAdapter[logging.Logger]):
    """Hides the secrets of an address in what the websocket library logs of its handshake."""

    def __init__(self, target: logging.Logger, secrets: tuple[Secret, ...]) -> None:
        super().__init__(target, {})
        self._secrets = secrets

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:  # noqa: ANN401 - as overridden
        """Log a message with its secrets hidden."""
        if self.isEnabledFor(level):
            text = str(msg) % args if args else str(msg)
            super().log(level, "%s", redact(text, *self._secrets), **kwargs)
