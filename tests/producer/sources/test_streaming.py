"""Streams against a real websocket server that drops, stalls, talks nonsense, closes and comes back."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus

import orjson
import pytest
from websockets.datastructures import Headers
from websockets.http11 import Response

from producer.errors import NotEntitled, Offline, ProducerError, RateLimited, Transient
from producer.market_time import load_calendar
from producer.model import Trade
from producer.pipeline.pipeline import Pipeline, PipelineSettings
from producer.secret import Secret
from producer.settings import NetworkSettings
from producer.sources.finnhub.stream import FinnhubStream
from producer.sources.streaming import StreamingSource, StreamSettings
from producer.sources.yahoo.stream import YahooStream
from tests.producer.clock import ManualClock, move_until, seeded
from tests.producer.websocket_server import (
    ScriptedServer,
    Step,
    close,
    collect,
    delivered,
    drop,
    say,
    serving,
    stall,
    until,
    when,
)

# A Wednesday afternoon; the session ends at 21:00 and its auction a quarter of an hour later.
OPEN = datetime(2025, 11, 5, 15, 0, tzinfo=UTC)
CALENDAR = load_calendar()
TOKEN = Secret("t0ken-secret")


def frame(*prints: tuple[int, float]) -> str:
    data = [{"s": "AAPL", "p": price, "t": 1762354800000 + number, "v": 1, "c": ["12"]} for number, price in prints]
    return orjson.dumps({"type": "trade", "data": data}).decode()


PING = '{"type":"ping"}'


def stream(
    server: ScriptedServer, clock: ManualClock, unreadable: list[tuple[str, str, str]] | None = None
) -> StreamingSource:
    dialect = FinnhubStream(["AAPL", "MSFT"], TOKEN, url=server.url)

    def note(source: str, reason: str, text: str) -> None:
        if unreadable is not None:
            unreadable.append((source, reason, text))

    settings = StreamSettings(unreadable_in_a_row=3)
    return StreamingSource(dialect, clock, NetworkSettings(), settings, calendar=CALENDAR, on_unreadable=note)


async def test_a_connection_subscribes_and_yields_trades() -> None:
    async with serving(ScriptedServer([say(PING, frame((1, 10.0), (2, 11.0))), stall])) as server:
        trades: list[Trade] = []
        task = asyncio.create_task(collect(stream(server, ManualClock(OPEN)), trades))
        await until(lambda: len(trades) == 2)
        assert [trade.price for trade in trades] == [10.0, 11.0]
        subscriptions = [orjson.loads(await server.heard[0].get()) for _ in range(2)]
        assert subscriptions == [{"type": "subscribe", "symbol": each} for each in ("AAPL", "MSFT")]
        task.cancel()
        await asyncio.wait({task})


@pytest.mark.parametrize("ending", [drop, close])
async def test_a_connection_that_ends_is_an_error_to_be_retried(ending: Step) -> None:
    async with serving(ScriptedServer([say(frame((1, 10.0))), ending])) as server:
        trades: list[Trade] = []
        with pytest.raises(Transient, match="the connection ended"):
            await collect(stream(server, ManualClock(OPEN)), trades)
        assert len(trades) == 1


async def test_a_stalled_connection_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(ScriptedServer([say(frame((1, 10.0))), stall])) as server:
        clock = ManualClock(OPEN)
        trades: list[Trade] = []
        task = asyncio.create_task(collect(stream(server, clock), trades))
        await until(lambda: bool(trades))
        await clock.advance(59.0)
        assert not task.done()
        await move_until(clock, task.done, 5.0)
        with pytest.raises(Transient, match=r"silent for 6\d s"):
            await task


async def test_a_ping_is_a_sign_of_life() -> None:
    ping, pinged, more = asyncio.Event(), asyncio.Event(), asyncio.Event()
    script = [say(frame((1, 10.0))), when(ping), say(PING), delivered(pinged), when(more), say(frame((2, 11.0))), stall]
    server = ScriptedServer(script)
    async with serving(server):
        clock = ManualClock(OPEN)
        trades: list[Trade] = []
        task = asyncio.create_task(collect(stream(server, clock), trades))
        await until(lambda: bool(trades))
        await clock.advance(50.0)
        ping.set()
        await pinged.wait()
        await clock.advance(50.0)
        more.set()
        await until(lambda: len(trades) == 2)
        assert not task.done()
        task.cancel()
        await asyncio.wait({task})


async def test_a_slow_consumer_is_not_taken_for_a_silent_server() -> None:
    async with serving(ScriptedServer([say(frame((1, 10.0)), frame((2, 11.0))), stall])) as server:
        clock = ManualClock(OPEN)
        iterator = stream(server, clock).trades()
        await anext(iterator)
        await clock.advance(600.0)
        assert (await anext(iterator)).price == 11.0
        await iterator.aclose()


async def test_nonsense_is_put_aside_and_the_stream_goes_on() -> None:
    nonsense = ["{", "[]", '{"type":"trade","data":[{"s":"AAPL"}]}']
    script = [say(nonsense[0], nonsense[1], frame((1, 10.0)), nonsense[2], b"\xff\xfe", frame((2, 11.0))), stall]
    async with serving(ScriptedServer(script)) as server:
        trades: list[Trade] = []
        unreadable: list[tuple[str, str, str]] = []
        task = asyncio.create_task(collect(stream(server, ManualClock(OPEN), unreadable), trades))
        await until(lambda: len(trades) == 2)
        assert [text for _, _, text in unreadable] == [*nonsense, "��"]
        assert {source for source, _, _ in unreadable} == {"finnhub"}
        task.cancel()
        await asyncio.wait({task})


async def test_nothing_but_nonsense_is_an_error() -> None:
    async with serving(ScriptedServer([say("{", "{", "{"), stall])) as server:
        with pytest.raises(Transient, match="3 unreadable frames in a row"):
            await collect(stream(server, ManualClock(OPEN)), [])


async def test_an_error_frame_ends_the_connection() -> None:
    async with serving(ScriptedServer([say('{"type":"error","msg":"Invalid API key"}'), stall])) as server:
        with pytest.raises(NotEntitled, match="TICKHOUSE_FINNHUB_KEY"):
            await collect(stream(server, ManualClock(OPEN)), [])


@pytest.mark.parametrize(
    ("status", "headers", "kind", "wait"),
    [
        (HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": "30"}, RateLimited, 30.0),
        (HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": "Wed, 05 Nov 2025 15:02:00 GMT"}, RateLimited, 120.0),
        (HTTPStatus.UNAUTHORIZED, {}, NotEntitled, None),
        (HTTPStatus.BAD_GATEWAY, {}, Transient, None),
        (HTTPStatus.OK, {}, Transient, None),
    ],
)
async def test_a_refused_handshake_is_told_apart(
    status: HTTPStatus, headers: dict[str, str], kind: type[ProducerError], wait: float | None
) -> None:
    server = ScriptedServer([])
    server.refusal = Response(status.value, status.phrase, Headers(headers), f"token {TOKEN.value}".encode())
    async with serving(server):
        with pytest.raises(kind) as refused:
            await collect(stream(server, ManualClock(OPEN)), [])
    assert refused.value.retry_after == wait
    assert TOKEN.value not in str(refused.value)


async def test_no_server_is_an_error_to_be_retried_and_shows_no_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server = ScriptedServer([say(frame((1, 10.0))), close])
    async with serving(server):
        with pytest.raises(Transient):
            await collect(stream(server, ManualClock(OPEN)), [])
    assert server.paths == [f"/?token={TOKEN.value}"]
    with pytest.raises(Transient, match="no connection") as refused:
        await collect(stream(server, ManualClock(OPEN)), [])
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("producer"))
    assert "GET /?token=***" in logged
    assert TOKEN.value not in logged + str(refused.value)
    assert refused.value.__cause__ is None


async def test_the_subscription_is_repeated_where_it_is_the_heartbeat() -> None:
    server = ScriptedServer([stall])
    async with serving(server):
        clock = ManualClock(OPEN)
        dialect = YahooStream(["AAPL"], url=server.url)
        source = StreamingSource(dialect, clock, NetworkSettings(), calendar=CALENDAR)
        task = asyncio.create_task(collect(source, []))
        await until(lambda: bool(server.heard))
        first = await server.heard[0].get()
        await clock.advance(14.0)
        assert server.heard[0].empty()
        await clock.advance(2.0)
        assert await server.heard[0].get() == first == '{"subscribe":["AAPL"]}'
        task.cancel()
        await asyncio.wait({task})


async def test_a_stream_hangs_up_after_the_auction_and_returns_at_the_next_opening() -> None:
    server = ScriptedServer([say(frame((1, 10.0))), stall], [say(frame((2, 11.0))), stall])
    async with serving(server):
        clock = ManualClock(datetime(2025, 11, 5, 21, 14, 30, tzinfo=UTC))
        trades: list[Trade] = []
        task = asyncio.create_task(collect(stream(server, clock), trades))
        await until(lambda: len(trades) == 1)
        await clock.advance(60.0)
        await until(lambda: clock.slept[-1] == 300.0)
        await clock.advance((datetime(2025, 11, 6, 14, 29, 59, tzinfo=UTC) - clock.now()).total_seconds())
        assert len(server.heard) == 1
        await clock.advance(1.0)
        await until(lambda: len(trades) == 2)
        assert not task.done()
        task.cancel()
        await asyncio.wait({task})


async def test_offline_there_is_no_stream() -> None:
    with pytest.raises(Offline):
        StreamingSource(YahooStream(["AAPL"]), ManualClock(OPEN), NetworkSettings(offline=True))


class Kept:
    """A sink that keeps event ids."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def send(self, trades: Sequence[Trade], payloads: Sequence[bytes]) -> None:
        self.ids += [trade.event_id for trade in trades]

    async def close(self) -> None: ...


async def test_the_pipeline_connects_again_with_back_off_and_loses_nothing_told() -> None:
    bad_days: list[list[Step]] = [
        [say(frame((1, 10.0))), drop],
        [say(frame((1, 10.0), (2, 11.0))), close],
        [drop],
        [say("{", "{", "{"), stall],
        [say(frame((3, 12.0))), stall],
    ]
    server = ScriptedServer(*bad_days)
    async with serving(server):
        clock, sink = ManualClock(OPEN), Kept()
        pipeline = Pipeline(stream(server, clock), sink, clock, PipelineSettings(), seeded())
        task = asyncio.create_task(pipeline.run())
        await move_until(clock, lambda: any(":12.0:" in event for event in sink.ids), 1.0)
        assert len(server.heard) == 5
        assert pipeline.counters.source_failures == 4
        assert [event.split(":")[3] for event in dict.fromkeys(sink.ids)] == ["10.0", "11.0", "12.0"]
        subscriptions = [connection.qsize() for connection in server.heard]
        assert subscriptions[-1] == 2, "each connection subscribes anew"
        task.cancel()
        await asyncio.wait({task})
