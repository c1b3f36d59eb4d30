"""Backfills of real sources whose quota runs out on the way: short waits are waited, long ones left to the next run."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
import respx

from cli.composition.embedded import EmbeddedEventhouse
from producer.errors import RateLimited
from producer.history.backfill import Report, plan_backfill, run_backfill
from producer.history.coverage import CoverageRequest
from producer.history.store import LandingStore
from producer.market_time import load_calendar
from producer.providers import HISTORY_PROVIDERS, Surroundings
from producer.secret import Secret
from producer.settings import NetworkSettings, ProviderKeys
from tests.producer.clock import ManualClock, seeded
from tests.producer.documented_errors import ALPHA_VANTAGE, TIINGO, Row
from tests.producer.local_provider import Asked, tiingo_days
from tests.producer.pipeline.test_embedded import value

pytestmark = pytest.mark.slow

CALENDAR = load_calendar()
NOW = datetime(2025, 12, 1, 22, 0, tzinfo=UTC)
DAY = date(2025, 11, 26)
KEYS = ProviderKeys(*[Secret("key")] * 6)
HOURLY = Row("tiingo", "hourly", 429, RateLimited, recorded=(TIINGO, "429"))
DAILY = Row("alphavantage", "daily", 200, RateLimited, recorded=(ALPHA_VANTAGE, "daily_25"))


def alpaca(request: httpx.Request) -> object:
    row = dict.fromkeys(("o", "h", "l", "c", "v"), 100.0) | {"t": f"{DAY}T05:00:00Z"}
    return {"bars": {request.url.params["symbols"]: [row]}, "next_page_token": None}


def twelve_data(request: httpx.Request) -> object:
    row = dict.fromkeys(("open", "high", "low", "close", "volume"), "100") | {"datetime": f"{DAY}"}
    return {"meta": {"interval": request.url.params["interval"]}, "values": [row], "status": "ok"}


def alpha_vantage(_: httpx.Request) -> object:
    row = dict.fromkeys(("1. open", "2. high", "3. low", "4. close", "5. volume"), "100")
    return {"Meta Data": {}, "Time Series (Daily)": {f"{DAY}": row}}


def tiingo(request: httpx.Request) -> object:
    return tiingo_days(Asked(request.url.path, dict(request.url.params), {})).body


ANSWERS: dict[str, Callable[[httpx.Request], object]] = {
    "alpaca": alpaca,
    "twelvedata": twelve_data,
    "alphavantage": alpha_vantage,
    "tiingo": tiingo,
}


@dataclass
class Backfill:
    """Backfills of one day of many symbols from one provider; a source of its own for each run, as a process has."""

    eventhouse: EmbeddedEventhouse
    provider: str
    symbols: tuple[str, ...]
    clock: ManualClock

    async def run(self) -> Report:
        given = Surroundings(self.symbols, KEYS, self.clock, NetworkSettings())
        source = HISTORY_PROVIDERS[self.provider](given)
        asked = CoverageRequest(self.symbols, "daily", DAY, DAY)
        plan = await plan_backfill(self.eventhouse, asked, CALENDAR, self.clock.now())
        store = LandingStore(self.eventhouse, self.clock)
        work = run_backfill(self.eventhouse, store, source, plan, CALENDAR, self.clock, random=seeded())
        report = await self.clock.finish(work)
        await source.close()
        return report


def backfill(eventhouse: EmbeddedEventhouse, provider: str, count: int) -> Backfill:
    return Backfill(eventhouse, provider, tuple(f"S{number:03}" for number in range(count)), ManualClock(NOW))


def busiest(times: list[float], seconds: float) -> int:
    """The largest number of requests within any stretch of so many seconds."""
    return max(sum(start <= at < start + seconds for at in times) for start in times)


@pytest.mark.parametrize(
    ("provider", "count", "quota", "seconds"),
    [("twelvedata", 20, 8, 60.0), ("alpaca", 202, 200, 60.0)],
)
async def test_a_quota_by_the_minute_is_waited_for(
    eventhouse: EmbeddedEventhouse, provider: str, count: int, quota: int, seconds: float
) -> None:
    run = backfill(eventhouse, provider, count)
    times: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        times.append(run.clock.monotonic())
        return httpx.Response(200, json=ANSWERS[provider](request))

    with respx.mock() as network:
        network.get().side_effect = answer
        report = await run.run()
    assert (report.is_complete, report.failures, report.bars_written) == (True, (), count)
    assert len(times) == count
    assert busiest(times, seconds) == quota
    assert times[-1] - times[0] == pytest.approx((count - 1) // quota * seconds, abs=1.0)


@pytest.mark.parametrize(
    ("provider", "count", "quota", "refusal", "pause"),
    [("alphavantage", 30, 25, DAILY, timedelta(hours=24)), ("tiingo", 60, 50, HOURLY, timedelta(hours=1))],
)
async def test_a_longer_quota_ends_the_run_and_the_next_one_goes_on(
    eventhouse: EmbeddedEventhouse, provider: str, count: int, quota: int, refusal: Row, pause: timedelta
) -> None:
    run = backfill(eventhouse, provider, count)
    times: list[float] = []
    allowance = quota

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal allowance
        times.append(run.clock.monotonic())
        allowance -= 1
        if allowance < 0:
            return httpx.Response(refusal.status, text=refusal.text)
        return httpx.Response(200, json=ANSWERS[provider](request))

    with respx.mock() as network:
        network.get().side_effect = answer
        first = await run.run()
        assert (first.bars_written, len(times)) == (quota, quota), "what is known to be too much is not asked"
        assert {failure.gap.symbol for failure in first.failures} == set(run.symbols[quota:])
        assert [failure.is_asked for failure in first.failures].count(True) == 1
        waits = [failure.retry_after for failure in first.failures if failure.retry_after is not None]
        assert 0 < min(waits) <= pause.total_seconds()
        # A process of its own does not know what another one asked: it is told so, once, and believes it.
        hasty = await run.run()
        assert (hasty.bars_written, len(times)) == (0, quota + 1)
        assert {failure.gap.symbol for failure in hasty.failures} == set(run.symbols[quota:])
        await run.clock.advance(pause.total_seconds())
        allowance = quota
        last = await run.run()
    assert (last.is_complete, last.bars_written) == (True, count - quota)
    assert await value(eventhouse, "DailyBars | count") == count
    assert await value(eventhouse, "DailyBars | distinct Symbol | count") == count
    if provider == "alphavantage":
        assert busiest(times[:quota], 1.0) == 1, "one request a second"
