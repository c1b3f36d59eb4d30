"""Keeping a database's past complete while a producer runs for months.

After each session its bars are stated by a provider; before the next one the splits of that day must be known, or
adjusted prices would jump.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from producer.clock import Clock
from producer.market_time import MarketCalendar

# A sleeping machine's counters stand still: the wall clock is looked at again.
_LOOK_AGAIN_SECONDS = 300.0
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class UpkeepTimes:
    """How long before the opening and after the closing auction the past is looked at."""

    before_opening: timedelta = timedelta(minutes=30)
    after_settling: timedelta = timedelta(minutes=30)


async def keep_past(
    refresh: Callable[[], Awaitable[None]],
    calendar: MarketCalendar,
    clock: Clock,
    times: UpkeepTimes | None = None,
) -> None:
    """Refresh the past before and after every session, for ever."""
    times = times or UpkeepTimes()
    while True:
        due = next_upkeep(calendar, clock.now(), times)
        while (left := (due - clock.now()).total_seconds()) > 0:
            await clock.sleep(min(left, _LOOK_AGAIN_SECONDS))
        await refresh()


def next_upkeep(calendar: MarketCalendar, now: datetime, times: UpkeepTimes) -> datetime:
    """Return the first moment after `now` at which the past is due."""
    day = now.date() - _DAY
    while True:
        session = calendar.session_of(day)
        if session is not None:
            for due in (session.opens_at - times.before_opening, session.settles_at + times.after_settling):
                if due > now:
                    return due
        day += _DAY
