"""Yahoo Finance without a key: history, corporate actions and polled quotes over the chart endpoint.

Unofficial and quick to refuse: requests are spaced, and after a refusal none leaves for a quarter of an hour.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from urllib.parse import quote

from producer.clock import Clock
from producer.errors import NoData
from producer.market_time import MarketCalendar, load_calendar
from producer.model import Bar, CorporateAction, History, Trade
from producer.settings import NetworkSettings
from producer.source import Capability
from producer.sources.adjustment import NO_SPLITS, split_steps
from producer.sources.bars import ActionsWithDays
from producer.sources.http import Endpoint, HttpApi, Pace
from producer.sources.polling import Polling, polled_trades
from producer.sources.quotes import Quote, QuoteTrades
from producer.sources.yahoo.chart import SOURCE, Chart, classify, daily_bars, minute_bars, parse_chart, raw_actions

# A client that says it is curl or a bare library is refused at once.
_USER_AGENT = "Mozilla/5.0 (compatible; tickhouse)"
_MINUTES_PER_REQUEST = timedelta(days=7)
_MINUTES_KEPT = timedelta(days=29)
_ACTIONS_FRESH_SECONDS = 600.0
_LAST_DAY = {"range": "1d", "interval": "1d"}


@dataclass(frozen=True, slots=True)
class YahooSettings:
    """Where and how often to ask."""

    base_url: str = "https://query1.finance.yahoo.com"
    pace: Pace = field(default_factory=lambda: Pace(spacing_seconds=1.0, cool_down_seconds=900.0))
    poll_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class _KnownActions:
    since: datetime
    fetched: float
    actions: tuple[CorporateAction, ...]


class YahooSource(ActionsWithDays):
    """A `TradeSource` by polling and a `HistorySource`."""

    name = SOURCE
    capabilities: frozenset[Capability] = frozenset({"daily", "intraday", "actions"})

    def __init__(
        self,
        symbols: Sequence[str],
        clock: Clock,
        network: NetworkSettings,
        settings: YahooSettings | None = None,
        random: Random | None = None,
        *,
        calendar: MarketCalendar | None = None,
        quotes: QuoteTrades | None = None,
    ) -> None:
        self._symbols = symbols
        self._clock = clock
        self._settings = settings or YahooSettings()
        self._calendar = calendar or load_calendar()
        # The stream of the same provider may share them: then no volume is lost between the two.
        self._quotes = quotes or QuoteTrades(SOURCE)
        self._known_actions: dict[str, _KnownActions] = {}
        endpoint = Endpoint(SOURCE, self._settings.base_url, {"User-Agent": _USER_AGENT})
        self._api = HttpApi(endpoint, classify, clock, network, self._settings.pace, random)

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def quote(self, symbol: str) -> Quote:
        """Return the last price and the day's volume so far."""
        return (await self._chart(symbol, _LAST_DAY)).quote

    def trades(self) -> AsyncGenerator[Trade, None]:
        """Poll every symbol in turn while the market makes prices."""
        polling = Polling(self._symbols, self.quote, self._settings.poll_seconds, self._clock, self._calendar)
        return polled_trades(polling, self._quotes)

    async def daily(self, symbol: str, start: datetime, end: datetime) -> History:
        """Return raw bars of closed days and the actions of `[start, end)`; dates are those at the exchange.

        The request always runs up to now, for the splits after `end` are in the prices before it.
        """
        first, last = start.date(), _next_date(end)
        chart = await self._range(symbol, start, self._clock.now(), "1d")
        self._known_actions[symbol] = _KnownActions(start, self._clock.monotonic(), chart.actions)
        splits = split_steps(chart.actions).get(chart.symbol, NO_SPLITS)
        history = History(daily_bars(chart, splits, first, last), raw_actions(chart.actions, splits, first, last))
        if not history.bars:
            raise NoData(f"no daily bars of {symbol} from {first} to {last}", source=SOURCE)
        return history

    async def intraday(self, symbol: str, start: datetime, end: datetime) -> History:
        """Return raw one-minute bars and the actions of `[start, end)`; Yahoo keeps about thirty days of them."""
        now = self._clock.now()
        start, end = max(start, now - _MINUTES_KEPT), min(end, now)
        if start >= end:
            raise NoData("one-minute bars are kept for about thirty days", source=SOURCE)
        day = datetime.combine(start.date(), time(), UTC)
        actions = await self._actions(symbol, day, now)
        splits = split_steps(actions).get(symbol.upper(), NO_SPLITS)
        bars: list[Bar] = []
        first = start
        while start < end:
            part = min(start + _MINUTES_PER_REQUEST, end)
            bars += minute_bars(await self._range(symbol, start, part, "1m"), splits, start, part, self._calendar)
            start = part
        if not bars:
            raise NoData(f"no one-minute bars of {symbol} from {first} to {end}", source=SOURCE)
        return History(tuple(bars), raw_actions(actions, splits, day.date(), _next_date(end)))

    def recent_trades(self, span: timedelta) -> Sequence[Trade]:  # noqa: ARG002 - protocol
        """Return none: past trades are not to be had."""
        return ()

    async def _actions(self, symbol: str, start: datetime, now: datetime) -> tuple[CorporateAction, ...]:
        known = self._known_actions.get(symbol)
        if known and known.since <= start and self._clock.monotonic() - known.fetched < _ACTIONS_FRESH_SECONDS:
            return known.actions
        return (await self._range(symbol, start, now, "1d")).actions

    async def _range(self, symbol: str, start: datetime, end: datetime, interval: str) -> Chart:
        parameters = {
            "period1": str(int(start.timestamp())),
            "period2": str(int(end.timestamp())),
            "interval": interval,
            "includePrePost": "false",
            "events": "div,splits",
        }
        return await self._chart(symbol, parameters)

    async def _chart(self, symbol: str, parameters: dict[str, str]) -> Chart:
        text = await self._api.get(f"/v8/finance/chart/{quote(symbol, safe='')}", parameters)
        return parse_chart(text, self._clock.now())


def _next_date(end: datetime) -> date:
    """The first date that does not begin before an exclusive end."""
    return (end - timedelta(microseconds=1)).date() + timedelta(days=1)
