"""Twelve Data, a fallback: raw daily and one-minute bars with a free key of eight requests a minute, 800 a day.

Refusals are objects with `status` "error" and a code of their own, under that status or under 200. Numbers are texts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random

from producer.clock import Clock
from producer.errors import BadData, NoData, NotEntitled, ProducerError, RateLimited, Transient, UnknownSymbol
from producer.market_time import MarketCalendar, load_calendar
from producer.model import Bar, History, Trade
from producer.rate_limit import Quota
from producer.retry import RetryPolicy
from producer.secret import Secret
from producer.settings import NetworkSettings
from producer.source import Capability
from producer.sources.bars import ActionsWithDays, closed_days, five_numbers, history_of, label_of, whole_minutes
from producer.sources.facts import Json, json_object, mapping, numeral, read_answer, sequence, text_of
from producer.sources.http import Endpoint, HttpApi, Pace, refusal_by_status

SOURCE = "twelvedata"

_DAY = timedelta(days=1)
# A request brings 5,000 rows at most; a week has 1,950 minutes.
_MINUTES_PER_REQUEST = timedelta(days=7)
_ROWS = "5000"


@dataclass(frozen=True, slots=True)
class TwelveDataSettings:
    """Where to ask and how often."""

    base_url: str = "https://api.twelvedata.com"
    pace: Pace = field(
        default_factory=lambda: Pace(
            quotas=(Quota(8, 60.0), Quota(800, 86_400.0)),
            retry=RetryPolicy(attempts=3, base_seconds=1.0, patience_seconds=61.0),
        )
    )


def classify(status: int, text: str, wait: float | None = None) -> ProducerError | None:
    """Return the error that an answer is, or None where it is a series."""
    body = json_object(text)
    if body is not None and body.get("status") == "error":
        return _stated_error(body, wait)
    if refusal := refusal_by_status(SOURCE, status, text, wait):
        return refusal
    if body is None or "values" not in body:
        return BadData(f"an answer without values: {text[:80]!r}", source=SOURCE)
    return None


def _stated_error(body: Json, wait: float | None) -> ProducerError:
    message = str(body.get("message", ""))
    lowered = message.lower()
    code = body.get("code")
    if code == 429:
        pause = 60.0 if "minute" in lowered else 3600.0
        hint = "a free key has 8 requests a minute and 800 a day"
        return RateLimited(message, source=SOURCE, hint=hint, retry_after=wait or pause)
    if "no data is available" in lowered:
        return NoData(message, source=SOURCE)
    if code == 401:
        return NotEntitled(message, source=SOURCE, hint="check TICKHOUSE_TWELVE_DATA_KEY")
    if code == 403:
        return NotEntitled(message, source=SOURCE, hint="the plan of the key does not cover this")
    if code == 404 or "symbol" in lowered:
        return UnknownSymbol(message, source=SOURCE)
    if isinstance(code, int) and code >= 500:
        return Transient(message, source=SOURCE, retry_after=wait)
    return BadData(message, source=SOURCE)


def parse_daily(text: str, symbol: str, received_at: datetime) -> tuple[Bar, ...]:
    """Read daily bars, oldest first."""
    return _parse(text, "1day", symbol, received_at, lambda text: label_of(date.fromisoformat(text)))


def parse_minutes(text: str, symbol: str, received_at: datetime) -> tuple[Bar, ...]:
    """Read one-minute bars that were asked for in UTC, oldest first."""
    return _parse(text, "1min", symbol, received_at, lambda label: datetime.fromisoformat(label).replace(tzinfo=UTC))


class TwelveDataHistory(ActionsWithDays):
    """A `HistorySource` of raw bars."""

    name = SOURCE
    capabilities: frozenset[Capability] = frozenset({"daily", "intraday"})

    def __init__(
        self,
        key: Secret,
        clock: Clock,
        network: NetworkSettings,
        settings: TwelveDataSettings | None = None,
        random: Random | None = None,
        *,
        calendar: MarketCalendar | None = None,
    ) -> None:
        settings = settings or TwelveDataSettings()
        self._clock = clock
        self._calendar = calendar or load_calendar()
        endpoint = Endpoint(SOURCE, settings.base_url, secret_headers={"Authorization": Secret(f"apikey {key.value}")})
        self._api = HttpApi(endpoint, classify, clock, network, settings.pace, random)

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def daily(self, symbol: str, start: datetime, end: datetime) -> History:
        """Return raw bars of the closed days whose date at 00:00Z lies in `[start, end)`."""
        text = await self._series(symbol, "1day", f"{start:%Y-%m-%d}", f"{end + _DAY:%Y-%m-%d}")
        now = self._clock.now()
        bars = closed_days(parse_daily(text, symbol, now), start, end, self._calendar, now)
        return history_of(SOURCE, symbol, bars)

    async def intraday(self, symbol: str, start: datetime, end: datetime) -> History:
        """Return raw one-minute bars of `[start, end)`, asked for week by week."""
        now = self._clock.now()
        bars: list[Bar] = []
        while start < min(end, now):
            part = min(start + _MINUTES_PER_REQUEST, end)
            text = await self._series(symbol, "1min", f"{start:%Y-%m-%d %H:%M:%S}", f"{part:%Y-%m-%d %H:%M:%S}")
            bars += whole_minutes(parse_minutes(text, symbol, now), start, part, self._calendar, now)
            start = part
        return history_of(SOURCE, symbol, bars)

    def recent_trades(self, span: timedelta) -> Sequence[Trade]:  # noqa: ARG002 - protocol
        """Return none: past trades are not to be had."""
        return ()

    async def _series(self, symbol: str, interval: str, start: str, end: str) -> str:
        parameters = {
            "symbol": symbol,
            "interval": interval,
            "start_date": start,
            "end_date": end,
            "timezone": "UTC" if interval == "1min" else "Exchange",
            "outputsize": _ROWS,
            "order": "ASC",
            "adjust": "none",
        }
        return await self._api.get("/time_series", parameters)


def _parse(
    text: str, interval: str, symbol: str, received_at: datetime, instant: Callable[[str], datetime]
) -> tuple[Bar, ...]:
    def read(body: object) -> tuple[Bar, ...]:
        answer = mapping(body)
        meta = mapping(answer, "meta")
        venue = text_of(meta, "mic_code") if "mic_code" in meta else ""
        if (found := text_of(meta, "interval")) != interval:
            raise ValueError(f"asked for bars of {interval}, found {found}")
        bars = []
        for row in sequence(answer, "values"):
            facts = mapping(row)
            numbers = five_numbers(facts, ("open", "high", "low", "close", "volume"), numeral)
            at = instant(text_of(facts, "datetime"))
            bars.append(Bar(symbol, at, *numbers, SOURCE, received_at, venue=venue))
        return tuple(sorted(bars, key=lambda bar: bar.timestamp))

    return read_answer(SOURCE, text, read)
