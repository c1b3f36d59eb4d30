"""Two producers of a provider give the analytics of one: both active, or one standing by for the other."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import orjson
import pytest
import respx

from cli.composition.embedded import EmbeddedEventhouse
from cli.composition.sources import LiveSource
from producer.market_time import load_calendar
from producer.pipeline.pipeline import Pipeline, PipelineSettings
from producer.redundancy.lease import FileLease
from producer.redundancy.standby import StandbySettings, StandbySource
from producer.secret import Secret
from producer.settings import NetworkSettings
from producer.sinks.eventhouse import EventhouseSink
from producer.source import TradeSource
from producer.sources.alpaca.stream import AlpacaStream
from producer.sources.finnhub.stream import FinnhubStream
from producer.sources.quotes import QuoteTrades
from producer.sources.streaming import Dialect, StreamingSource, StreamSettings
from producer.sources.yahoo.source import YahooSettings, YahooSource
from tests.kql.template import open_market
from tests.producer.clock import ManualClock, seeded
from tests.producer.local_provider import Asked, yahoo_chart
from tests.producer.redundancy.test_redundancy import Inline
from tests.producer.websocket_server import ScriptedServer, close, drop, say, serving, stall

pytestmark = pytest.mark.slow

CALENDAR = load_calendar()
OPENS = datetime(2025, 11, 5, 14, 30, tzinfo=UTC)
SYMBOLS = ("AAPL", "MSFT")
PRINTS, PER_FRAME = 600, 3
AS_OF = "datetime(2025-11-05 18:00)"
RANGE = "datetime(2025-11-05), datetime(2025-11-06)"
ANALYTICS = (
    f"PriceHistory_v1('AAPL', 1m, {RANGE}, true, {AS_OF})",
    f"PriceHistory_v1('MSFT', 1d, {RANGE}, true, {AS_OF})",
    f"RollingAverage_v1('AAPL', 'vwap', 5, 1m, {RANGE}, true, {AS_OF})",
    f"RollingAverage_v1('MSFT', 'ema', 5, 1m, {RANGE}, true, {AS_OF})",
    f"VolumeAnalytics_v1('AAPL', 5, {RANGE}, {AS_OF})",
    f"Volatility_v1('AAPL', 'parkinson', 1, {RANGE}, {AS_OF})",
    f"DailyRange_v1('MSFT', {RANGE}, true, {AS_OF})",
    f"LatestPrices_v1('', {AS_OF})",
    f"MarketSummary_v1({AS_OF})",
)


@pytest.fixture(autouse=True)
async def without_threads() -> None:
    asyncio.get_running_loop().set_default_executor(Inline())


@pytest.fixture
async def eventhouses(tmp_path: Path) -> AsyncIterator[list[EmbeddedEventhouse]]:
    """One for the single producer, one for the two."""
    opened = [open_market(tmp_path / name) for name in ("single", "both")]
    yield opened
    for each in opened:
        await each.close()


async def analytics(eventhouse: EmbeddedEventhouse) -> list[list[list[object]]]:
    answers = [await eventhouse.query(query) for query in ANALYTICS]
    return [[list(row) for row in answer.rows()] for answer in answers]


class Run:
    """One producer: a source and a pipeline of its own into an Eventhouse."""

    def __init__(self, source: TradeSource, eventhouse: EmbeddedEventhouse, clock: ManualClock) -> None:
        self.pipeline = Pipeline(source, EventhouseSink(eventhouse), clock, PipelineSettings(), seeded())
        self._task = asyncio.create_task(self.pipeline.run())

    async def kill(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})


def prints() -> list[tuple[str, datetime, float, int]]:
    """Two hours of prints, every other one twice: alike in everything, and yet two prints.

    Prices are quarters, so that sums are exact in any order; which of two prices of one instant is the last is open.
    """
    seed = random.Random(5)  # noqa: S311 - a market, not a secret
    found: list[tuple[str, datetime, float, int]] = []
    while len(found) < PRINTS:
        at = OPENS + timedelta(seconds=12 * len(found))
        one = (seed.choice(SYMBOLS), at, 100 + seed.randrange(8) / 4, seed.choice((1, 1, 100)))
        found += [one] * seed.choice((1, 2))
    return found[:PRINTS]


def alpaca_frames() -> list[str]:
    rows = [
        {"T": "t", "S": symbol, "i": number, "x": "V", "p": price, "s": size, "t": at.isoformat()}
        for number, (symbol, at, price, size) in enumerate(prints())
    ]
    return [orjson.dumps(rows[start : start + PER_FRAME]).decode() for start in range(0, PRINTS, PER_FRAME)]


def finnhub_frames() -> list[str]:
    rows = [
        {"s": symbol, "p": price, "t": int(at.timestamp() * 1000), "v": size, "c": []}
        for symbol, at, price, size in prints()
    ]
    parts = (rows[start : start + PER_FRAME] for start in range(0, PRINTS, PER_FRAME))
    return [orjson.dumps({"type": "trade", "data": part}).decode() for part in parts]


@pytest.mark.parametrize("provider", ["alpaca", "finnhub"])
async def test_two_active_producers_of_a_stream_give_the_analytics_of_one(
    provider: str, eventhouses: list[EmbeddedEventhouse]
) -> None:
    frames = alpaca_frames() if provider == "alpaca" else finnhub_frames()
    third = len(frames) // 3
    clock = ManualClock(datetime(2025, 11, 5, 17, 0, tzinfo=UTC))
    alone, both = eventhouses

    def source(server: ScriptedServer) -> StreamingSource:
        key = Secret("key")
        dialect: Dialect = (
            AlpacaStream(SYMBOLS, key, key, url=server.url)
            if provider == "alpaca"
            else FinnhubStream(SYMBOLS, key, url=server.url)
        )
        settings = StreamSettings(silence_seconds=86_400.0)
        return StreamingSource(dialect, clock, NetworkSettings(), settings, calendar=CALENDAR)

    undisturbed = ScriptedServer([say(*frames), stall])
    # What the one misses the other one has: the ends of the first and a part in the middle of the second.
    first = ScriptedServer([say(*frames[: 2 * third]), drop], [stall])
    second = ScriptedServer([say(*frames[:third]), close], [say(*frames[third + 20 :]), stall])
    async with serving(undisturbed), serving(first), serving(second):
        runs = [
            Run(source(undisturbed), alone, clock),
            *(Run(source(server), both, clock) for server in (first, second)),
        ]
        expected = [PRINTS, 2 * third * PER_FRAME, PRINTS - 20 * PER_FRAME]
        async with asyncio.timeout(60):
            while [run.pipeline.counters.sent for run in runs] != expected:
                await clock.advance(0.2)
                await asyncio.sleep(0.001)
        for run in runs:
            await run.kill()
    told = await analytics(alone)
    assert all(told)
    assert await analytics(both) == told


SHARES_A_SECOND, POLL_SECONDS = 100, 10.0


def yahoo(clock: ManualClock) -> LiveSource:
    quotes = QuoteTrades("yahoo")
    settings = YahooSettings(poll_seconds=POLL_SECONDS)
    source = YahooSource(SYMBOLS, clock, NetworkSettings(), settings, seeded(), calendar=CALENDAR, quotes=quotes)
    return LiveSource(source, source, SYMBOLS, quotes)


def quote(request: httpx.Request, now: datetime) -> httpx.Response:
    """The quote of the whole minute: producers that ask at different seconds are told the same prices."""
    body = yahoo_chart(Asked(request.url.path, dict(request.url.params), {}), now).body
    assert isinstance(body, dict)
    minute = now.replace(second=0, microsecond=0)
    meta = body["chart"]["result"][0]["meta"]
    meta["regularMarketTime"] = int(minute.timestamp())
    meta["regularMarketPrice"] = 100.0 + minute.minute / 4
    meta["regularMarketVolume"] = int((minute - OPENS).total_seconds()) * SHARES_A_SECOND
    return httpx.Response(200, json=body)


async def step(clock: ManualClock, seconds: int) -> None:
    for _ in range(seconds):
        await clock.advance(1.0)


async def test_polled_volumes_count_once_across_takeovers_and_a_restart(
    tmp_path: Path, eventhouses: list[EmbeddedEventhouse]
) -> None:
    clock = ManualClock(OPENS)
    alone, both = eventhouses

    def standing_by(name: str) -> TradeSource:
        source = yahoo(clock)
        lease = FileLease(tmp_path / "lease", name, clock, 10.0)

        async def go_on() -> None:
            await source.go_on(both, clock)

        return StandbySource(source.trades, lease, clock, StandbySettings(is_warm=False), on_takeover=go_on)

    with respx.mock() as network:
        network.get().side_effect = lambda request: quote(request, clock.now())
        reference = Run(yahoo(clock).trades, alone, clock)
        first = Run(standing_by("a"), both, clock)
        await step(clock, 2)
        second = Run(standing_by("b"), both, clock)
        await step(clock, 600)
        await first.kill()
        await step(clock, 600)
        assert second.pipeline.counters.sent > 0, "the other one has taken over"
        third = Run(standing_by("a"), both, clock)
        await step(clock, 60)
        await second.kill()
        # Nobody is there for a while; whoever comes next counts what was traded meanwhile.
        await third.kill()
        await step(clock, 100)
        fourth = Run(standing_by("c"), both, clock)
        await step(clock, 300)
        for run in (reference, fourth):
            await run.kill()
    told = await totals(alone)
    assert told[0][1] > 0  # type: ignore[operator]  # a sum
    assert await totals(both) == told


async def totals(eventhouse: EmbeddedEventhouse) -> Sequence[Sequence[object]]:
    query = "Bars1d | project Symbol, Volume, Open, Close, High, Low | sort by Symbol asc"
    return [list(row) for row in (await eventhouse.query(query)).rows()]
