"""What a file of bars holds that can be stored and will still mislead: companies nobody knows, days without trading."""

from collections.abc import Collection
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from producer.market_time.calendar import MarketCalendar
from producer.market_time.session import MARKET_ZONE
from producer.model import BarKind

_SHOWN = 3


def doubts_of(bars: pa.Table, kind: BarKind, spellings: Collection[str], calendar: MarketCalendar) -> tuple[str, ...]:
    """Return a sentence for each kind of doubtful row, with how many there are and the first few of them.

    `spellings` are the names that companies are known by. Days outside of the calendar's years are not doubted.
    """
    doubts = []
    unknown = {symbol: count for symbol, count in _counts(bars["Symbol"]) if symbol not in spellings}
    if unknown:
        count, named = sum(unknown.values()), _some(sorted(unknown))
        doubts.append(f"{_rows(count)} of no known company ({named}): stored, and shown by no view")
    closed = {day: count for day, count in _counts(_days(bars, kind)) if _is_closed(day, calendar)}
    if closed:
        named = _some([f"{day:%A} {day}" for day in sorted(closed)])
        doubts.append(f"{_rows(sum(closed.values()))} on days without trading ({named}): stored as they are")
    return tuple(doubts)


def _days(bars: pa.Table, kind: BarKind) -> pa.ChunkedArray:
    """Return the trading date of each row: a daily bar is stamped with it, a minute with an instant."""
    stamps = bars["Timestamp"]
    if kind == "intraday":
        stamps = pc.local_timestamp(stamps.cast(pa.timestamp("us", str(MARKET_ZONE))))
    return stamps.cast(pa.timestamp("us")).cast(pa.date32())


def _is_closed(day: date, calendar: MarketCalendar) -> bool:
    return calendar.first <= day <= calendar.last and calendar.session_of(day) is None


def _counts(values: pa.ChunkedArray) -> list[tuple[Any, int]]:
    return [(each["values"], each["counts"]) for each in pc.value_counts(values).to_pylist()]


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
