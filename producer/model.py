"""The records the producer makes: frozen values whose fields are the columns of the landing tables.

A field `event_id` is the column `EventId`, and so on for every field; `columns` is the only place that says so.
Instants are aware UTC datetimes. A bar is labelled by its start; a daily bar by its trading date at 00:00Z.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Literal

import orjson

ActionKind = Literal["split", "dividend"]
RAW = "raw"


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
    volume: int
    source: str
    received_at: datetime
    adjustment: str = RAW


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


def columns(record_type: type[Record]) -> Mapping[str, str]:
    """Return the landing column of each field: `{"event_id": "EventId", …}`."""
    return {field.name: field.name.title().replace("_", "") for field in fields(record_type)}


_TRADE_COLUMNS = tuple(columns(Trade).items())


def encode_trade(trade: Trade) -> bytes:
    """Render a trade as one JSON object with the landing columns as keys, times in RFC 3339 with `Z`."""
    return orjson.dumps({column: getattr(trade, name) for name, column in _TRADE_COLUMNS}, option=orjson.OPT_UTC_Z)
