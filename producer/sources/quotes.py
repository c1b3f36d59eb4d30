"""Polled quotes as trades: a quote is a trade whose size is the growth of the day's volume since the last one."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from producer.market_time import MARKET_ZONE
from producer.model import Trade

# From the right, for a symbol may have colons: BINANCE:BTCUSDT.
_EVENT_ID = re.compile(r"[^:]*:(?P<symbol>.+):(?P<seconds>\d+\.\d{6}):(?P<volume>\d+):(?P<price>[^:]+)")


@dataclass(frozen=True, slots=True)
class Quote:
    """The last price of a symbol and the volume of its trading day up to then."""

    symbol: str
    timestamp: datetime
    trading_date: date
    price: float
    day_volume: float
    venue: str


@dataclass(frozen=True, slots=True)
class _Last:
    quote: Quote
    volume: float


def event_id_of(source: str, quote: Quote) -> str:
    """Return the id of the trade that a quote becomes.

    Time, volume and price identify the quote, so that a restarted producer makes the same id of it.
    """
    return f"{source}:{quote.symbol}:{quote.timestamp.timestamp():.6f}:{quote.day_volume:.0f}:{quote.price}"


def quote_of(event_id: str) -> Quote | None:
    """Return the quote that an id was made of, or None where it was made of something else."""
    found = _EVENT_ID.fullmatch(event_id)
    if found is None:
        return None
    try:
        timestamp = datetime.fromtimestamp(float(found["seconds"]), UTC)
        price = float(found["price"])
    except (ValueError, OverflowError, OSError):
        return None
    trading_date = timestamp.astimezone(MARKET_ZONE).date()
    return Quote(found["symbol"], timestamp, trading_date, price, float(found["volume"]), "")


class QuoteTrades:
    """Turns the quotes of one source into trades.

    The first quote seen has size 0, for what was traded before it is not known to have happened at its price; the
    first quote of a later trading date has that day's volume. A volume that falls within a day is a correction: the
    highest one counts until it is exceeded.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._last: dict[str, _Last] = {}

    def resume(self, quotes: Iterable[Quote]) -> None:
        """Go on from quotes that became trades before, of an earlier run or of another producer.

        What was traded since them then counts with the next quote. Quotes older than those known are passed over.
        """
        for quote in quotes:
            last = self._last.get(quote.symbol)
            if last is None or last.quote.timestamp < quote.timestamp:
                self._last[quote.symbol] = _Last(quote, quote.day_volume)

    def trade(self, quote: Quote, received_at: datetime) -> Trade | None:
        """Return the trade that a quote stands for, or None where it tells nothing new."""
        last = self._last.get(quote.symbol)
        if last is None:
            size, volume = 0.0, quote.day_volume
        elif quote.trading_date > last.quote.trading_date:
            size, volume = quote.day_volume, quote.day_volume
        elif quote.timestamp < last.quote.timestamp:
            return None
        else:
            size = max(0.0, quote.day_volume - last.volume)
            volume = max(last.volume, quote.day_volume)
            if not size and quote.price == last.quote.price:
                return None
        self._last[quote.symbol] = _Last(quote, volume)
        return Trade(
            event_id=event_id_of(self._source, quote),
            symbol=quote.symbol,
            timestamp=quote.timestamp,
            price=quote.price,
            size=size,
            venue=quote.venue,
            source=self._source,
            received_at=received_at,
        )
