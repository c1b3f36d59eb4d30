"""Alpha Vantage, a fallback: the last hundred daily bars, and one-minute bars by month where the plan covers them.

Everything is answered with status 200; a refusal is an object with exactly one of three keys. Numbers are texts, times
those of New York without offset. A free key has 25 requests a day, one per second.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Literal

from producer.clock import Clock
from producer.errors import BadData, NotEntitled, ProducerError, RateLimited, UnknownSymbol
from producer.market_time import MARKET_ZONE, MarketCalendar, load_calendar
from producer.model import Bar, History, Trade
from producer.rate_limit import Quota
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
from producer.sources.facts import json_object, mapping, numeral, read_answer
from producer.sources.http import Endpoint, HttpApi, Pace, refusal_by_status

SOURCE = "alphavantage"
BarLabel = Literal["start", "end"]

_MINUTE = timedelta(minutes=1)
_FRESH_SECONDS = 600.0
_KEY_HINT = "check TICKHOUSE_ALPHA_VANTAGE_KEY"
_LIMIT_HINT = "a free key has 25 requests a day, one per second"
_DAILY, _MINUTES = "Time Series (Daily)", "Time Series (1min)"
_ANSWERS = (_DAILY, _MINUTES, "Global Quote")


@dataclass(frozen=True, slots=True)
class AlphaVantageSettings:
    """Where to ask, how often, and what labels a minute: its end in answers up to 2021, its start in later ones."""

    base_url: str = "https://www.alphavantage.co"
    minute_label: BarLabel = "start"
    pace: Pace = field(
        default_factory=lambda: Pace(spacing_seconds=1.1, quotas=(Quota(25, 86_400.0),), cool_down_seconds=1.5)
    )


def classify(status: int, text: str, wait: float | None = None) -> ProducerError | None:
    """Return the error that an answer is, or None where it is a series."""
    body = json_object(text)
    if body is None:
        refusal = refusal_by_status(SOURCE, status, text, wait)
        return refusal or BadData(f"an answer that is not JSON: {text[:80]!r}", source=SOURCE)
    if "Error Message" in body:
        message = str(body["Error Message"])
        if "apikey" in message.lower():
            return NotEntitled(message, source=SOURCE, hint=_KEY_HINT)
        return UnknownSymbol(message, source=SOURCE)
    if "Note" in body:
        return RateLimited(str(body["Note"]), source=SOURCE, hint=_LIMIT_HINT, retry_after=wait or 60.0)
    if "Information" in body:
        return _information(str(body["Information"]), wait)
    if refusal := refusal_by_status(SOURCE, status, text, wait):
        return refusal
    if body.get("Global Quote") == {}:
        return UnknownSymbol("an empty quote", source=SOURCE)
    if not any(name in body for name in _ANSWERS):
        return BadData(f"an answer without a series: {text[:80]!r}", source=SOURCE)
    return None


def _information(message: str, wait: float | None) -> ProducerError:
    lowered = message.lower()
    if "demo" in lowered:
        return NotEntitled(message, source=SOURCE, hint=_KEY_HINT)
    if "premium feature" in lowered or "premium endpoint" in lowered:
        return NotEntitled(message, source=SOURCE, hint="a free key has the last hundred days")
    pause = 1.5 if "per second" in lowered else 3600.0
    return RateLimited(message, source=SOURCE, hint=_LIMIT_HINT, retry_after=wait or pause)


def parse_daily(text: str, symbol: str, received_at: datetime) -> tuple[Bar, ...]:
    """Read raw daily bars, oldest first."""
    return _parse(text, _DAILY, symbol, received_at, lambda text: label_of(date.fromisoformat(text)))


def parse_minutes(text: str, symbol: str, received_at: datetime, label: BarLabel) -> tuple[Bar, ...]:
    """Read one-minute bars, oldest first, labelled by their start in UTC."""
    shift = _MINUTE if label == "end" else timedelta()

    def instant(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=MARKET_ZONE).astimezone(UTC) - shift

    return _parse(text, _MINUTES, symbol, received_at, instant)


@dataclass(frozen=True, slots=True)
class _Month:
    """The answer for a month, until it may be out of date; who asks week by week asks for it five times."""

    symbol: str
    month: str
    bars: tuple[Bar, ...]
    until: float


class AlphaVantageHistory(ActionsWithDays):
    """A `HistorySource` of raw bars."""

    name = SOURCE
    capabilities: frozenset[Capability] = frozenset({"daily", "intraday"})

    def __init__(
        self,
        key: Secret,
        clock: Clock,
        network: NetworkSettings,
        settings: AlphaVantageSettings | None = None,
        random: Random | None = None,
        *,
        calendar: MarketCalendar | None = None,
    ) -> None:
        self._settings = settings or AlphaVantageSettings()
        self._kept: _Month | None = None
        self._clock = clock
        self._calendar = calendar or load_calendar()
        endpoint = Endpoint(SOURCE, self._settings.base_url, secret_parameters={"apikey": key})
        self._api = HttpApi(endpoint, classify, clock, network, self._settings.pace, random)

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def daily(self, symbol: str, start: datetime, end: datetime) -> History:
        """Return raw bars of the closed days of `[start, end)`, of which the last hundred are told."""
        parameters = {"function": "TIME_SERIES_DAILY", "symbol": symbol, "outputsize": "compact"}
        text = await self._api.get("/query", parameters)
        now = self._clock.now()
        bars = closed_days(parse_daily(text, symbol, now), start, end, self._calendar, now)
        return history_of(SOURCE, symbol, bars)

    async def intraday(self, symbol: str, start: datetime, end: datetime) -> History:
        """Return raw one-minute bars of `[start, end)`, asked for month by month."""
        now = self._clock.now()
        bars: list[Bar] = []
        for month in _months(start, min(end, now)):
            bars += await self._month(symbol, month)
        return history_of(SOURCE, symbol, whole_minutes(bars, start, end, self._calendar, now))

    async def _month(self, symbol: str, month: str) -> tuple[Bar, ...]:
        kept, clock = self._kept, self._clock
        if kept and (kept.symbol, kept.month) == (symbol, month) and clock.monotonic() < kept.until:
            return kept.bars
        parameters = {
            "function": "TIME_SERIES_INTRADAY",
            "symbol": symbol,
            "interval": "1min",
            "month": month,
            "outputsize": "full",
            "adjusted": "false",
            "extended_hours": "false",
        }
        text = await self._api.get("/query", parameters)
        bars = parse_minutes(text, symbol, clock.now(), self._settings.minute_label)
        self._kept = _Month(symbol, month, bars, clock.monotonic() + _FRESH_SECONDS)
        return bars

    def recent_trades(self, span: timedelta) -> Sequence[Trade]:  # noqa: ARG002 - protocol
        """Return none: past trades are not to be had."""
        return ()


def _parse(
    text: str, series: str, symbol: str, received_at: datetime, instant: Callable[[str], datetime]
) -> tuple[Bar, ...]:
    def read(body: object) -> tuple[Bar, ...]:
        bars = []
        for label, row in mapping(body, series).items():
            facts = mapping(row)
            numbers = five_numbers(facts, ("1. open", "2. high", "3. low", "4. close", "5. volume"), numeral)
            bars.append(Bar(symbol, instant(label), *numbers, SOURCE, received_at, venue=CONSOLIDATED))
        return tuple(sorted(bars, key=lambda bar: bar.timestamp))

    return read_answer(SOURCE, text, read)


def _months(start: datetime, end: datetime) -> list[str]:
    """The months of New York's calendar that `[start, end)` touches."""
    first = start.astimezone(MARKET_ZONE).date().replace(day=1)
    months = []
    while datetime.combine(first, time(), MARKET_ZONE) < end:
        months.append(f"{first:%Y-%m}")
        first = (first + timedelta(days=32)).replace(day=1)
    return months
