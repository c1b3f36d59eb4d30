"""Nights, clock changes, a holiday and half days through real sources, the pipeline and an embedded Eventhouse.

On a simulated clock prices are asked for when, and only when, the market makes them.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import httpx
import orjson
import pytest
import respx
from websockets.asyncio.server import ServerConnection

from cli.composition.embedded import EmbeddedEventhouse
from producer.market_time import Session, load_calendar
from producer.pipeline.pipeline import Pipeline, PipelineSettings
from producer.secret import Secret
from producer.settings import NetworkSettings
from producer.sinks.eventhouse import EventhouseSink
from producer.source import TradeSource
from producer.sources.alpaca.stream import AlpacaStream
from producer.sources.finnhub.stream import FinnhubStream
from producer.sources.streaming import StreamingSource, StreamSettings
from producer.sources.yahoo.source import YahooSettings, YahooSource
from tests.producer.clock import ManualClock, seeded
from tests.producer.local_provider import Asked, yahoo_chart
from tests.producer.pipeline.test_embedded import value
from tests.producer.redundancy.test_redundancy import Inline
from tests.producer.websocket_server import ScriptedServer, Step, close, say, serving, stall, until

CALENDAR = load_calendar()
SPANS = [
    # Clocks go back in the night to Sunday, 2 November, and forward in that to Sunday, 8 March.
    pytest.param("2025-10-31T17:00", "2025-11-04T04:00", ["10-31", "11-03"], id="clocks go back"),
    pytest.param("2026-03-06T18:00", "2026-03-10T04:00", ["03-06", "03-09"], id="clocks go forward"),
    pytest.param("2025-11-26T18:00", "2025-12-01T04:00", ["11-26", "11-28"], id="a holiday and a half day"),
    pytest.param("2025-12-23T22:00", "2025-12-26T04:00", ["12-24"], id="a half day and Christmas"),
]
POLL_SECONDS = 300.0
LOOK_SECONDS = 60.0
SHARES_A_MINUTE, AUCTION_SHARES = 1_000, 75_000
PER_DAY = "TradesUnique | summarize Trades = count() by Day = TradingDate(Timestamp) | sort by Day asc"


@pytest.fixture(autouse=True)
async def without_threads() -> None:
    asyncio.get_running_loop().set_default_executor(Inline())


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def sessions_of(days: list[str], start: datetime) -> list[Session]:
    year = start.year
    found = [CALENDAR.session_of(date.fromisoformat(f"{year}-{day}")) for day in days]
    return [each for each in found if each]


class Running:
    """A pipeline into an Eventhouse on a clock that a test moves."""

    def __init__(self, source: TradeSource, eventhouse: EmbeddedEventhouse, clock: ManualClock) -> None:
        self.clock = clock
        self.pipeline = Pipeline(source, EventhouseSink(eventhouse), clock, PipelineSettings(), seeded())
        self._task = asyncio.create_task(self.pipeline.run())

    async def until(self, end: datetime, step: float, settled: Callable[[], bool]) -> None:
        """Move the clock step by step; real sockets are given the time that they need after each."""
        while self.clock.now() < end:
            await self.clock.advance(step)
            await until(settled)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})
        assert self.pipeline.counters.unsent == 0


@pytest.mark.slow
@pytest.mark.parametrize(("start", "end", "days"), SPANS)
async def test_polling_fills_the_sessions_and_each_day_has_its_auction(
    start: str, end: str, days: list[str], eventhouse: EmbeddedEventhouse
) -> None:
    clock = ManualClock(utc(start))
    polls: list[datetime] = []

    def answer(request: httpx.Request) -> httpx.Response:
        now = clock.now()
        polls.append(now)
        asked = Asked(request.url.path, dict(request.url.params), {})
        body = yahoo_chart(asked, now).body
        assert isinstance(body, dict)
        session = CALENDAR.session_at(now)
        assert session, f"asked on {now}, when nothing trades"
        minutes = int((min(now, session.closes_at) - session.opens_at).total_seconds() // 60)
        has_printed = now >= session.closes_at + timedelta(minutes=2)
        meta = body["chart"]["result"][0]["meta"]
        meta["regularMarketVolume"] = minutes * SHARES_A_MINUTE + has_printed * AUCTION_SHARES
        at = min(now, session.closes_at + timedelta(seconds=1))
        meta["regularMarketTime"] = int(at.timestamp())
        return httpx.Response(200, json=body)

    with respx.mock() as network:
        network.get(url__startswith="https://query1.finance.yahoo.com/").side_effect = answer
        settings = YahooSettings(poll_seconds=POLL_SECONDS)
        source = YahooSource(("AAPL",), clock, NetworkSettings(), settings, seeded(), calendar=CALENDAR)
        running = Running(source, eventhouse, clock)
        await running.until(utc(end), POLL_SECONDS / 2, lambda: True)
        await running.stop()
    await source.close()
    assert [poll for poll in polls if not CALENDAR.makes_prices(poll)] == []
    sessions = sessions_of(days, utc(start))
    for session in sessions:
        of_day = [poll for poll in polls if session.covers(poll)]
        begins = max(session.opens_at, utc(start))
        assert of_day[0] == begins, "from the opening on"
        assert len(of_day) == (session.settles_at - begins) // timedelta(seconds=POLL_SECONDS), "without a pause"
    assert len(polls) == sum(session.covers(poll) for session in sessions for poll in polls)
    volumes = "Bars1d | summarize Volume = sum(Volume) by Timestamp | sort by Timestamp asc | project Volume"
    stored = [row[0] for row in (await eventhouse.query(volumes)).rows()]
    whole = [session.minutes * SHARES_A_MINUTE + AUCTION_SHARES for session in sessions]
    # What was traded before the first quote of all is not known to have happened at its price.
    seen_late = max(utc(start) - sessions[0].opens_at, timedelta())
    assert stored == [whole[0] - seen_late // timedelta(minutes=1) * SHARES_A_MINUTE, *whole[1:]]
    auctions = f"TradesUnique | where Size >= {AUCTION_SHARES} | sort by Timestamp asc | project Timestamp"
    printed = [row[0] for row in (await eventhouse.query(auctions)).rows()]
    assert printed == [(session.closes_at + timedelta(seconds=1)).replace(tzinfo=None) for session in sessions]


class Exchange:
    """The script of a server that tells a trade to whoever connects, and keeps the times of connections."""

    def __init__(self, clock: ManualClock) -> None:
        self.connected: list[datetime] = []
        self.ended: list[datetime] = []
        self._clock = clock

    @property
    def is_connected(self) -> bool:
        return len(self.connected) > len(self.ended)

    async def __call__(self, connection: ServerConnection) -> None:
        self.connected.append(self._clock.now())
        stamp = int(self._clock.now().timestamp() * 1000)
        frame = {"type": "trade", "data": [{"s": "AAPL", "p": 100.0, "t": stamp, "v": 5}]}
        await connection.send(orjson.dumps(frame).decode())
        await connection.wait_closed()
        self.ended.append(self._clock.now())


@pytest.mark.slow
@pytest.mark.parametrize(("start", "end", "days"), SPANS)
async def test_a_stream_stands_for_the_sessions_and_their_auctions(
    start: str, end: str, days: list[str], eventhouse: EmbeddedEventhouse
) -> None:
    clock = ManualClock(utc(start))
    exchange = Exchange(clock)
    async with serving(ScriptedServer([exchange])) as server:
        dialect = FinnhubStream(["AAPL"], Secret("key"), url=server.url)
        # This server has nothing to say between the trades of a session.
        settings = StreamSettings(silence_seconds=86_400.0, look_seconds=LOOK_SECONDS)
        running = Running(
            StreamingSource(dialect, clock, NetworkSettings(), settings, calendar=CALENDAR), eventhouse, clock
        )
        pipeline = running.pipeline

        def is_settled() -> bool:
            if exchange.is_connected:
                return pipeline.counters.received == len(exchange.connected)
            # The watch may look a moment after the end of the auction.
            return not CALENDAR.makes_prices(clock.now())

        await running.until(utc(end), LOOK_SECONDS, is_settled)
        await running.stop()
    sessions = sessions_of(days, utc(start))
    assert exchange.connected == [max(session.opens_at, utc(start)) for session in sessions]
    for session, ended in zip(sessions, exchange.ended, strict=True):
        assert timedelta() <= ended - session.settles_at <= timedelta(seconds=2 * LOOK_SECONDS)
    assert pipeline.counters.source_failures == 0, "a night is no failure"
    assert [row[1] for row in (await eventhouse.query(PER_DAY)).rows()] == [1] * len(sessions)


def alpaca(number: int, at: str, price: float, size: float) -> dict[str, object]:
    return {"T": "t", "S": "AAPL", "i": number, "x": "V", "p": price, "s": size, "t": f"2025-11-05T{at}Z"}


@pytest.mark.slow
async def test_late_and_corrected_trades_change_the_bars_of_their_time(eventhouse: EmbeddedEventhouse) -> None:
    told = [
        alpaca(1, "15:00:01", 100.0, 10),
        alpaca(2, "15:00:30", 102.0, 10),
        # Two minutes late, and the one of the closing auction of the day before.
        alpaca(3, "14:58:00", 99.0, 7),
        {"T": "c", "S": "AAPL", "x": "V", "oi": 2, "op": 102.0, "os": 10, "ci": 4, "cp": 101.0, "cs": 25}
        | {"t": "2025-11-05T15:00:31Z"},
        {"T": "x", "S": "AAPL", "x": "V", "i": 1, "p": 100.0, "s": 10, "a": "C", "t": "2025-11-05T15:00:01Z"},
        alpaca(5, "14:58:30", 98.0, 3) | {"t": "2025-11-04T21:00:03Z"},
    ]
    frames = [orjson.dumps([each]).decode() for each in told]
    # The second connection is told some of it again.
    scripts: list[list[Step]] = [[say(*frames[:4]), close], [say(*frames[2:]), stall]]
    clock = ManualClock(datetime(2025, 11, 5, 15, 1, tzinfo=UTC))
    async with serving(ScriptedServer(*scripts)) as server:
        dialect = AlpacaStream(["AAPL"], Secret("key"), Secret("secret"), url=server.url)
        running = Running(StreamingSource(dialect, clock, NetworkSettings(), calendar=CALENDAR), eventhouse, clock)
        async with asyncio.timeout(10):
            while running.pipeline.counters.sent < 8:
                await clock.advance(0.5)
                await asyncio.sleep(0.001)
        await running.stop()
    bars = """Bars1m | sort by Timestamp asc
        | project format_datetime(Timestamp, 'dd HH:mm'), Open, High, Low, Close, Volume"""
    assert [tuple(row) for row in (await eventhouse.query(bars)).rows()] == [
        ("04 21:00", 98.0, 98.0, 98.0, 98.0, 3.0),
        ("05 14:58", 99.0, 99.0, 99.0, 99.0, 7.0),
        ("05 15:00", 100.0, 102.0, 100.0, 101.0, 35.0),
    ]
    days = "Bars1d | sort by Timestamp asc | project Volume"
    assert [row[0] for row in (await eventhouse.query(days)).rows()] == [3.0, 42.0]
    rejected = "TradesRejected | project What = strcat(EventId, ' ', Reason) | distinct What"
    assert await value(eventhouse, rejected) == "alpaca:AAPL:2025-11-05:V:1:cancelled size below zero"
