"""Which bars of a provider's answer are kept."""

from datetime import UTC, datetime, timedelta

import pytest

from producer.market_time import load_calendar
from producer.model import Bar
from producer.sources.bars import whole_minutes

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 11, 20, 17, tzinfo=UTC)


def bar(timestamp: datetime) -> Bar:
    return Bar("AAPL", timestamp, 1.0, 1.0, 1.0, 1.0, 1.0, "test", timestamp)


@pytest.mark.parametrize(
    ("told_until", "kept"),
    [
        (NOON + 3 * MINUTE, [0, 1]),
        (NOON + 2 * MINUTE, [0, 1]),
        (NOON + 2 * MINUTE - timedelta(microseconds=1), [0]),
        (NOON + MINUTE, [0]),
        (NOON, []),
    ],
)
def test_a_minute_is_kept_once_it_is_over_and_within_the_range(told_until: datetime, kept: list[int]) -> None:
    bars = [bar(NOON + offset * MINUTE) for offset in (-1, 0, 1, 2)]
    found = whole_minutes(bars, NOON, NOON + 2 * MINUTE, load_calendar(), told_until)
    assert [each.timestamp for each in found] == [NOON + offset * MINUTE for offset in kept]
