"""What the pipeline and the loader need of a source of market data."""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol

from producer.model import CorporateAction, History, Trade

Capability = Literal["daily", "intraday", "actions"]
"""What a provider of the past can tell: bars of days, bars of minutes, splits and dividends."""


class TradeSource(Protocol):
    """A live or recorded stream of trades.

    `trades` may be called again after it raised a retryable error and continues; producing a trade twice is harmless
    because its event id is the same.
    """

    name: str

    def trades(self) -> AsyncGenerator[Trade, None]:
        """Iterate over trades as they happen, until the source ends or the iterator is closed."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


class HistorySource(Protocol):
    """A provider of past bars and corporate actions; times are half-open `[start, end)` in UTC.

    What its capabilities leave out it refuses with `NotEntitled`, or answers without the actions.
    """

    name: str
    capabilities: frozenset[Capability]

    async def daily(self, symbol: str, start: datetime, end: datetime) -> History:
        """Return raw daily bars of closed days and the corporate actions of the range."""
        ...

    async def intraday(self, symbol: str, start: datetime, end: datetime) -> History:
        """Return raw one-minute bars that are complete."""
        ...

    async def actions(self, symbol: str, start: datetime, end: datetime) -> Sequence[CorporateAction]:
        """Return the splits and dividends of a range of dates; a range without bars has none."""
        ...

    def recent_trades(self, span: timedelta) -> Sequence[Trade]:
        """Return the trades of the span before the live ones, from a whole minute on; none where nobody keeps them."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


class Sink(Protocol):
    """Where batches of trades go. `send` returns when the batch is durable, or raises a `ProducerError`."""

    async def send(self, trades: Sequence[Trade], payloads: Sequence[bytes]) -> None:
        """Deliver one batch; `payloads` holds the JSON object of each trade, in order."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
