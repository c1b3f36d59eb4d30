"""A pipeline whose sink goes down: the spool takes over, keeps the order, and is emptied first."""

import asyncio
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import orjson
import pytest

from producer.errors import BadData, Transient
from producer.model import Trade, decode_trade, encode_trade
from producer.pipeline.batching import BatchLimits
from producer.pipeline.dead_letters import DeadLetters
from producer.pipeline.delivery import DeliverySettings
from producer.pipeline.pipeline import Counters, Pipeline, PipelineSettings
from producer.pipeline.spool import Spool, SpoolSettings
from producer.retry import RetryPolicy
from tests.producer.clock import START, ManualClock, move_until, seeded, settle
from tests.producer.scripted import ListSink, Script, ScriptedSource, make_trade

ROOT = Path(__file__).resolve().parents[3]
DOWN = Transient("connection refused")
STUBBORN = RetryPolicy(attempts=None, base_seconds=0.1, cap_seconds=1.0)


def build(
    clock: ManualClock,
    script: Script,
    sink: ListSink,
    spool: Spool | None,
    *,
    write_ahead: bool = False,
    **more: object,
) -> Pipeline:
    delivery = DeliverySettings(retry=STUBBORN, direct_attempts=2, write_ahead=write_ahead)
    settings = PipelineSettings(limits=BatchLimits(count=1), delivery=delivery, **more)  # type: ignore[arg-type]  # tests name what they mean
    return Pipeline(ScriptedSource(clock, script), sink, clock, settings, seeded(1), spool=spool)


def ids(numbers: range) -> list[str]:
    return [f"e{number:03}" for number in numbers]


def test_a_trade_survives_its_encoding() -> None:
    trade = replace(make_trade(1), timestamp=START.replace(microsecond=1), size=0.25)
    assert decode_trade(encode_trade(trade)) == trade


async def test_a_dead_sink_fills_the_spool_and_gets_everything_in_order_when_it_is_back(tmp_path: Path) -> None:
    clock, sink = ManualClock(), ListSink()
    with Spool(tmp_path) as spool:
        script: Script = [
            *map(make_trade, range(3)),
            100.0,
            *map(make_trade, range(3, 6)),
            1.0,
            *map(make_trade, range(6, 9)),
        ]
        pipeline = build(clock, script, sink, spool)
        run = asyncio.create_task(pipeline.run())
        await move_until(clock, lambda: pipeline.counters.sent == 3)
        sink.fault = DOWN
        await clock.advance(100.0)
        await move_until(clock, lambda: pipeline.counters.spooled == 6)
        assert pipeline.counters.in_flight == 0
        assert pipeline.counters.last_error == "connection refused"
        sink.fault = None
        await move_until(clock, run.done, 1.0)
        assert sink.events == ids(range(9))
        assert (pipeline.counters.unsent, pipeline.counters.spooled) == (0, 0)
        assert spool.is_empty


async def test_new_trades_queue_behind_the_spool_although_the_sink_is_back(tmp_path: Path) -> None:
    clock, sink = ManualClock(), ListSink()
    with Spool(tmp_path) as spool:
        for number in range(3):
            spool.append([encode_trade(make_trade(number))])
        sink.gate = asyncio.Event()
        pipeline = build(clock, [make_trade(3), make_trade(4), 5.0], sink, spool)
        run = asyncio.create_task(pipeline.run())
        await move_until(clock, lambda: pipeline.counters.spooled == 5)
        assert sink.batches == []
        sink.gate.set()
        await move_until(clock, run.done)
        assert sink.events == ids(range(5))
        assert pipeline.counters.recovered == 3
        assert pipeline.counters.unsent == 0


async def test_a_sink_that_stumbles_once_needs_no_spool(tmp_path: Path) -> None:
    clock, sink = ManualClock(), ListSink([DOWN])
    with Spool(tmp_path) as spool:
        counters = await clock.finish(build(clock, [make_trade(0)], sink, spool).run())
    assert (counters.sent, counters.sink_retries) == (1, 1)
    assert spool.size_bytes == 0
    assert not (tmp_path / "cursor").exists(), "nothing was ever committed"


@pytest.mark.slow
async def test_a_full_spool_holds_the_source_back_and_drops_nothing(tmp_path: Path) -> None:
    clock, sink = ManualClock(), ListSink()
    sink.fault = DOWN
    with Spool(tmp_path, SpoolSettings(limit_bytes=1_000)) as spool:
        source = ScriptedSource(clock, [make_trade(number) for number in range(100)])
        delivery = DeliverySettings(retry=STUBBORN, direct_attempts=1)
        settings = PipelineSettings(limits=BatchLimits(count=1), queue_capacity=10, delivery=delivery)
        pipeline = Pipeline(source, sink, clock, settings, seeded(1), spool=spool)
        run = asyncio.create_task(pipeline.run())
        await move_until(clock, lambda: "spool holds" in pipeline.counters.last_error)
        for _ in range(20):
            await clock.advance(1.0)
        held_back = source.taken
        assert held_back <= spool.trades + 10 + 2
        sink.fault = None
        await move_until(clock, run.done)
        assert sink.events == ids(range(100))
        assert held_back < 100


async def test_an_ending_run_puts_on_disk_what_the_sink_does_not_take(tmp_path: Path) -> None:
    clock, sink = ManualClock(), ListSink()
    sink.gate = asyncio.Event()
    with Spool(tmp_path) as spool:
        script = [make_trade(number) for number in range(5)]
        pipeline = build(clock, [*script, 1_000.0], sink, spool, drain_seconds=3.0)
        run = asyncio.create_task(pipeline.run())
        await settle()
        run.cancel()
        await move_until(clock, run.done)
        assert pipeline.counters.unsent == 0
        assert pipeline.counters.spooled == 5
    with Spool(tmp_path) as spool:
        sink.gate.set()
        counters = await clock.finish(build(clock, [], sink, spool).run())
        assert sink.events == ids(range(5))
        assert counters == Counters(
            recovered=5, sent=5, batches=5, delay_seconds=counters.delay_seconds, last_event=START
        )


async def test_an_ending_run_empties_the_spool_where_the_sink_takes_it(tmp_path: Path) -> None:
    clock, sink = ManualClock(), ListSink()
    sink.fault = DOWN
    with Spool(tmp_path) as spool:
        pipeline = build(clock, [make_trade(0), 1_000.0], sink, spool)
        run = asyncio.create_task(pipeline.run())
        await move_until(clock, lambda: pipeline.counters.spooled == 1)
        run.cancel()
        await settle()
        sink.fault = None
        await move_until(clock, run.done)
        assert sink.events == ["e000"]
        assert spool.is_empty


async def test_a_final_error_of_the_sink_leaves_the_rest_on_disk(tmp_path: Path) -> None:
    clock, sink = ManualClock(), ListSink()
    sink.fault = BadData("no such table")
    with Spool(tmp_path) as spool:
        pipeline = build(clock, [make_trade(0), make_trade(1), 1_000.0], sink, spool)
        with pytest.raises(BadData, match="no such table"):
            await clock.finish(pipeline.run())
        assert spool.trades == 2
        assert pipeline.counters.unsent == 0


async def test_written_ahead_every_batch_is_on_disk_before_it_is_sent(tmp_path: Path) -> None:
    clock, sink = ManualClock(), ListSink()
    sink.gate = asyncio.Event()
    with Spool(tmp_path) as spool:
        pipeline = build(clock, [make_trade(0), make_trade(1)], sink, spool, write_ahead=True)
        run = asyncio.create_task(pipeline.run())
        await move_until(clock, lambda: spool.trades == 2)
        assert sink.batches == []
        sink.gate.set()
        await move_until(clock, run.done)
        assert sink.events == ids(range(2))


async def test_many_small_batches_of_the_spool_go_out_as_few(tmp_path: Path) -> None:
    clock, sink = ManualClock(), ListSink()
    with Spool(tmp_path) as spool:
        for number in range(25):
            spool.append([encode_trade(make_trade(number))])
        settings = PipelineSettings(limits=BatchLimits(count=10))
        pipeline = Pipeline(ScriptedSource(clock, []), sink, clock, settings, seeded(1), spool=spool)
        counters = await clock.finish(pipeline.run())
        assert spool.is_empty
    assert [len(batch) for batch in sink.batches] == [10, 10, 5]
    assert sink.events == ids(range(25))
    assert (counters.sent, counters.spooled, counters.unsent) == (25, 0, 0)


PRODUCING = """
import asyncio, sys
from datetime import datetime, UTC
from pathlib import Path
from producer.pipeline.batching import BatchLimits
from producer.clock import SystemClock
from producer.pipeline.delivery import DeliverySettings
from producer.errors import Transient
from producer.model import Trade
from producer.pipeline.pipeline import Pipeline, PipelineSettings
from producer.pipeline.spool import Spool

class Source:
    name = "test"
    async def trades(self):
        at = datetime(2024, 3, 1, tzinfo=UTC)
        for number in range(10**6):
            yield Trade(f"{sys.argv[2]}:{number}", "AAPL", at, 1.0, 1.0, "", "test", at)
            await asyncio.sleep(0)

class Dead:
    async def send(self, trades, payloads):
        raise Transient("down")

async def main():
    spool = Spool(Path(sys.argv[1]))
    pipeline = Pipeline(Source(), Dead(), SystemClock(), PipelineSettings(
        limits=BatchLimits(count=10), delivery=DeliverySettings(direct_attempts=1)), spool=spool)
    run = asyncio.create_task(pipeline.run())
    while True:
        await asyncio.sleep(0.02)
        print(pipeline.counters.spooled - pipeline.counters.recovered, flush=True)

asyncio.run(main())
"""


def produce_and_kill(folder: Path, name: str) -> int:
    """Produce into a dead sink in a process of its own, kill it, and return how many trades it said were on disk."""
    command = [sys.executable, "-c", PRODUCING, str(folder), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        while (on_disk := int(process.stdout.readline())) < 200:
            pass
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    return on_disk


@pytest.mark.slow
async def test_a_killed_producer_leaves_what_it_had_on_disk_to_the_next_one(tmp_path: Path) -> None:
    safe = [produce_and_kill(tmp_path, name) for name in ("first", "second")]
    clock, sink = ManualClock(), ListSink()
    with Spool(tmp_path) as spool:
        await clock.finish(build(clock, [], sink, spool).run())
    for name, on_disk in zip(("first", "second"), safe, strict=True):
        numbers = [int(event.split(":")[1]) for event in sink.events if event.startswith(name)]
        assert numbers == list(range(len(numbers)))
        assert len(numbers) >= on_disk
    assert [event.split(":")[0] for event in sink.events] == sorted(event.split(":")[0] for event in sink.events)


@pytest.mark.parametrize(
    ("trade", "reason"),
    [
        (replace(make_trade(1), price=float("nan")), "a price of nan is no number that JSON has"),
        (replace(make_trade(1), size=float("inf")), "a size of inf"),
        (replace(make_trade(1), timestamp=datetime(2024, 3, 1)), "a timestamp without offset"),  # noqa: DTZ001 - the fault
        (replace(make_trade(1), venue="\ud800"), "not to be encoded"),
        (replace(make_trade(1), venue="x" * 300_000), "more than the 240,000 of an event"),
    ],
)
async def test_what_cannot_be_sent_is_put_aside_with_its_reason(tmp_path: Path, trade: Trade, reason: str) -> None:
    clock, sink = ManualClock(), ListSink()
    letters = DeadLetters(tmp_path / "letters" / "dead.jsonl", clock)
    source = ScriptedSource(clock, [make_trade(0), trade, make_trade(2)])
    pipeline = Pipeline(source, sink, clock, PipelineSettings(), seeded(1), dead_letters=letters)
    counters = await clock.finish(pipeline.run())
    assert sink.events == ["e000", "e002"]
    assert (counters.received, counters.sent, counters.dead_letters, counters.unsent) == (3, 2, 1, 0)
    (letter,) = map(orjson.loads, (tmp_path / "letters" / "dead.jsonl").read_bytes().splitlines())
    assert reason in letter["reason"]
    assert letter["source"] == "simulated"
    assert "event_id='e001'" in letter["record"]
    assert datetime.fromisoformat(letter["at"]) == START


async def test_without_a_file_dead_letters_go_to_the_log(
    clock_and_sink: tuple[ManualClock, ListSink], caplog: pytest.LogCaptureFixture
) -> None:
    clock, sink = clock_and_sink
    source = ScriptedSource(clock, [replace(make_trade(1), price=float("nan"))])
    await clock.finish(Pipeline(source, sink, clock, PipelineSettings(), seeded(1)).run())
    assert "a price of nan" in caplog.text
    assert "event_id='e001'" in caplog.text


@pytest.fixture
def clock_and_sink() -> tuple[ManualClock, ListSink]:
    return ManualClock(), ListSink()


def test_a_disk_that_refuses_dead_letters_leaves_them_to_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    letters = DeadLetters(tmp_path, ManualClock())
    letters.write("some", "a reason", "the record")
    assert "the record" in caplog.text
    assert letters.count == 1


@pytest.mark.slow
async def test_memory_stays_within_what_is_quoted(clock_and_sink: tuple[ManualClock, ListSink]) -> None:
    clock, sink = clock_and_sink
    sink.gate = asyncio.Event()
    settings = PipelineSettings(queue_capacity=5_000)

    class Endless(ScriptedSource):
        async def trades(self) -> AsyncGenerator[Trade, None]:
            for number in range(10**9):
                self.taken += 1
                yield Trade(
                    f"finnhub:GOOGL:{number:013}:123.45:100.0:0", "GOOGL", START.replace(microsecond=number % 10**6),
                    100.0 + number, 1.0 + number, "NASDAQ GLOBAL SELECT", "finnhub", START.replace(microsecond=7),
                )  # fmt: skip

    source = Endless(clock, [])
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        run = asyncio.create_task(Pipeline(source, sink, clock, settings, seeded(1)).run())
        await settle()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert source.taken >= 5_500, "the queue is full"
    assert after - before < settings.memory_bytes
    assert settings.memory_bytes < 12_000_000
    run.cancel()
    sink.gate.set()
    await asyncio.wait({run})
