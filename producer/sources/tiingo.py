"""Tiingo's end-of-day prices: raw and adjusted prices, dividends and splits, all in one row.

A row's date is a date at the exchange, not an instant. Refusals come as JSON, or as plain text under status 200.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from urllib.parse import quote

from producer.clock import Clock
from producer.errors import BadData, NotEntitled, ProducerError, RateLimited, UnknownSymbol
from producer.market_time import MarketCalendar, load_calendar
from producer.model import ActionKind, Bar, CorporateAction, History, Trade
from producer.rate_limit import Quota
from producer.secret import Secret
from producer.settings import NetworkSettings
from producer.source import Capability
from producer.sources.bars import CONSOLIDATED, ActionsWithDays, closed_days, five_numbers, history_of, label_of
from producer.sources.facts import json_object, mapping, number, read_answer, text_of
from producer.sources.http import Endpoint, HttpApi, Pace, refusal_by_status

SOURCE = "tiingo"

_HOUR, _DAY = 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class TiingoSettings:
    """Where to ask and how often; a free account has 50 requests an hour and 1,000 a day."""

    base_url: str = "https://api.tiingo.com"
    pace: Pace = field(default_factory=lambda: Pace(quotas=(Quota(50, _HOUR), Quota(1_000, _DAY))))


@dataclass(frozen=True, slots=True)
class TiingoDay:
    """One row: the quoted bar, what adjusts the close to the day of the answer, and the day's actions."""

    bar: Bar
    adjusted_close: float
    dividend: float
    split_ratio: float

    @property
    def actions(self) -> tuple[CorporateAction, ...]:
        """The split and the dividend whose ex-date the day is."""
        day = self.bar.timestamp.date()
        found: list[tuple[ActionKind, float]] = []
        if self.split_ratio != 1.0:
            found.append(("split", self.split_ratio))
        if self.dividend:
            found.append(("dividend", self.dividend))
        return tuple(
            CorporateAction(self.bar.symbol, day, kind, value, SOURCE, self.bar.received_at) for kind, value in found
        )


def classify(status: int, text: str, wait: float | None = None) -> ProducerError | None:
    """Return the error that an answer is, or None where it is rows."""
    body = json_object(text)
    message = str(body["detail"]) if body and "detail" in body else text.strip()
    lowered = message.lower()
    if status == 429 or "run over your" in lowered:
        # What is counted by the hour is free again within it; a day or a month is asked for rarely.
        pause = 900.0 if "hourly" in lowered else _HOUR
        hint = "a free account has 50 requests an hour, 1,000 a day and 500 symbols a month"
        return RateLimited(message[:200], source=SOURCE, hint=hint, retry_after=wait or pause)
    if lowered.startswith("error") and "not found" in lowered:
        return UnknownSymbol(message, source=SOURCE)
    if "token" in lowered and ("invalid" in lowered or "supply" in lowered):
        return NotEntitled(message[:200], source=SOURCE, hint="check TICKHOUSE_TIINGO_KEY")
    if refusal := refusal_by_status(SOURCE, status, message, wait):
        return refusal
    if not text.lstrip().startswith("["):
        return BadData(f"an answer that is no list of rows: {text[:80]!r}", source=SOURCE)
    return None


def parse_days(text: str, symbol: str, received_at: datetime) -> tuple[TiingoDay, ...]:
    """Read the rows of an answer."""

    def read(body: object) -> tuple[TiingoDay, ...]:
        if not isinstance(body, list):
            raise TypeError("the answer is no list")
        return tuple(_day(row, symbol, received_at) for row in body)

    return read_answer(SOURCE, text, read)


class TiingoHistory(ActionsWithDays):
    """A `HistorySource` of daily bars and corporate actions."""

    name = SOURCE
    capabilities: frozenset[Capability] = frozenset({"daily", "actions"})

    def __init__(
        self,
        key: Secret,
        clock: Clock,
        network: NetworkSettings,
        settings: TiingoSettings | None = None,
        random: Random | None = None,
        *,
        calendar: MarketCalendar | None = None,
    ) -> None:
        settings = settings or TiingoSettings()
        self._clock = clock
        self._calendar = calendar or load_calendar()
        endpoint = Endpoint(SOURCE, settings.base_url, secret_headers={"Authorization": Secret(f"Token {key.value}")})
        self._api = HttpApi(endpoint, classify, clock, network, settings.pace, random)

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def daily(self, symbol: str, start: datetime, end: datetime) -> History:
        """Return raw bars of closed days and the actions of the dates whose 00:00Z lies in `[start, end)`."""
        parameters = {
            "startDate": start.date().isoformat(),
            "endDate": end.date().isoformat(),
            "resampleFreq": "daily",
            "format": "json",
        }
        text = await self._api.get(f"/tiingo/daily/{quote(symbol, safe='')}/prices", parameters)
        now = self._clock.now()
        days = {day.bar: day for day in parse_days(text, symbol, now)}
        bars = closed_days(days, start, end, self._calendar, now)
        return history_of(SOURCE, symbol, bars, [action for bar in bars for action in days[bar].actions])

    async def intraday(self, symbol: str, start: datetime, end: datetime) -> History:  # noqa: ARG002 - protocol
        """Refuse: its minutes are those of one exchange, with a fraction of the volume."""
        raise NotEntitled("no one-minute bars of the consolidated tape", source=SOURCE)

    def recent_trades(self, span: timedelta) -> Sequence[Trade]:  # noqa: ARG002 - protocol
        """Return none: past trades are not to be had."""
        return ()


def _day(row: object, symbol: str, received_at: datetime) -> TiingoDay:
    facts = mapping(row)
    label = label_of(date.fromisoformat(text_of(facts, "date")[:10]))
    numbers = five_numbers(facts, ("open", "high", "low", "close", "volume"), number)
    return TiingoDay(
        Bar(symbol, label, *numbers, SOURCE, received_at, venue=CONSOLIDATED),
        adjusted_close=float(number(facts, "adjClose")),
        dividend=float(number(facts, "divCash")),
        split_ratio=float(number(facts, "splitFactor")),
    )
