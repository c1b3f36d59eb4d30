"""Finnhub's last price, polled: a fallback for live trades that has no volume, so that its trades have size 0.

A free key has 60 requests a minute and no past bars at all.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from producer.clock import Clock
from producer.errors import BadData, NoData, NotEntitled, ProducerError, RateLimited, UnknownSymbol
from producer.market_time import MARKET_ZONE, MarketCalendar, load_calendar
from producer.model import Trade
from producer.rate_limit import Quota
from producer.secret import Secret
from producer.settings import NetworkSettings
from producer.sources.bars import five_numbers
from producer.sources.facts import epoch, json_object, mapping, number, read_answer
from producer.sources.http import Endpoint, HttpApi, Pace, refusal_by_status
from producer.sources.polling import Polling, polled_trades
from producer.sources.quotes import Quote, QuoteTrades

SOURCE = "finnhub"
KEY_HINT = "check TICKHOUSE_FINNHUB_KEY"


@dataclass(frozen=True, slots=True)
class FinnhubSettings:
    """Where to ask and how often."""

    base_url: str = "https://finnhub.io"
    pace: Pace = field(default_factory=lambda: Pace(quotas=(Quota(60, 60.0), Quota(30, 1.0))))
    poll_seconds: float = 15.0


@dataclass(frozen=True, slots=True)
class FinnhubQuote:
    """The last price, the day's range so far and the close before."""

    price: float
    high: float
    low: float
    open: float
    previous_close: float
    timestamp: datetime


def classify(status: int, text: str, wait: float | None = None) -> ProducerError | None:
    """Return the error that an answer is, or None where it is a quote."""
    lowered = text.lower()
    if "please sign up" in lowered or "invalid api key" in lowered:
        return NotEntitled(text.strip()[:200], source=SOURCE, hint=KEY_HINT)
    if "api limit reached" in lowered:
        hint = "a free key has 60 requests a minute"
        return RateLimited(text.strip()[:200], source=SOURCE, hint=hint, retry_after=wait or 60.0)
    if "don't have access" in lowered:
        return NotEntitled(text.strip()[:200], source=SOURCE, hint="a free key has last prices and trades, no past")
    if refusal := refusal_by_status(SOURCE, status, text, wait):
        return refusal
    body = json_object(text)
    if body is None:
        return BadData(f"an answer that is no quote: {text[:80]!r}", source=SOURCE)
    if body.get("s") == "no_data":
        return NoData("no data", source=SOURCE)
    if body.get("t") == 0:
        return UnknownSymbol("a quote of zeros", source=SOURCE)
    return None


def parse_quote(text: str) -> FinnhubQuote:
    """Read a quote."""

    def read(body: object) -> FinnhubQuote:
        facts = mapping(body)
        return FinnhubQuote(*five_numbers(facts, ("c", "h", "l", "o", "pc"), number), epoch(facts, "t"))

    return read_answer(SOURCE, text, read)


class FinnhubQuotes:
    """A `TradeSource` by polling."""

    name = SOURCE

    def __init__(
        self,
        symbols: Sequence[str],
        key: Secret,
        clock: Clock,
        network: NetworkSettings,
        settings: FinnhubSettings | None = None,
        random: Random | None = None,
        *,
        calendar: MarketCalendar | None = None,
    ) -> None:
        self._settings = settings or FinnhubSettings()
        self._symbols = symbols
        self._clock = clock
        self._calendar = calendar or load_calendar()
        self._quotes = QuoteTrades(SOURCE)
        endpoint = Endpoint(SOURCE, self._settings.base_url, secret_headers={"X-Finnhub-Token": key})
        self._api = HttpApi(endpoint, classify, clock, network, self._settings.pace, random)

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def quote(self, symbol: str) -> Quote:
        """Return the last price; the day's volume is not told."""
        found = parse_quote(await self._api.get("/api/v1/quote", {"symbol": symbol}))
        trading_date = found.timestamp.astimezone(MARKET_ZONE).date()
        return Quote(symbol, found.timestamp, trading_date, found.price, 0.0, "")

    def trades(self) -> AsyncGenerator[Trade, None]:
        """Poll every symbol in turn while the market makes prices."""
        polling = Polling(self._symbols, self.quote, self._settings.poll_seconds, self._clock, self._calendar)
        return polled_trades(polling, self._quotes)
