"""Yahoo Finance without a key: history, corporate actions and polled quotes over the chart endpoint.

Unofficial and quick to refuse: requests are spaced, and after a refusal none leaves for a quarter of an hour.
"""

import logging
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from urllib.parse import quote

import httpx

from producer.adjustment import NO_SPLITS, split_steps
from producer.clock import Clock
from producer.errors import BadData, NoData, ProducerError, Transient, UnknownSymbol
from producer.model import Bar, CorporateAction, History, Trade
from producer.quotes import Quote, QuoteTrades
from producer.rate_limit import CoolDown, RateLimiter
from producer.retry import RetryPolicy, with_retries
from producer.settings import NetworkSettings
from producer.sources.yahoo_chart import SOURCE, Chart, classify, daily_bars, minute_bars, parse_chart, raw_actions

logger = logging.getLogger(__name__)

# A client that says it is curl or a bare library is refused at once.
_USER_AGENT = "Mozilla/5.0 (compatible; tickhouse)"
_MINUTES_PER_REQUEST = timedelta(days=7)
_MINUTES_KEPT = timedelta(days=29)
_ACTIONS_FRESH_SECONDS = 600.0
_AFTER_THE_BELL = timedelta(minutes=15)
_LAST_DAY = {"range": "1d", "interval": "1d"}


@dataclass(frozen=True, slots=True)
class YahooSettings:
    """Where and how often to ask."""

    base_url: str = "https://query1.finance.yahoo.com"
    spacing_seconds: float = 1.0
    cool_down_seconds: float = 900.0
    poll_seconds: float = 60.0
    closed_poll_seconds: float = 900.0
    retry: RetryPolicy = field(default_factory=lambda: RetryPolicy(attempts=3, base_seconds=1.0, patience_seconds=30.0))


@dataclass(frozen=True, slots=True)
class _KnownActions:
    since: datetime
    fetched: float
    actions: tuple[CorporateAction, ...]


class YahooSource:
    """A `TradeSource` by polling and a `HistorySource`."""

    name = SOURCE

    def __init__(
        self,
        symbols: Sequence[str],
        clock: Clock,
        network: NetworkSettings,
        settings: YahooSettings | None = None,
        random: Random | None = None,
    ) -> None:
        network.require_network(SOURCE)
        self._symbols = list(symbols)
        self._clock = clock
        self._settings = settings or YahooSettings()
        self._random = random or Random()  # noqa: S311 - jitter, not secrets
        self._limiter = RateLimiter(self._settings.spacing_seconds, clock)
        self._cool_down = CoolDown(SOURCE, self._settings.cool_down_seconds, clock)
        self._trades = QuoteTrades(SOURCE)
        self._known_actions: dict[str, _KnownActions] = {}
        self._client = httpx.AsyncClient(
            base_url=self._settings.base_url,
            headers={"User-Agent": _USER_AGENT, "Accept": "application/json"},
            timeout=network.timeout_seconds,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def quote(self, symbol: str) -> Quote:
        """Return the last price and the day's volume so far."""
        return (await self._chart(symbol, _LAST_DAY)).quote

    async def trades(self) -> AsyncGenerator[Trade, None]:
        """Poll every symbol in turn.

        A symbol that Yahoo does not know is dropped with a warning, an unreadable answer passed over; it is an error
        where no symbol is left, or a whole round brought nothing readable.
        """
        while True:
            is_open = answered = False
            failure: ProducerError | None = None
            for symbol in list(self._symbols):
                try:
                    chart = await self._chart(symbol, _LAST_DAY)
                except (UnknownSymbol, NoData, BadData) as error:
                    logger.warning("no quote of %s: %s", symbol, error)
                    failure = error
                    if isinstance(error, UnknownSymbol):
                        self._symbols.remove(symbol)
                    continue
                now = self._clock.now()
                is_open = is_open or chart.session.start <= now <= chart.session.end + _AFTER_THE_BELL
                answered = True
                if trade := self._trades.trade(chart.quote, now):
                    yield trade
            if failure and not answered:
                raise failure
            await self._clock.sleep(self._settings.poll_seconds if is_open else self._settings.closed_poll_seconds)

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
            bars += minute_bars(await self._range(symbol, start, part, "1m"), splits, start, part)
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
        return await with_retries(
            lambda: self._request(symbol, parameters), self._settings.retry, self._clock, self._random
        )

    async def _request(self, symbol: str, parameters: dict[str, str]) -> Chart:
        self._cool_down.check()
        await self._limiter.acquire()
        try:
            response = await self._client.get(f"/v8/finance/chart/{quote(symbol, safe='')}", params=parameters)
        except httpx.TransportError as error:
            raise Transient(f"{type(error).__name__}: {error}", source=SOURCE) from error
        if refusal := classify(response.status_code, response.text, _retry_after(response)):
            raise self._cool_down.trip(refusal)
        return parse_chart(response.text, self._clock.now())


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None


def _next_date(end: datetime) -> date:
    """The first date that does not begin before an exclusive end."""
    return (end - timedelta(microseconds=1)).date() + timedelta(days=1)
