"""What the providers of past bars have in common: which bars of an answer are kept, and how five numbers become one."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

from producer.errors import NoData
from producer.market_time import MarketCalendar
from producer.model import Bar, CorporateAction, History
from producer.sources.facts import Json

# The venue of bars that count the trades of all exchanges.
CONSOLIDATED = "SIP"

_MINUTE = timedelta(minutes=1)


class DayTeller(Protocol):
    """A provider of daily bars."""

    async def daily(self, symbol: str, start: datetime, end: datetime) -> History:
        """Return raw daily bars, and the corporate actions of the range where the provider tells them."""
        ...


class ActionsWithDays:
    """The splits and dividends of a provider that tells them with its daily bars, and in no other way."""

    async def actions(self: DayTeller, symbol: str, start: datetime, end: datetime) -> tuple[CorporateAction, ...]:
        """Return the splits and dividends of a range of dates; a range without bars has none."""
        try:
            return (await self.daily(symbol, start, end)).actions
        except NoData:
            return ()


def label_of(day: date) -> datetime:
    """Return the label of a daily bar: its trading date at 00:00Z."""
    return datetime.combine(day, time(), UTC)


def five_numbers(
    facts: Json, names: Sequence[str], read: Callable[[Json, str], float]
) -> tuple[float, float, float, float, float]:
    """Return the numbers under five names, such as those of open, high, low, close and volume."""
    first, second, third, fourth, fifth = (float(read(facts, name)) for name in names)
    return first, second, third, fourth, fifth


def closed_days(
    bars: Iterable[Bar], start: datetime, end: datetime, calendar: MarketCalendar, told_until: datetime
) -> list[Bar]:
    """Return the daily bars labelled in `[start, end)` whose day was over when the provider's knowledge ends."""
    return [
        bar for bar in bars if start <= bar.timestamp < end and calendar.is_settled(bar.timestamp.date(), told_until)
    ]


def whole_minutes(
    bars: Iterable[Bar], start: datetime, end: datetime, calendar: MarketCalendar, told_until: datetime
) -> list[Bar]:
    """Return the one-minute bars of `[start, end)` that are complete and count to the official day."""
    return [
        bar
        for bar in bars
        if start <= bar.timestamp < end and bar.timestamp + _MINUTE <= told_until and calendar.holds_bar(bar.timestamp)
    ]


def history_of(source: str, symbol: str, bars: Iterable[Bar], actions: Iterable[CorporateAction] = ()) -> History:
    """Return a history, or raise `NoData` where it has no bar."""
    found = tuple(bars)
    if not found:
        raise NoData(f"no bars of {symbol} in the range", source=source)
    return History(found, tuple(actions))
