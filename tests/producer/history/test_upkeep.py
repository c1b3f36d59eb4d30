"""The past of a running database is looked at before and after every session, and at no other time."""

import asyncio
from datetime import UTC, datetime

import pytest

from producer.history.upkeep import keep_past
from producer.market_time import load_calendar
from tests.producer.clock import ManualClock

CALENDAR = load_calendar()


@pytest.mark.parametrize(
    ("start", "days", "expected"),
    [
        pytest.param(
            datetime(2025, 10, 31, 12, 0, tzinfo=UTC),
            3.5,
            ["10-31 13:00", "10-31 20:45", "11-03 14:00", "11-03 21:45"],
            id="clocks go back",
        ),
        pytest.param(
            datetime(2025, 11, 26, 14, 0, tzinfo=UTC),
            3.0,
            ["11-26 21:45", "11-28 14:00", "11-28 18:45"],
            id="a holiday and a half day, and a start at a moment that was due",
        ),
    ],
)
async def test_the_past_is_due_around_each_session(start: datetime, days: float, expected: list[str]) -> None:
    clock = ManualClock(start)
    refreshed: list[str] = []

    async def refresh() -> None:
        refreshed.append(f"{clock.now():%m-%d %H:%M}")
        await clock.sleep(20.0)

    task = asyncio.create_task(keep_past(refresh, CALENDAR, clock))
    await clock.advance(days * 86_400)
    task.cancel()
    await asyncio.wait({task})
    assert refreshed == expected
