"""A market that exists only as a function of seed, symbol and time: asked twice, it tells the same.

A slow random walk, pulled back to a plausible level, gives the price at the start of each trading date; a Brownian
bridge of 1,440 minutes leads from one to the next. Bars and trades are read off that path, so they agree. The market
never closes; its trading date runs from one start of a day to the next, as the database counts trading dates.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from kql.reference import Usual
from producer.market_time import MARKET

MINUTES = 1440
_MINUTE = timedelta(minutes=1)
_FIRST_DAY = date(2020, 1, 1)
# About half of a deviation from the usual level is gone after 140 days.
_PULL = 0.995
_CACHED_DAYS = 16

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Candle:
    """Open, high, low, close and volume of one interval."""

    start: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True)
class Print:
    """One trade; `number` counts the trades of its second."""

    symbol: str
    time: datetime
    number: int
    price: float
    size: float


@dataclass(frozen=True, slots=True)
class _Day:
    """1,441 prices at the minute marks, and for each minute its extremes and volume."""

    marks: Floats
    highs: Floats
    lows: Floats
    volumes: Floats


def trading_date(instant: datetime) -> date:
    """Return the trading date that an instant belongs to."""
    return (instant.astimezone(UTC) - MARKET.day_starts).date()


def day_start(day: date) -> datetime:
    """Return the first instant of a trading date."""
    return datetime.combine(day, time(), UTC) + MARKET.day_starts


class SimulatedMarket:
    """Prices, bars and trades of any time since 2020, from one seed."""

    def __init__(
        self, seed: int, symbols: tuple[str, ...], trades_per_second: float, usual: Mapping[str, Usual]
    ) -> None:
        self._seed = seed
        self._symbols = symbols
        self._usual = usual
        self._rate = trades_per_second
        self._days: dict[tuple[str, date], _Day] = {}
        self._levels: dict[str, Floats] = {}

    def daily(self, symbol: str, day: date) -> Candle:
        """Return the bar of a trading date, labelled with the date at 00:00Z."""
        path = self._day(symbol, day)
        return Candle(
            datetime.combine(day, time(), UTC),
            float(path.marks[0]),
            float(path.highs.max()),
            float(path.lows.min()),
            float(path.marks[-1]),
            float(path.volumes.sum()),
        )

    def minutes(self, symbol: str, start: datetime, end: datetime) -> Iterator[Candle]:
        """Iterate over the one-minute bars that lie within `[start, end)`; both are whole minutes."""
        while start < end:
            day = trading_date(start)
            path = self._day(symbol, day)
            for minute in range((start - day_start(day)) // _MINUTE, MINUTES):
                if start >= end:
                    return
                yield Candle(
                    start,
                    float(path.marks[minute]),
                    float(path.highs[minute]),
                    float(path.lows[minute]),
                    float(path.marks[minute + 1]),
                    float(path.volumes[minute]),
                )
                start += _MINUTE

    def trades(self, second: int) -> list[Print]:
        """Return the trades of one second since 1970, in order of time."""
        count = int((second + 1) * self._rate) - int(second * self._rate)
        if not count:
            return []
        random = self._random("trades", second)
        offsets = np.sort(random.integers(0, 1_000_000, count))
        picks = random.integers(0, len(self._symbols), count)
        noise, spread = random.standard_normal(count), random.standard_normal(count)
        start = datetime.fromtimestamp(second, UTC)
        day = trading_date(start)
        minute, into_minute = divmod((start - day_start(day)).total_seconds(), 60.0)
        prints = []
        for number in range(count):
            symbol = self._symbols[picks[number]]
            path = self._day(symbol, day)
            at = int(minute)
            share = (into_minute + offsets[number] / 1e6) / 60.0
            price = path.marks[at] + share * (path.marks[at + 1] - path.marks[at])
            price += noise[number] * (path.highs[at] - path.lows[at]) / 6
            # The minute's volume is spread over the trades that a minute has on average.
            mean = path.volumes[at] * len(self._symbols) / (60.0 * self._rate)
            prints.append(
                Print(
                    symbol,
                    start + timedelta(microseconds=int(offsets[number])),
                    number,
                    round(float(min(max(price, path.lows[at]), path.highs[at])), 2),
                    max(1.0, float(round(mean * np.exp(0.6 * spread[number] - 0.18)))),
                )
            )
        return prints

    def _day(self, symbol: str, day: date) -> _Day:
        if (symbol, day) not in self._days:
            if len(self._days) >= _CACHED_DAYS:
                self._days.clear()
            self._days[symbol, day] = self._new_day(symbol, day)
        return self._days[symbol, day]

    def _new_day(self, symbol: str, day: date) -> _Day:
        usual = self._usual.get(symbol, Usual())
        first, last = self._level(symbol, day), self._level(symbol, day + timedelta(days=1))
        random = self._random(symbol, day.toordinal())
        step = usual.daily_volatility / np.sqrt(MINUTES)
        walk = np.concatenate([[0.0], np.cumsum(random.standard_normal(MINUTES))]) * step
        progress = np.linspace(0.0, 1.0, MINUTES + 1)
        marks = np.round(np.exp(first + walk - progress * (walk[-1] - (last - first))), 2)
        reach = np.exp(np.abs(random.standard_normal((2, MINUTES))) * step / 2)
        activity = np.exp(0.5 * random.standard_normal(MINUTES) - 0.125) * np.exp(0.25 * random.standard_normal())
        return _Day(
            marks,
            np.round(np.maximum(marks[:-1], marks[1:]) * reach[0], 2),
            np.round(np.minimum(marks[:-1], marks[1:]) / reach[1], 2),
            np.maximum(1.0, np.round(usual.daily_volume / MINUTES * activity)),
        )

    def _level(self, symbol: str, day: date) -> float:
        """The logarithm of the price at the start of a trading date."""
        index = (day - _FIRST_DAY).days
        levels = self._levels.get(symbol)
        if levels is None or index >= len(levels):
            usual = self._usual.get(symbol, Usual())
            # Drawing more numbers of one stream leaves the first ones as they were.
            steps = self._random(symbol).standard_normal(index + 400) * usual.daily_volatility
            walk = [0.0]
            for step in steps:
                walk.append(_PULL * walk[-1] + float(step))
            levels = self._levels[symbol] = np.log(usual.price) + np.array(walk)
        return float(levels[index])

    def _random(self, *parts: str | int) -> np.random.Generator:
        words = [crc32(part.encode()) if isinstance(part, str) else part for part in parts]
        return np.random.Generator(np.random.PCG64([self._seed, *words]))
