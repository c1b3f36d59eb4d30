"""How a producer says it is doing."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from producer.errors import BadData, Transient
from producer.pipeline.batching import BatchLimits
from producer.pipeline.delivery import DeliverySettings
from producer.pipeline.pipeline import Pipeline, PipelineSettings
from producer.pipeline.spool import Spool
from producer.pipeline.status import StatusMeter, read_status, report_status, write_status
from tests.producer.clock import START, ManualClock, move_until, seeded, settle
from tests.producer.scripted import ListSink, ScriptedSource, make_trade


def pipeline(clock: ManualClock, sink: ListSink, script: list[object], spool: Spool | None = None) -> Pipeline:
    settings = PipelineSettings(limits=BatchLimits(count=1), delivery=DeliverySettings(direct_attempts=1))
    return Pipeline(ScriptedSource(clock, script), sink, clock, settings, seeded(1), spool=spool)  # type: ignore[arg-type]  # a script


async def test_a_running_producer_has_a_rate_and_no_lag() -> None:
    clock, sink = ManualClock(), ListSink()
    running = pipeline(clock, sink, [step for number in range(200) for step in (make_trade(number), 1.0)])
    meter = StatusMeter(running, clock)
    run = asyncio.create_task(running.run())
    for _ in range(10):
        await clock.advance(10.0)
        status = meter.look()
    assert status.per_second == pytest.approx(1.0, rel=0.05)
    assert (status.received, status.sent, status.lag_seconds, status.drops) == (101, 101, 0.0, 0)
    assert status.delay_seconds == 100.0, "the trades are all of the start"
    assert status.started_at == START
    run.cancel()
    await asyncio.wait({run})


async def test_a_producer_whose_sink_is_stuck_lags_behind() -> None:
    clock, sink = ManualClock(), ListSink()
    sink.gate = asyncio.Event()
    running = pipeline(clock, sink, [make_trade(0), make_trade(1), make_trade(2), 1_000.0])
    run = asyncio.create_task(running.run())
    await clock.advance(30.0)
    status = StatusMeter(running, clock).look("standby")
    assert (status.lag_seconds, status.queued, status.sent, status.role) == (30.0, 2, 0, "standby")
    run.cancel()
    await asyncio.wait({run}, timeout=0)
    await clock.advance(11.0)
    assert StatusMeter(running, clock).look().drops == 3, "nowhere to keep them"


async def test_what_is_on_disk_lags_and_is_not_dropped(tmp_path: Path) -> None:
    clock, sink = ManualClock(), ListSink()
    sink.fault = Transient("down")
    with Spool(tmp_path) as spool:
        running = pipeline(clock, sink, [make_trade(0), 1_000.0], spool)
        run = asyncio.create_task(running.run())
        await move_until(clock, lambda: running.counters.spooled == 1, 0.0)
        await clock.advance(30.0)
        status = StatusMeter(running, clock, spool).look()
        assert (status.spooled, status.lag_seconds, status.drops, status.last_error) == (1, 30.0, 0, "down")
        assert status.spool_bytes == spool.size_bytes > 100
        run.cancel()
        await move_until(clock, run.done, 1.0)


async def test_the_status_is_left_in_a_file_that_another_process_reads(tmp_path: Path) -> None:
    clock, path = ManualClock(), tmp_path / "status.json"
    meter = StatusMeter(pipeline(clock, ListSink(), []), clock)
    task = asyncio.create_task(report_status(meter, path, clock, lambda: "standby"))
    await settle()
    assert read_status(path) == meter.look("standby")
    await clock.advance(5.0)
    assert read_status(path).at == START + timedelta(seconds=5)
    task.cancel()
    await asyncio.wait({task})
    assert read_status(path).role == "ended"
    assert [each.name for each in tmp_path.iterdir()] == ["status.json"]  # noqa: ASYNC240 - a test


def test_a_file_that_is_no_status_says_so(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    with pytest.raises(BadData, match="no producer has left a status"):
        read_status(path)
    for content in (b"", b"[]", b"{}", b'{"at": 1}'):
        path.write_bytes(content)
        with pytest.raises(BadData, match="no status of a producer"):
            read_status(path)


def test_a_status_without_events_survives_its_file(tmp_path: Path) -> None:
    clock = ManualClock()
    status = StatusMeter(pipeline(clock, ListSink(), []), clock).look()
    write_status(tmp_path / "status.json", status)
    assert read_status(tmp_path / "status.json") == status
