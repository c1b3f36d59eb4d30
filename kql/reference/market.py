"""The market that the companies are listed in: its hours, its year, and how a trading date lies in UTC."""

from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kql.errors import DefinitionError
from kql.reference.companies import load_companies
from kql.reference.document import COMPANIES_FILE, Entry, read_document

_KNOWN = (
    *("name", "calendar", "exchanges", "zone", "opens", "closes", "closing_auction"),
    *("day_starts", "day_closes", "trading_dates_per_year", "days_per_trading_date", "hours_per_trading_hour"),
)


@dataclass(frozen=True, slots=True)
class Market:
    """A market, in which every company of the reference file is listed.

    `opens` and `closes` are on the clocks of `zone`; `closing_auction` is how long after the bell the auction prints.
    `day_starts` and `day_closes` count from 00:00 UTC of a trading date: all of its trades come after the one, and its
    daily bar is told after the other, whatever the clocks of the zone show. The last two say how many days, and hours,
    pass at most for one with trades: weekends, holidays and nights included.
    """

    name: str
    calendar: str
    exchanges: tuple[str, ...]
    zone: ZoneInfo
    opens: time
    closes: time
    closing_auction: timedelta
    day_starts: timedelta
    day_closes: timedelta
    trading_dates_per_year: int
    days_per_trading_date: float
    hours_per_trading_hour: float


def load_market(file: Path = COMPANIES_FILE) -> Market:
    """Read the market of the reference file; a company that is not listed there is a `DefinitionError`."""
    document = read_document(file)
    values = document.market
    if not isinstance(values, dict):
        raise DefinitionError("no [market] found", file, hint="the database knows one market, see kql/README.md")
    entry = Entry(values, "market", file, _KNOWN, document.lines.of(("market",)))
    zone = entry.value("zone", str)
    try:
        clocks = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise entry.error(f"no time zone is named '{zone}'", "zones are named like America/New_York") from error
    market = Market(
        name=entry.value("name", str),
        calendar=entry.value("calendar", str),
        exchanges=entry.words("exchanges"),
        zone=clocks,
        opens=entry.value("opens", time),
        closes=entry.value("closes", time),
        closing_auction=_elapsed(entry.value("closing_auction", time)),
        day_starts=_elapsed(entry.value("day_starts", time)),
        day_closes=_elapsed(entry.value("day_closes", time)),
        trading_dates_per_year=entry.value("trading_dates_per_year", int),
        days_per_trading_date=entry.value("days_per_trading_date", float),
        hours_per_trading_hour=entry.value("hours_per_trading_hour", float),
    )
    # DailyRange_v1 makes the extreme of a year out of two runs of 128 trading dates.
    if not 128 <= market.trading_dates_per_year <= 256:
        raise entry.error("'trading_dates_per_year' is from 128 to 256")
    for company in load_companies(file):
        if company.exchange not in market.exchanges:
            raise entry.error(
                f"{company.symbol} is listed at {company.exchange}, which is none of its exchanges",
                f"they are {', '.join(market.exchanges)}; a second market is more than an entry, see kql/README.md",
            )
    return market


def _elapsed(clock: time) -> timedelta:
    return timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second)
