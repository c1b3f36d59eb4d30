"""The trading dates of a market that never closes, such as the simulated one."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from producer.market_time.session import Session

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AlwaysOpen:
    """Every date is a trading date; it starts that long after 00:00Z and lasts a day."""

    day_starts: timedelta

    def sessions(self, first: date, last: date) -> Iterator[Session]:
        """Iterate over the dates from `first` to `last`, both included."""
        day = first
        while day <= last:
            start = datetime.combine(day, time(), UTC) + self.day_starts
            yield Session(day, start, start + _DAY)
            day += _DAY

    def is_settled(self, day: date, now: datetime) -> bool:
        """Whether a date is over."""
        (session,) = self.sessions(day, day)
        return session.closes_at <= now
