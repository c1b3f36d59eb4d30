"""Renders the table of trading dates: `python -m producer.market_time.generate [first] [last]`.

It comes from the package exchange_calendars, which only the generator and the tests need. Each row is a weekday that is
no trading date, or one that closes early; every other weekday trades from the usual opening to the usual closing.
"""

import sys
from datetime import date, timedelta

from producer.market_time.calendar import SATURDAY, TABLE
from producer.market_time.session import MARKET, MARKET_ZONE

FIRST_YEAR, LAST_YEAR = 1980, 2035
HEADER = "date,closes"


def render(first_year: int, last_year: int) -> str:
    """Return the table of the years, or raise `ValueError` where the market would not open at its usual hour."""
    import exchange_calendars  # not installed where the producer runs

    first, last = date(first_year, 1, 1), date(last_year, 12, 31)
    schedule = exchange_calendars.get_calendar(MARKET.calendar, start=first.isoformat(), end=last.isoformat()).schedule
    sessions = {
        row.Index.date(): (row.open.astimezone(MARKET_ZONE), row.close.astimezone(MARKET_ZONE))
        for row in schedule.itertuples()
    }
    lines = [HEADER]
    for day in (first + timedelta(number) for number in range((last - first).days + 1)):
        if day.weekday() >= SATURDAY:
            continue
        opens, closes = sessions.get(day, (None, None))
        if opens is None or closes is None:
            lines.append(f"{day},")
            continue
        if opens.time() != MARKET.opens:
            raise ValueError(f"{day} opens at {opens:%H:%M}: the table has no place for that")
        if closes.time() != MARKET.closes:
            lines.append(f"{day},{closes:%H:%M}")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> None:
    """Write the table of the years named on the command line."""
    first, last = (int(arguments[0]), int(arguments[1])) if arguments else (FIRST_YEAR, LAST_YEAR)
    TABLE.write_text(render(first, last), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
