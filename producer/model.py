"""The records the producer makes: frozen values whose fields are the columns of the landing tables.

A field `event_id` is the column `EventId` and the JSON key `event_id`, and so on for every field. Instants are aware
UTC datetimes. A bar is labelled by its start, a daily bar by its trading date at 00:00Z.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import orjson

BarKind = Literal["daily", "intraday"]
ActionKind = Literal["split", "dividend"]
Adjustment = Literal["raw", "restored"]
"""How a provider's prices became raw: they were, or its split-adjusted ones were multiplied back."""


@dataclass(frozen=True, slots=True)
class Trade:
    """One print; `event_id` is the same whenever the same print is produced again."""

    event_id: str
    symbol: str
    timestamp: datetime
    price: float
    size: float
    venue: str
    source: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Bar:
    """OHLCV of one interval in raw prices: as they were quoted on that day, adjusted for nothing."""

    symbol: str
    timestamp: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float
    source: str
    received_at: datetime
    vwap: float | None = None
    trade_count: int | None = None
    venue: str = ""
    adjustment: Adjustment = "raw"


@dataclass(frozen=True, slots=True)
class CorporateAction:
    """A split (`value` = new shares per old share) or a cash dividend (`value` = amount per share of that day)."""

    symbol: str
    ex_date: date
    kind: ActionKind
    value: float
    source: str
    received_at: datetime


Record = Trade | Bar | CorporateAction


@dataclass(frozen=True, slots=True)
class History:
    """What a provider says of a past range: raw bars and the corporate actions that lie in it."""

    bars: tuple[Bar, ...] = ()
    actions: tuple[CorporateAction, ...] = ()


def encode_trade(trade: Trade) -> bytes:
    """Render a trade as one JSON object, times in RFC 3339 with `Z`."""
    return orjson.dumps(trade, option=orjson.OPT_UTC_Z)


def decode_trade(payload: bytes) -> Trade:
    """Return the trade that `encode_trade` rendered."""
    facts = orjson.loads(payload)
    instants = {name: datetime.fromisoformat(facts[name]) for name in ("timestamp", "received_at")}
    return Trade(**(facts | instants))
