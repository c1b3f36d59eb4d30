"""One trading date of XNYS: when it opens and closes, and what an instant of it is.

Hours are those of New York and become UTC through its zone, so that both clock changes come out right.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

MARKET_ZONE = ZoneInfo("America/New_York")
OPENING, CLOSING = time(9, 30), time(16)

# The closing cross prints within a minute of the bell; its last corrections and official closes take some minutes more.
CLOSING_AUCTION = timedelta(minutes=15)

_PRE_OPENING, _POST_CLOSING = time(4), time(20)
_POST_AFTER_HALF_DAY = timedelta(hours=4)


class MarketPhase(Enum):
    """What a bar is labelled with, by its start."""

    PRE = "pre"
    REGULAR = "regular"
    POST = "post"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Session:
    """The regular session of a trading date, as aware instants in UTC; `closes_at` is exclusive."""

    date: date
    opens_at: datetime
    closes_at: datetime

    @property
    def is_half_day(self) -> bool:
        """Whether the market closes early."""
        return self.closes_at < new_york(self.date, CLOSING)

    @property
    def minutes(self) -> int:
        """The number of one-minute bars of the session."""
        return int((self.closes_at - self.opens_at) / timedelta(minutes=1))

    @property
    def settles_at(self) -> datetime:
        """When the closing auction and what belongs to it are over."""
        return self.closes_at + CLOSING_AUCTION

    def covers(self, instant: datetime) -> bool:
        """Whether prices are made at the instant: in the session or in the closing auction after it."""
        return self.opens_at <= instant < self.settles_at

    def phase(self, instant: datetime) -> MarketPhase:
        """Return the phase that a bar starting at the instant belongs to."""
        if self.opens_at <= instant < self.closes_at:
            return MarketPhase.REGULAR
        if new_york(self.date, _PRE_OPENING) <= instant < self.opens_at:
            return MarketPhase.PRE
        post_closes_at = self.closes_at + _POST_AFTER_HALF_DAY if self.is_half_day else self._post_closes_at
        if self.closes_at <= instant < post_closes_at:
            return MarketPhase.POST
        return MarketPhase.CLOSED

    def in_closing_auction(self, instant: datetime) -> bool:
        """Whether the instant lies in the window in which the closing auction prints."""
        return self.closes_at <= instant < self.settles_at

    @property
    def _post_closes_at(self) -> datetime:
        return new_york(self.date, _POST_CLOSING)


def new_york(day: date, clock_time: time) -> datetime:
    """Return the instant, in UTC, at which New York's clocks show a time on a date."""
    return datetime.combine(day, clock_time, MARKET_ZONE).astimezone(UTC)
