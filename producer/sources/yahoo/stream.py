"""Yahoo's streamer: throttled last prices without a key, for as long as the subscription is repeated."""

from collections.abc import Sequence
from datetime import datetime

import orjson

from producer.errors import BadData
from producer.market_time import MARKET_ZONE
from producer.secret import Secret
from producer.sources.facts import mapping, read_answer, text_of
from producer.sources.quotes import Quote, QuoteTrades
from producer.sources.streaming import Heard
from producer.sources.yahoo.chart import SOURCE
from producer.sources.yahoo.pricing import decode_pricing

URL = "wss://streamer.finance.yahoo.com/?version=2"

# Prices come in single precision: two digits beyond what is shown keep sub-cent prices and drop what it added.
_EXTRA_DIGITS = 2


class YahooStream:
    """The `Dialect` of the streamer; share `quotes` with the polling source, and no volume is lost between the two."""

    source = SOURCE
    secrets: tuple[Secret, ...] = ()

    def __init__(self, symbols: Sequence[str], *, quotes: QuoteTrades | None = None, url: str = URL) -> None:
        self.url = url
        self._subscription = orjson.dumps({"subscribe": list(symbols)}).decode()
        self._quotes = quotes or QuoteTrades(SOURCE)

    def opening(self) -> tuple[str, ...]:
        """Subscribe."""
        return (self._subscription,)

    def heartbeat(self) -> tuple[str, ...]:
        """Subscribe again: that is what keeps a subscription."""
        return (self._subscription,)

    def hear(self, frame: str, received_at: datetime) -> Heard:
        """Read a quote; what is no pricing frame says nothing."""
        encoded = read_answer(SOURCE, frame, _message)
        if encoded is None:
            return Heard()
        pricing = decode_pricing(encoded)
        digits = min(max(pricing.digits, 0), 8) + _EXTRA_DIGITS
        trading_date = pricing.timestamp.astimezone(MARKET_ZONE).date()
        quote = Quote(
            symbol=pricing.symbol,
            timestamp=pricing.timestamp,
            trading_date=trading_date,
            price=round(pricing.price, digits),
            day_volume=float(pricing.day_volume),
            venue=pricing.exchange,
        )
        if not quote.price > 0:
            raise BadData(f"a price of {quote.price}", source=SOURCE)
        trade = self._quotes.trade(quote, received_at)
        return Heard((trade,)) if trade else Heard()


def _message(body: object) -> str | None:
    facts = mapping(body)
    return text_of(facts, "message") if facts.get("type") == "pricing" else None
