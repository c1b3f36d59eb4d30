"""Two producers on the same symbols: both active, or one standing by, give the same analytics as one."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from cli.composition.embedded import EmbeddedEventhouse
from producer.model import Trade, encode_trade
from producer.redundancy.lease import FileLease
from producer.redundancy.resume import last_quotes
from producer.redundancy.standby import StandbySettings, StandbySource
from producer.sinks.eventhouse import EventhouseSink
from producer.source import TradeSource
from producer.sources.quotes import Quote, QuoteTrades, event_id_of, quote_of
from producer.sources.simulated.source import SimulatedSettings, SimulatedSource
from tests.producer.clock import START, ManualClock, move_until
from tests.producer.pipeline.test_embedded import value

T = TypeVar("T")
SIMULATION = SimulatedSettings(seed=7, trades_per_second=5.0)
BARS = (
    "Bars1m | project Symbol, Timestamp, Open, High, Low, Close, Volume, TradeCount | sort by Symbol asc, Timestamp asc"
)


class Inline(ThreadPoolExecutor):
    """Does the work of threads at once, so that a clock that is moved by hand never outruns it."""

    def submit(self, work: Callable[..., T], /, *arguments: object, **named: object) -> Future[T]:
        done: Future[T] = Future()
        try:
            done.set_result(work(*arguments, **named))
        except Exception as error:  # noqa: BLE001 - as a thread would
            done.set_exception(error)
        return done


@pytest.fixture(autouse=True)
async def without_threads() -> None:
    asyncio.get_running_loop().set_default_executor(Inline())


class Producer:
    """A source whose trades are kept as they come, until it is killed."""

    def __init__(self, source: TradeSource) -> None:
        self.trades: list[Trade] = []
        self._source = source
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async for trade in self._source.trades():
            self.trades.append(trade)

    async def kill(self) -> None:
        """End it without giving anything back."""
        self._task.cancel()
        await asyncio.wait({self._task})


async def send(eventhouse: EmbeddedEventhouse, trades: Sequence[Trade]) -> None:
    sink = EventhouseSink(eventhouse)
    for start in range(0, len(trades), 500):
        part = trades[start : start + 500]
        await sink.send(part, [encode_trade(trade) for trade in part])


def standing_by(source: TradeSource, path: Path, name: str, clock: ManualClock) -> StandbySource:
    return StandbySource(source, FileLease(path, name, clock, 10.0), clock)


async def step(clock: ManualClock, seconds: int) -> None:
    """Move the clock second by second."""
    for _ in range(seconds):
        await clock.advance(1.0)


@pytest.mark.slow
async def test_two_active_producers_give_the_bars_of_one(eventhouse: EmbeddedEventhouse) -> None:
    clock = ManualClock()
    producers = [Producer(SimulatedSource(clock, SIMULATION)) for _ in range(2)]
    await clock.advance(200.0)
    for producer in producers:
        await producer.kill()
    first, second = (producer.trades for producer in producers)
    assert len(first) > 500
    await send(eventhouse, first)
    alone = list((await eventhouse.query(BARS)).rows())
    # The other one was slower, and stumbled.
    await send(eventhouse, [replace(trade, received_at=trade.received_at + timedelta(seconds=1)) for trade in second])
    await send(eventhouse, second[100:300])
    assert list((await eventhouse.query(BARS)).rows()) == alone
    assert await value(eventhouse, "TradesUnique | count") == len(first)


@pytest.mark.slow
async def test_only_the_holder_of_the_lease_produces(tmp_path: Path) -> None:
    clock = ManualClock()
    sources = [standing_by(SimulatedSource(clock, SIMULATION), tmp_path / "lease", name, clock) for name in "ab"]
    producers = [Producer(sources[0])]
    await move_until(clock, lambda: sources[0].role == "active", 0.0)
    producers.append(Producer(sources[1]))
    await step(clock, 60)
    assert [source.role for source in sources] == ["active", "standby"]
    assert len(producers[0].trades) > 100
    assert producers[1].trades == []
    for producer in producers:
        await producer.kill()


@pytest.mark.slow
async def test_the_one_that_stands_by_takes_over_without_a_gap(tmp_path: Path, eventhouse: EmbeddedEventhouse) -> None:
    clock = ManualClock()
    everything = Producer(SimulatedSource(clock, SIMULATION))
    first, second = (standing_by(SimulatedSource(clock, SIMULATION), tmp_path / "lease", name, clock) for name in "ab")
    active = Producer(first)
    await move_until(clock, lambda: first.role == "active", 0.0)
    waiting = Producer(second)
    await step(clock, 60)
    await active.kill()
    # What it had received in its last moments was never sent.
    lost = active.trades[-15:]
    await step(clock, 30)
    assert second.role == "active"
    for producer in (everything, waiting):
        await producer.kill()
    sent = [trade for trade in active.trades if trade not in lost] + waiting.trades
    await send(eventhouse, sent)
    assert await value(eventhouse, "TradesUnique | count") == len(everything.trades)
    assert await value(eventhouse, "TradesUnique | summarize sum(Size)") == pytest.approx(
        sum(trade.size for trade in everything.trades)
    )


async def test_a_producer_that_stood_still_steps_back(tmp_path: Path) -> None:
    clock = ManualClock()
    first, second = (standing_by(SimulatedSource(clock, SIMULATION), tmp_path / "lease", name, clock) for name in "ab")
    running = Producer(first)
    await move_until(clock, lambda: first.role == "active", 0.0)
    await step(clock, 5)
    other = FileLease(tmp_path / "lease", "b", clock, 10.0)
    # No renewal for longer than the lease, and someone else claims it first.
    clock._elapsed += 11.0
    assert other.claim()
    before = len(running.trades)
    await step(clock, 5)
    assert first.role == "standby"
    assert len(running.trades) == before
    await running.kill()
    await second.close()


async def test_closing_hands_over_at_once(tmp_path: Path) -> None:
    clock = ManualClock()
    lease = FileLease(tmp_path / "lease", "a", clock, 10.0)
    source = StandbySource(SimulatedSource(clock, SIMULATION), lease, clock)
    assert lease.claim()
    await source.close()
    assert not lease.is_held
    assert FileLease(tmp_path / "lease", "b", clock, 10.0).claim()


class Quotes:
    """A source that counts differences: the day's volume grows by a hundred every ten seconds."""

    name = "yahoo"

    def __init__(self, clock: ManualClock) -> None:
        self.quotes = QuoteTrades("yahoo")
        self.polls = 0
        self._clock = clock

    async def trades(self) -> AsyncGenerator[Trade, None]:
        while True:
            self.polls += 1
            await self._clock.sleep(10.0)
            now = self._clock.now()
            volume = 100.0 * round((now - START).total_seconds() / 10)
            if trade := self.quotes.trade(Quote("AAPL", now, now.date(), 170.0, volume, "NMS"), now):
                yield trade

    async def close(self) -> None: ...


@pytest.mark.slow
async def test_differences_are_counted_once_across_a_takeover(tmp_path: Path, eventhouse: EmbeddedEventhouse) -> None:
    clock = ManualClock()

    def cold(name: str) -> tuple[Quotes, StandbySource]:
        source = Quotes(clock)

        async def take_over() -> None:
            source.quotes.resume(await last_quotes(eventhouse, "yahoo", START - timedelta(days=1)))

        lease = FileLease(tmp_path / "lease", name, clock, 10.0)
        return source, StandbySource(source, lease, clock, StandbySettings(is_warm=False), on_takeover=take_over)

    (polling, first), (waiting, second) = cold("a"), cold("b")
    active = Producer(first)
    # The database is asked where things stand, and takes its time.
    await move_until(clock, lambda: polling.polls == 1, 0.0)
    standby = Producer(second)
    await step(clock, 65)
    assert waiting.polls == 0, "the provider is asked by one producer only"
    await active.kill()
    await send(eventhouse, active.trades)
    await move_until(clock, lambda: len(standby.trades) >= 3, 1.0)
    await standby.kill()
    await send(eventhouse, standby.trades)
    last = quote_of(standby.trades[-1].event_id)
    first_seen = quote_of(active.trades[0].event_id)
    assert last
    assert first_seen
    assert await value(eventhouse, "TradesUnique | summarize sum(Size)") == last.day_volume - first_seen.day_volume


@pytest.mark.slow
async def test_a_restarted_producer_counts_what_was_traded_while_it_was_away(eventhouse: EmbeddedEventhouse) -> None:
    def quoted(seconds: int, volume: float) -> Quote:
        at = START + timedelta(seconds=seconds)
        return Quote("AAPL", at, at.date(), 170.0, volume, "NMS")

    before, after = QuoteTrades("yahoo"), QuoteTrades("yahoo")
    told = [before.trade(quote, quote.timestamp) for quote in (quoted(0, 1_000.0), quoted(60, 1_500.0))]
    await send(eventhouse, [trade for trade in told if trade])
    after.resume(await last_quotes(eventhouse, "yahoo", START - timedelta(days=1)))
    trade = after.trade(quoted(600, 4_000.0), START)
    assert trade
    assert trade.size == 2_500.0


@pytest.mark.parametrize("symbol", ["AAPL", "BRK.B", "BINANCE:BTCUSDT", "a:b:1.500000:2"])
def test_an_id_tells_its_quote(symbol: str) -> None:
    at = datetime(2025, 10, 30, 0, 46, tzinfo=UTC)
    quote = Quote(symbol, at, (at - timedelta(days=1)).date(), 270.125, 1_234_567.0, "")
    assert quote_of(event_id_of("yahoo", quote)) == quote


@pytest.mark.parametrize(
    "event_id", ["simulated:1761785160:4", "a:b:c:d:e", "finnhub:TSLA:1672348887195:122.1:1.0:0", "y:A:9e9.000000:1:1"]
)
def test_an_id_that_was_made_of_something_else_tells_no_quote(event_id: str) -> None:
    assert quote_of(event_id) is None


def test_a_resumed_quote_does_not_replace_a_newer_one() -> None:
    quotes = QuoteTrades("yahoo")
    newer = Quote("AAPL", START, START.date(), 170.0, 2_000.0, "")
    quotes.trade(newer, START)
    quotes.resume([replace(newer, timestamp=START - timedelta(minutes=1), day_volume=500.0)])
    trade = quotes.trade(replace(newer, timestamp=START + timedelta(minutes=1), day_volume=2_100.0), START)
    assert trade
    assert trade.size == 100.0


def test_a_lease_is_held_by_one_and_runs_out(tmp_path: Path) -> None:
    clock = ManualClock()
    first, second = (FileLease(tmp_path / "folder" / "lease", name, clock, 10.0) for name in "ab")
    assert [first.claim(), second.claim()] == [True, False]
    clock._elapsed = 9.0
    assert [first.claim(), second.claim()] == [True, False], "a renewal"
    clock._elapsed = 18.0
    assert [first.is_held, second.claim()] == [True, False]
    clock._elapsed = 19.0
    assert [first.is_held, second.claim(), first.claim()] == [False, True, False]
    first.release()
    assert second.claim(), "only a holder gives it back"
    second.release()
    assert first.claim()


def test_an_unreadable_lease_is_free_and_an_unreachable_one_runs_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock, path = ManualClock(), tmp_path / "lease"
    path.write_bytes(b"{}")
    lease = FileLease(path, "a", clock, 10.0)
    assert lease.claim()
    (tmp_path / "lease.lock").unlink()
    (tmp_path / "lease.lock").mkdir()
    clock._elapsed = 5.0
    assert lease.claim(), "it is held until it runs out"
    clock._elapsed = 10.0
    assert not lease.claim()
    lease.release()
    assert "cannot be claimed" in caplog.text


async def test_a_lease_runs_out_though_the_clock_was_set_back(tmp_path: Path) -> None:
    clock = ManualClock()
    dead, waiting = (FileLease(tmp_path / "lease", name, clock) for name in ("dead", "waiting"))
    assert dead.claim()
    clock.set_by(timedelta(hours=-1))
    assert not waiting.claim()
    await clock.advance(11)
    assert not dead.is_held, "who stalls has lost it"
    assert waiting.claim()


async def test_a_lease_that_is_renewed_holds_whatever_the_clock_does(tmp_path: Path) -> None:
    clock = ManualClock()
    first, second = (FileLease(tmp_path / "lease", name, clock) for name in ("first", "second"))
    for change in (0, -3600, 0, 600, 0, -60):
        clock.set_by(timedelta(seconds=change))
        assert first.claim()
        assert not second.claim()
        await clock.advance(4)
        assert first.is_held
