"""The pipeline: batches, retries, backpressure and the drain."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest

from producer.errors import BadData, NotEntitled, RateLimited, Transient
from producer.model import Trade, encode_trade
from producer.pipeline.batching import BatchLimits
from producer.pipeline.delivery import DeliverySettings
from producer.pipeline.pipeline import Counters, Pipeline, PipelineSettings
from producer.retry import RetryPolicy
from tests.producer.clock import START, ManualClock, seeded, settle
from tests.producer.scripted import ListSink, Script, ScriptedSource, make_trade


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def build(clock: ManualClock, script: Script, sink: ListSink, **more: object) -> Pipeline:
    settings = PipelineSettings(**more)  # type: ignore[arg-type]  # tests name the settings they mean
    return Pipeline(ScriptedSource(clock, script), sink, clock, settings, seeded(1))


async def test_a_batch_is_sealed_by_count(clock: ManualClock) -> None:
    sink = ListSink()
    script = [make_trade(number) for number in range(5)]
    counters = await clock.finish(build(clock, script, sink, limits=BatchLimits(count=2)).run())
    assert sink.batches == [["e000", "e001"], ["e002", "e003"], ["e004"]]
    assert sink.payloads == [encode_trade(trade) for trade in script]
    assert counters == Counters(received=5, sent=5, batches=3, delay_seconds=0.0, last_event=START)


async def test_a_batch_is_sealed_before_it_grows_too_large(clock: ManualClock) -> None:
    sink = ListSink()
    size = 2 * (len(encode_trade(make_trade(0))) + 1)
    script = [make_trade(number) for number in range(3)]
    await clock.finish(build(clock, script, sink, limits=BatchLimits(size_bytes=size)).run())
    assert sink.batches == [["e000", "e001"], ["e002"]]


async def test_a_batch_is_sealed_by_age(clock: ManualClock) -> None:
    sink = ListSink()
    pipeline = build(clock, [make_trade(0), 0.15, make_trade(1), 60.0], sink, limits=BatchLimits(age_seconds=0.2))
    run = asyncio.create_task(pipeline.run())
    await clock.advance(0.19)
    assert sink.batches == []
    await clock.advance(0.02)
    assert sink.batches == [["e000", "e001"]]
    await clock.finish(_ended(run))


async def test_a_lone_trade_is_sent_without_any_time_going_by(clock: ManualClock) -> None:
    sink = ListSink()
    run = asyncio.create_task(build(clock, [make_trade(0), 60.0, make_trade(1)], sink).run())
    await settle()
    assert sink.batches == [["e000"]]
    assert clock.slept == [60.0], "nobody but the source waits"
    await clock.finish(_ended(run))
    assert sink.batches == [["e000"], ["e001"]]


async def test_what_comes_while_a_batch_is_sent_is_the_next_batch(clock: ManualClock) -> None:
    sink = ListSink()
    sink.gate = asyncio.Event()
    script: Script = [make_trade(0), 1.0, *map(make_trade, range(1, 4)), 1.0, *map(make_trade, range(4, 10)), 60.0]
    run = asyncio.create_task(build(clock, script, sink, limits=BatchLimits(count=8)).run())
    await clock.advance(3.0)
    assert sink.batches == []
    sink.gate.set()
    await settle()
    assert [len(batch) for batch in sink.batches] == [1, 8, 1]
    assert sink.events == [f"e{number:03}" for number in range(10)]
    await clock.finish(_ended(run))


async def test_a_batch_that_waits_for_its_age_starts_one_timer_for_all_of_it(clock: ManualClock) -> None:
    sink = ListSink()
    script = [part for number in range(20) for part in (make_trade(number), 0.001)]
    pipeline = build(clock, [*script, 60.0], sink, limits=BatchLimits(count=20, age_seconds=0.5))
    run = asyncio.create_task(pipeline.run())
    await clock.advance(0.1)
    assert [len(batch) for batch in sink.batches] == [20], "a full batch does not wait for its age"
    assert len([seconds for seconds in clock.slept if 0.4 < seconds <= 0.5]) == 1
    await clock.finish(_ended(run))


async def _ended(task: "asyncio.Task[Counters]") -> None:
    await asyncio.wait({task})


async def test_a_failed_batch_is_sent_again_and_once(clock: ManualClock) -> None:
    sink = ListSink([Transient("lost"), RateLimited("slow down", retry_after=7.0)])
    counters = await clock.finish(build(clock, [make_trade(0)], sink).run())
    assert sink.batches == [["e000"]]
    assert counters.sink_retries == 2
    assert 7.0 in clock.slept, "the waiting time that the server asks for is waited"


async def test_a_final_sink_error_ends_the_run(clock: ManualClock) -> None:
    sink = ListSink([BadData("no such table")])
    pipeline = build(clock, [make_trade(0), 1_000.0], sink)
    with pytest.raises(BadData, match="no such table"):
        await clock.finish(pipeline.run())
    assert pipeline.counters.unsent == 1


async def test_a_full_queue_holds_the_source_back(clock: ManualClock) -> None:
    sink = ListSink()
    sink.gate = asyncio.Event()
    source = ScriptedSource(clock, [make_trade(number) for number in range(50)])
    settings = PipelineSettings(limits=BatchLimits(count=5), queue_capacity=10)
    run = asyncio.create_task(Pipeline(source, sink, clock, settings, seeded(1)).run())
    await settle()
    assert source.taken <= 10 + 5 + 1
    sink.gate.set()
    await clock.finish(_ended(run))
    assert source.taken == 50
    assert sum(map(len, sink.batches)) == 50


async def test_a_failing_source_is_started_again(clock: ManualClock) -> None:
    sink = ListSink()
    script: Script = [make_trade(0), Transient("reset"), RateLimited("wait", retry_after=90.0), make_trade(1)]
    counters = await clock.finish(build(clock, script, sink).run())
    assert [event for batch in sink.batches for event in batch] == ["e000", "e001"]
    assert counters.source_failures == 2
    assert 90.0 in clock.slept


async def test_a_final_source_error_is_raised_after_the_drain(clock: ManualClock) -> None:
    sink = ListSink()
    with pytest.raises(NotEntitled):
        await clock.finish(build(clock, [make_trade(0), NotEntitled("no plan")], sink).run())
    assert sink.batches == [["e000"]]


async def test_sources_give_up_after_the_attempts_they_are_given(clock: ManualClock) -> None:
    script: Script = [Transient("one"), Transient("two"), make_trade(0)]
    with pytest.raises(Transient, match="two"):
        await clock.finish(build(clock, script, ListSink(), source_retry=RetryPolicy(attempts=2)).run())


async def test_cancelling_sends_what_was_received(clock: ManualClock) -> None:
    sink = ListSink()
    pipeline = build(clock, [make_trade(0), make_trade(1), 1_000.0], sink, limits=BatchLimits(age_seconds=60))
    run = asyncio.create_task(pipeline.run())
    await settle()
    assert sink.batches == []
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert sink.batches == [["e000", "e001"]]
    assert pipeline.counters.unsent == 0


async def test_the_drain_gives_up_on_a_dead_sink_and_says_how_much_is_lost(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    sink = ListSink()
    sink.gate = asyncio.Event()
    pipeline = build(clock, [make_trade(0), make_trade(1), 1_000.0], sink, drain_seconds=3.0)
    run = asyncio.create_task(pipeline.run())
    await settle()
    run.cancel()
    await clock.advance(2.9)
    assert not run.done()
    await clock.advance(0.2)
    assert run.cancelled()
    assert pipeline.counters.unsent == 2
    assert "2 trades were received and not delivered" in caplog.text
    assert all(task is asyncio.current_task() for task in asyncio.all_tasks()), "nothing is left running"


async def test_sends_are_spaced(clock: ManualClock) -> None:
    moments: list[float] = []

    class TimedSink(ListSink):
        async def send(self, trades: Sequence[Trade], payloads: Sequence[bytes]) -> None:
            moments.append(clock.monotonic())
            await super().send(trades, payloads)

    script = [make_trade(number) for number in range(3)]
    await clock.finish(
        build(
            clock,
            script,
            TimedSink(),
            limits=BatchLimits(count=1),
            delivery=DeliverySettings(send_interval_seconds=0.5),
        ).run()
    )
    assert [round(later - earlier, 9) for earlier, later in pairwise(moments)] == [0.5, 0.5]
