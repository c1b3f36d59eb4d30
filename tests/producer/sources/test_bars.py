"""Which bars of a provider's answer are kept."""

from datetime import UTC, datetime, timedelta

import pytest

from producer.errors import NoData
from producer.market_time import load_calendar
from producer.model import Bar, CorporateAction, History
from producer.sources.bars import ActionsWithDays, whole_minutes

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


@pytest.mark.parametrize("is_there", [True, False])
async def test_splits_told_with_days_are_none_where_there_are_no_days(is_there: bool) -> None:
    split = CorporateAction("AAPL", NOON.date(), "split", 4.0, "test", NOON)

    class Provider(ActionsWithDays):
        async def daily(self, symbol: str, start: datetime, end: datetime) -> History:
            assert (symbol, start, end) == ("AAPL", NOON, NOON + MINUTE)
            if not is_there:
                raise NoData("nothing", source="test")
            return History((bar(NOON),), (split,))

    assert await Provider().actions("AAPL", NOON, NOON + MINUTE) == ((split,) if is_there else ())
