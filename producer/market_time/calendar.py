"""The trading dates of the market, from a table of the weekdays that are none or end early.

The table, `xnys.csv` for New York, is rendered by `python -m producer.market_time.generate`. Asking beyond it is an
error: a guess would poll a closed market, or sleep through an open one.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Protocol

from producer.market_time.session import MARKET, MARKET_ZONE, Session, market_instant

TABLE = Path(__file__).with_name(f"{MARKET.calendar.lower()}.csv")
_DAY = timedelta(days=1)
SATURDAY = 5


class TradingDates(Protocol):
    """On which dates a market trades, and when."""

    def sessions(self, first: date, last: date) -> Iterator[Session]:
        """Iterate over the sessions of the dates from `first` to `last`, both included."""
        ...

    def is_settled(self, day: date, now: datetime) -> bool:
        """Whether nothing more will trade on a date."""
        ...


@dataclass(frozen=True, slots=True)
class MarketCalendar:
    """Trading dates from `first` to `last`; `exceptions` has the closing time of a weekday, or None for a holiday."""

    first: date
    last: date
    exceptions: Mapping[date, time | None]

    def session_of(self, day: date) -> Session | None:
        """Return the session of a date, or None where the market stays closed all day."""
        if not self.first <= day <= self.last:
            raise LookupError(
                f"the calendar of {MARKET.calendar} holds {self.first} to {self.last}, not {day}; "
                "extend it with python -m producer.market_time.generate"
            )
        closing = self.exceptions.get(day, MARKET.closes)
        if day.weekday() >= SATURDAY or closing is None:
            return None
        return Session(day, market_instant(day, MARKET.opens), market_instant(day, closing))

    def sessions(self, first: date, last: date) -> Iterator[Session]:
        """Iterate over the sessions of the dates from `first` to `last`, both included."""
        day = first
        while day <= last:
            if session := self.session_of(day):
                yield session
            day += _DAY

    def session_at(self, instant: datetime) -> Session | None:
        """Return the session of the date that the market's clocks show at the instant."""
        return self.session_of(instant.astimezone(MARKET_ZONE).date())

    def is_open(self, instant: datetime) -> bool:
        """Whether the regular session is running."""
        session = self.session_at(instant)
        return session is not None and session.opens_at <= instant < session.closes_at

    def makes_prices(self, instant: datetime) -> bool:
        """Whether the regular session or its closing auction is running."""
        session = self.session_at(instant)
        return session is not None and session.covers(instant)

    def holds_bar(self, start: datetime) -> bool:
        """Whether a one-minute bar counts to the official day.

        The minute after the bell does: it holds the closing auction, often a tenth of the day's volume.
        """
        session = self.session_at(start)
        return session is not None and session.opens_at <= start <= session.closes_at

    def is_settled(self, day: date, now: datetime) -> bool:
        """Whether nothing more will trade on a date, the closing auction included."""
        session = self.session_of(day) if day >= self.first else None
        return session is None or session.settles_at <= now

    def next_open(self, instant: datetime) -> datetime:
        """Return the first opening at or after the instant, in UTC."""
        day = instant.astimezone(MARKET_ZONE).date()
        while True:
            session = self.session_of(day)
            if session and session.opens_at >= instant:
                return session.opens_at
            day += _DAY


def load_calendar(table: Path = TABLE) -> MarketCalendar:
    """Read the table; its first and last rows say which years it holds."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = [(date.fromisoformat(row["date"]), row["closes"]) for row in csv.DictReader(file)]
    exceptions = {day: time.fromisoformat(closes) if closes else None for day, closes in rows}
    return MarketCalendar(date(rows[0][0].year, 1, 1), date(rows[-1][0].year, 12, 31), exceptions)
