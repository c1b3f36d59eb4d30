"""Yahoo is polled when, and only when, the market makes prices: whole weeks on a simulated clock."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
import respx

from producer.errors import ProducerError
from producer.market_time import load_calendar
from producer.settings import NetworkSettings
from producer.sources.yahoo.source import YahooSettings, YahooSource
from tests.producer.clock import ManualClock, seeded
from tests.producer.shared import payload

URL = "https://query1.finance.yahoo.com/v8/finance/chart/AAPL"
NEW_YORK = ZoneInfo("America/New_York")
CALENDAR = load_calendar()
POLL_SECONDS = 300.0


@pytest.fixture
def network() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


async def polls_between(network: respx.MockRouter, start: datetime, end: datetime) -> list[datetime]:
    """Run the source from `start` and return when it asked, until `end`."""
    clock = ManualClock(start)
    body = payload("yahoo_chart_v8_live_last_bar_AAPL.json")
    polls: list[datetime] = []

    def answer(_: httpx.Request) -> httpx.Response:
        if clock.now() >= end:
            return httpx.Response(401, text="<html>the run is over</html>")
        polls.append(clock.now())
        return httpx.Response(200, text=body)

    network.get(URL).side_effect = answer
    source = YahooSource(
        ("AAPL",), clock, NetworkSettings(), YahooSettings(poll_seconds=POLL_SECONDS), seeded(), calendar=CALENDAR
    )

    async def run() -> None:
        with pytest.raises(ProducerError, match="a page instead of data"):
            async for _ in source.trades():
                pass

    await clock.finish(run())
    await source.close()
    return polls


def new_york(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        # Clocks go back in the night to Sunday, 2 November.
        pytest.param("2025-10-31T12:00", "2025-11-04T09:30", {"10-31": 51, "11-03": 81}, id="clocks go back"),
        pytest.param("2026-03-06T18:00", "2026-03-10T09:30", {"03-09": 81}, id="clocks go forward"),
        pytest.param("2025-11-26T03:00", "2025-12-01T09:30", {"11-26": 81, "11-28": 45}, id="a holiday and a half day"),
        pytest.param("2025-12-24T15:00", "2025-12-26T09:30", {}, id="Christmas"),
    ],
)
async def test_polls_fill_the_sessions_and_nothing_else(
    network: respx.MockRouter, start: str, end: str, days: dict[str, int]
) -> None:
    begin, finish = new_york(start), new_york(end)
    polls = await polls_between(network, begin, finish)
    assert [poll for poll in polls if not CALENDAR.makes_prices(poll)] == []
    assert Counter(f"{poll.astimezone(NEW_YORK):%m-%d}" for poll in polls) == days, "every five minutes of a session"
    for session in CALENDAR.sessions(date.fromisoformat(start[:10]), date.fromisoformat(end[:10])):
        of_day = [poll for poll in polls if session.covers(poll)]
        if of_day and begin < session.opens_at:
            assert of_day[0] == session.opens_at, "not a second late"
        if of_day:
            assert session.settles_at - of_day[-1] <= timedelta(seconds=POLL_SECONDS), "through the closing auction"
