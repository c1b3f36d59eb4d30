"""The simulated market as a source: round the clock, seeded, and named `simulated` in every record.

Live trades, recent trades and history are read off one function of time, so that a restart goes on where the market
would be, and produces the same events where it repeats itself.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import floor

from kql.reference import SIMULATED, known_symbols, load_companies
from producer.clock import Clock
from producer.errors import NoData
from producer.model import Bar, History, Trade
from producer.source import Capability
from producer.sources.bars import ActionsWithDays
from producer.sources.simulated.market import Candle, SimulatedMarket, day_start

SOURCE = SIMULATED
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_RECENT_TRADES = 50_000
# How many seconds it is ahead of its clock at most, and behind: after a night of sleep it tells what it has missed, but
# not a year when somebody sets the clock.
_AHEAD, _CATCHES_UP = 60, 86_400
_LOOK_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class SimulatedSettings:
    """Which market, and how busy it is over all symbols together."""

    seed: int = 1
    symbols: tuple[str, ...] = field(default_factory=known_symbols)
    trades_per_second: float = 5.0


class SimulatedSource(ActionsWithDays):
    """A `TradeSource` and a `HistorySource`; live trades begin at the moment of construction."""

    name = SOURCE
    # Its companies never split; that is all there is to tell.
    capabilities: frozenset[Capability] = frozenset({"daily", "intraday", "actions"})

    def __init__(self, clock: Clock, settings: SimulatedSettings | None = None) -> None:
        self._settings = settings or SimulatedSettings()
        self._clock = clock
        self._market = SimulatedMarket(
            self._settings.seed,
            self._settings.symbols,
            self._settings.trades_per_second,
            {company.symbol: company.usual for company in load_companies()},
        )
        self.started_at = clock.now().replace(microsecond=0)
        self._second = floor(self.started_at.timestamp())

    async def trades(self) -> AsyncGenerator[Trade, None]:
        """Iterate over the trades since the start, each when its time has come; called again, it goes on."""
        while True:
            self._stay_near()
            for trade in self._trades_of(self._second):
                if not await self._has_come(trade.timestamp):
                    break
                yield trade
            else:
                self._second += 1
                await self._has_come(datetime.fromtimestamp(self._second, UTC))

    def recent_trades(self, span: timedelta) -> list[Trade]:
        """Return the trades of the span before the live ones, from a whole minute on.

        A busy market tells only its last minutes, about fifty thousand trades.
        """
        span = min(span, max(_MINUTE, timedelta(seconds=_RECENT_TRADES / self._settings.trades_per_second)))
        first = floor((self.started_at - span).replace(second=0).timestamp())
        last = floor(self.started_at.timestamp())
        return [trade for second in range(first, last) for trade in self._trades_of(second)]

    async def daily(self, symbol: str, start: datetime, end: datetime) -> History:
        """Return the bars of the closed trading dates whose date at 00:00Z lies in `[start, end)`."""
        now = self._clock.now()
        day = start.date()
        bars: list[Bar] = []
        while day_start(day + _DAY) <= now:
            candle = self._market.daily(symbol, day)
            if candle.start >= end:
                break
            if candle.start >= start:
                bars.append(self._bar(symbol, candle, now))
            day += _DAY
        return _history(symbol, bars)

    async def intraday(self, symbol: str, start: datetime, end: datetime) -> History:
        """Return the one-minute bars that lie within `[start, end)` and are over."""
        now = self._clock.now()
        first = start.replace(second=0, microsecond=0)
        last = min(end, now).replace(second=0, microsecond=0)
        candles = self._market.minutes(symbol, first if first == start else first + _MINUTE, last)
        return _history(symbol, [self._bar(symbol, candle, now) for candle in candles])

    async def close(self) -> None:
        """Hold nothing open."""

    def _stay_near(self) -> None:
        """Go where the clock is, if it was set; what is told again then has its event ids again."""
        now = floor(self._clock.now().timestamp())
        if not now - _CATCHES_UP <= self._second <= now + _AHEAD:
            self._second = now if self._second > now else now - _CATCHES_UP

    async def _has_come(self, instant: datetime) -> bool:
        """Wait for an instant; return False where the clock is set so far back that it is not waited for.

        The clock is looked at again and again: what was far ahead may be now a moment later.
        """
        while (left := (instant - self._clock.now()).total_seconds()) > 0:
            if left > _AHEAD:
                return False
            await self._clock.sleep(min(left, _LOOK_AGAIN_SECONDS))
        return True

    def _trades_of(self, second: int) -> list[Trade]:
        received_at = self._clock.now()
        return [
            Trade(
                # Time and place are the identity: another seed or rate never adds to what a second already had.
                event_id=f"{SOURCE}:{second}:{each.number}",
                symbol=each.symbol,
                timestamp=each.time,
                price=each.price,
                size=each.size,
                venue="SIM",
                source=SOURCE,
                received_at=max(received_at, each.time),
            )
            for each in self._market.trades(second)
        ]

    @staticmethod
    def _bar(symbol: str, candle: Candle, received_at: datetime) -> Bar:
        return Bar(
            symbol, candle.start, candle.open, candle.high, candle.low, candle.close, candle.volume, SOURCE, received_at
        )


def _history(symbol: str, bars: list[Bar]) -> History:
    if not bars:
        raise NoData(f"no closed interval of {symbol} in the range", source=SOURCE)
    return History(tuple(bars))
