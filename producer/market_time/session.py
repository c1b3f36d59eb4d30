"""One trading date of the market: when it opens and closes, and when it is settled.

Hours are those of the market's clocks and become UTC through its zone, so that both clock changes come out right.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from kql.reference import load_market

MARKET = load_market()
MARKET_ZONE = MARKET.zone


@dataclass(frozen=True, slots=True)
class Session:
    """The regular session of a trading date, as aware instants in UTC; `closes_at` is exclusive."""

    date: date
    opens_at: datetime
    closes_at: datetime

    @property
    def minutes(self) -> int:
        """The number of one-minute bars of the session."""
        return int((self.closes_at - self.opens_at) / timedelta(minutes=1))

    @property
    def settles_at(self) -> datetime:
        """When the closing auction and what belongs to it are over."""
        return self.closes_at + MARKET.closing_auction

    def covers(self, instant: datetime) -> bool:
        """Whether prices are made at the instant: in the session or in the closing auction after it."""
        return self.opens_at <= instant < self.settles_at


def market_instant(day: date, clock_time: time) -> datetime:
    """Return the instant, in UTC, at which the market's clocks show a time on a date."""
    return datetime.combine(day, clock_time, MARKET_ZONE).astimezone(UTC)
