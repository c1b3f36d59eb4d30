"""What a file holds that can be stored and will still mislead: unknown companies, days without trading or far off."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from producer.market_time.calendar import MarketCalendar
from producer.market_time.session import MARKET_ZONE
from producer.model import BarKind, CorporateAction

_SHOWN = 3
# The daily prices of US stocks are on record from here on (CRSP).
_FIRST_DAY = date(1925, 12, 31)
# Splits and dividends are announced before they happen.
_AHEAD = timedelta(days=366)


def doubts_of_bars(
    bars: pa.Table, kind: BarKind, spellings: Collection[str], calendar: MarketCalendar, now: datetime
) -> tuple[str, ...]:
    """Return a sentence for each kind of doubtful row, with how many there are and the first few of them.

    `spellings` are the names that companies are known by. Days outside of the calendar's years may have had trading.
    """
    days = _counts(_days(bars["Timestamp"], at_midnight=kind == "daily"))
    closed = {day: count for day, count in days if _is_closed(day, calendar)}
    return tuple(
        doubt
        for doubt in (
            _of_nobody(_counts(bars["Symbol"]), spellings, "stored, and shown by no view"),
            _on_days(closed, "on days without trading", by_weekday=True),
            *_far_off(days, _tomorrow(now)),
        )
        if doubt
    )


def doubts_of_trades(trades: pa.Table) -> tuple[str, ...]:
    """Return a sentence for each kind of doubtful trade; those of nobody or of the future the database rejects."""
    return _far_off(_counts(_days(trades["Timestamp"], at_midnight=False)), date.max)


def doubts_of_actions(actions: Sequence[CorporateAction], spellings: Collection[str], now: datetime) -> tuple[str, ...]:
    """Return a sentence for each kind of doubtful split or dividend."""
    symbols = _counts(pa.array([each.symbol for each in actions], pa.string()))
    days = _counts(pa.array([each.ex_date for each in actions], pa.date32()))
    unknown = _of_nobody(symbols, spellings, "stored, and used by no view")
    return (*((unknown,) if unknown else ()), *_far_off(days, _tomorrow(now) + _AHEAD))


def _of_nobody(symbols: list[tuple[Any, int]], spellings: Collection[str], what_happens: str) -> str:
    unknown = {symbol: count for symbol, count in symbols if symbol not in spellings}
    named = _some([str(symbol) if str(symbol).isprintable() else ascii(symbol)[1:-1] for symbol in sorted(unknown)])
    return f"{_rows(sum(unknown.values()))} of no known company ({named}): {what_happens}" if unknown else ""


def _far_off(days: list[tuple[Any, int]], latest: date) -> tuple[str, ...]:
    early = _on_days({day: count for day, count in days if day < _FIRST_DAY}, f"before {_FIRST_DAY.year}")
    late = _on_days({day: count for day, count in days if day > latest}, "in the future")
    return tuple(doubt for doubt in (early, late) if doubt)


def _on_days(days: dict[date, int], which: str, *, by_weekday: bool = False) -> str:
    named = _some([f"{day:%A} {day}" if by_weekday else str(day) for day in sorted(days)])
    return f"{_rows(sum(days.values()))} {which} ({named}): stored as they are" if days else ""


def _tomorrow(now: datetime) -> date:
    # A day of prices is stamped with its date, which may begin elsewhere before it does here.
    return now.date() + timedelta(days=1)


def _days(stamps: pa.ChunkedArray, *, at_midnight: bool) -> pa.ChunkedArray:
    """Return the trading date of each row: a daily bar is stamped with it, all else with an instant."""
    stamps = stamps.cast(pa.timestamp("us"))
    if not at_midnight:
        stamps = pc.local_timestamp(stamps.cast(pa.timestamp("us", str(MARKET_ZONE))))
    days = stamps.cast(pa.timestamp("us")).cast(pa.date32())
    # The first instant of the year 1 is one of the year before in New York, for which Python has no date.
    return pc.min_element_wise(pc.max_element_wise(days, pa.scalar(date.min)), pa.scalar(date.max))


def _is_closed(day: date, calendar: MarketCalendar) -> bool:
    return calendar.first <= day <= calendar.last and calendar.session_of(day) is None


def _counts(values: pa.ChunkedArray | pa.Array) -> list[tuple[Any, int]]:
    return [(each["values"], each["counts"]) for each in pc.value_counts(values).to_pylist()]


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
