"""How a producer tells of itself where there is no terminal: a line a minute."""

import asyncio
import io

from rich.console import Console

from cli.status.producer import log
from producer.pipeline.status import StatusMeter
from tests.producer.clock import ManualClock
from tests.producer.pipeline.test_status import pipeline
from tests.producer.scripted import ListSink, make_trade


async def test_a_log_gets_a_line_a_minute_with_rate_last_price_and_lag() -> None:
    clock, output = ManualClock(), io.StringIO()
    console = Console(file=output, width=20, soft_wrap=True)
    running = pipeline(clock, ListSink(), [step for number in range(90) for step in (make_trade(number), 1.0)])
    tasks = [
        asyncio.create_task(running.run()),
        asyncio.create_task(log(StatusMeter(running, clock), "[house]", console, lambda: "3 wait", clock)),
    ]
    await clock.advance(59.0)
    assert output.getvalue() == ""
    await clock.advance(61.0)
    assert output.getvalue() == (
        "2024-03-01T15:01:00Z script → [house]: 60 trades sent, 1.0/s, last 15:00:00, lag 0.0 s, 3 wait\n"
        "2024-03-01T15:02:00Z script → [house]: 90 trades sent, 0.5/s, last 15:00:00, lag 0.0 s, 3 wait\n"
    )
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
