"""Alpaca's past bars: consolidated tape, raw prices, one-minute bars back to 2016 with a free account.

A free account may not ask for the last quarter of an hour; the feed is never narrowed to one exchange, whose volume
would be a fraction of the tape's. Corporate actions are not told by this endpoint.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

from producer.clock import Clock
from producer.errors import BadData, NoData, NotEntitled, ProducerError, RateLimited, UnknownSymbol
from producer.market_time import MARKET_ZONE, MarketCalendar, load_calendar
from producer.model import Bar, History, Trade
from producer.rate_limit import Quota
from producer.retry import RetryPolicy
from producer.secret import Secret
from producer.settings import NetworkSettings
from producer.source import Capability
from producer.sources.bars import (
    CONSOLIDATED,
    ActionsWithDays,
    closed_days,
    five_numbers,
    history_of,
    label_of,
    whole_minutes,
)
from producer.sources.facts import json_object, mapping, number, read_answer, rfc3339, sequence, whole
from producer.sources.http import Endpoint, HttpApi, Pace, is_page, refusal_by_status

SOURCE = "alpaca"
KEYS_HINT = "check TICKHOUSE_ALPACA_KEY and TICKHOUSE_ALPACA_SECRET"

_NOT_YET_FREE = timedelta(minutes=16)
_BARS_PER_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class AlpacaSettings:
    """Where to ask and how often; a free account has 200 requests a minute."""

    base_url: str = "https://data.alpaca.markets"
    pace: Pace = field(
        default_factory=lambda: Pace(
            quotas=(Quota(200, 60.0),),
            # A page that has to wait is worth waiting for: the pages before it are kept.
            retry=RetryPolicy(attempts=3, base_seconds=1.0, patience_seconds=61.0),
        )
    )


@dataclass(frozen=True, slots=True)
class BarPage:
    """One page of bars of one symbol, as told, and the token of the next."""

    bars: tuple[Bar, ...]
    next_token: str | None


def classify(status: int, text: str, wait: float | None = None) -> ProducerError | None:
    """Return the error that an answer is, or None where it is a page of bars."""
    body = json_object(text)
    message = str(body["message"]) if body and "message" in body else ""
    lowered = message.lower()
    if "too many requests" in lowered:
        return RateLimited(message, source=SOURCE, hint="an account has 200 requests a minute", retry_after=wait)
    if "subscription does not permit" in lowered:
        return NotEntitled(message, source=SOURCE, hint="a free account sees the tape a quarter of an hour later")
    if "invalid symbol" in lowered:
        return UnknownSymbol(message, source=SOURCE)
    if status in (401, 403) and not is_page(text):
        return NotEntitled(f"HTTP {status}: {message}", source=SOURCE, hint=KEYS_HINT)
    if refusal := refusal_by_status(SOURCE, status, message or text, wait):
        return refusal
    if body is None or "bars" not in body:
        return BadData(f"an answer without bars: {text[:80]!r}", source=SOURCE)
    return None


def parse_bars(text: str, symbol: str, received_at: datetime) -> BarPage:
    """Read a page of bars, labelled by their start."""

    def read(body: object) -> BarPage:
        page = mapping(body)
        by_symbol = mapping(page, "bars") if page["bars"] is not None else {}
        rows = sequence(by_symbol, symbol) if symbol in by_symbol else []
        token = page["next_page_token"]
        if not isinstance(token, str | None):
            raise TypeError("next_page_token is no text")
        return BarPage(tuple(_bar(row, symbol, received_at) for row in rows), token or None)

    return read_answer(SOURCE, text, read)


class AlpacaHistory(ActionsWithDays):
    """A `HistorySource` of raw bars."""

    name = SOURCE
    capabilities: frozenset[Capability] = frozenset({"daily", "intraday"})

    def __init__(
        self,
        key: Secret,
        secret: Secret,
        clock: Clock,
        network: NetworkSettings,
        settings: AlpacaSettings | None = None,
        random: Random | None = None,
        *,
        calendar: MarketCalendar | None = None,
    ) -> None:
        settings = settings or AlpacaSettings()
        self._clock = clock
        self._calendar = calendar or load_calendar()
        headers = {"APCA-API-KEY-ID": key, "APCA-API-SECRET-KEY": secret}
        endpoint = Endpoint(SOURCE, settings.base_url, secret_headers=headers)
        self._api = HttpApi(endpoint, classify, clock, network, settings.pace, random)

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def daily(self, symbol: str, start: datetime, end: datetime) -> History:
        """Return raw bars of the closed days whose date at 00:00Z lies in `[start, end)`."""
        # A day is labelled with midnight in New York, which is later in UTC.
        told = await self._bars(symbol, "1Day", start, end + timedelta(days=1))
        days = [replace(bar, timestamp=label_of(bar.timestamp.astimezone(MARKET_ZONE).date())) for bar in told]
        bars = closed_days(days, start, end, self._calendar, self._clock.now() - _NOT_YET_FREE)
        return history_of(SOURCE, symbol, bars)

    async def intraday(self, symbol: str, start: datetime, end: datetime) -> History:
        """Return raw one-minute bars of `[start, end)`: those of the session and of its closing auction."""
        bars = await self._bars(symbol, "1Min", start, end)
        return history_of(SOURCE, symbol, whole_minutes(bars, start, end, self._calendar, self._clock.now()))

    def recent_trades(self, span: timedelta) -> Sequence[Trade]:  # noqa: ARG002 - protocol
        """Return none: past trades are not asked for."""
        return ()

    async def _bars(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> list[Bar]:
        end = min(end, self._clock.now() - _NOT_YET_FREE)
        if start >= end:
            raise NoData("the last quarter of an hour is not told", source=SOURCE)
        parameters = {
            "symbols": symbol,
            "timeframe": timeframe,
            "start": _text(start),
            "end": _text(end),
            "limit": str(_BARS_PER_PAGE),
            "adjustment": "raw",
            "feed": "sip",
            "sort": "asc",
        }
        bars: list[Bar] = []
        tokens: set[str] = set()
        while True:
            page = parse_bars(await self._api.get("/v2/stocks/bars", parameters), symbol, self._clock.now())
            # The end is inclusive there.
            bars += [bar for bar in page.bars if start <= bar.timestamp < end]
            if page.next_token is None:
                return bars
            if page.next_token in tokens:
                raise BadData("the same page was told to be the next one twice", source=SOURCE)
            tokens.add(page.next_token)
            parameters["page_token"] = page.next_token


def _bar(row: object, symbol: str, received_at: datetime) -> Bar:
    facts = mapping(row)
    return Bar(
        symbol,
        rfc3339(facts, "t"),
        *five_numbers(facts, ("o", "h", "l", "c", "v"), number),
        SOURCE,
        received_at,
        vwap=float(number(facts, "vw")) if "vw" in facts else None,
        trade_count=whole(facts["n"]) if "n" in facts else None,
        venue=CONSOLIDATED,
    )


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
