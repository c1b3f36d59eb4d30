"""Asking a provider: waiting times, quotas, and keys that nobody gets to read."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
import respx

from producer.errors import BadData, Blocked, NotEntitled, ProducerError, RateLimited, Transient, UnknownSymbol
from producer.rate_limit import Quota, QuotaKeeper
from producer.retry import RetryPolicy
from producer.secret import Secret
from producer.settings import NetworkSettings, ProviderKeys, require_key
from producer.sources.http import Endpoint, HttpApi, Pace, refusal_by_status, retry_after
from tests.producer.clock import ManualClock, seeded

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
KEY = Secret("s3cr3t-key")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def network() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


def api(clock: ManualClock, *quotas: Quota) -> HttpApi:
    endpoint = Endpoint(
        "some", "https://some.test", {}, {"Authorization": Secret("Token s3cr3t-head")}, {"apikey": KEY}
    )
    pace = Pace(quotas=quotas, cool_down_seconds=60.0, retry=RetryPolicy(attempts=1))
    return HttpApi(
        endpoint, lambda *answer: refusal_by_status("some", *answer), clock, NetworkSettings(), pace, seeded()
    )


async def test_keys_are_sent_and_never_shown(
    clock: ManualClock, network: respx.MockRouter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    route = network.get("https://some.test/query").respond(text="{}")
    assert await api(clock).get("/query", {"symbol": "AAPL"}) == "{}"
    request = route.calls.last.request
    assert request.url.params["apikey"] == KEY.value
    assert request.headers["Authorization"] == "Token s3cr3t-head"
    assert "symbol=AAPL" in caplog.text
    assert "s3cr3t" not in caplog.text


async def test_a_key_in_an_answer_or_an_error_is_hidden(clock: ManualClock, network: respx.MockRouter) -> None:
    network.get("https://some.test/a").respond(400, text=f"your API key as {KEY.value} is over its limit")
    network.get("https://some.test/b").mock(side_effect=httpx.ConnectError(f"no route to ?apikey={KEY.value}"))
    for path, kind in (("/a", BadData), ("/b", Transient)):
        with pytest.raises(kind, match=r"\*\*\*") as refused:
            await api(clock).get(path)
        assert KEY.value not in str(refused.value)
        assert refused.value.__cause__ is None


def test_a_key_has_no_text() -> None:
    assert KEY.value not in f"{KEY} {KEY!r} {ProviderKeys(tiingo_key=KEY)}"


def test_keys_come_from_variables() -> None:
    keys = ProviderKeys.from_variables({"TICKHOUSE_TIINGO_KEY": " abc ", "TICKHOUSE_FINNHUB_KEY": ""})
    assert keys == ProviderKeys(tiingo_key=Secret("abc"))
    with pytest.raises(NotEntitled, match="set TICKHOUSE_FINNHUB_KEY"):
        require_key(keys.finnhub_key, "finnhub", "finnhub_key")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("Fri, 20 Nov 2026 15:01:30 GMT", 90.0),
        ("Fri, 20 Nov 2026 14:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


async def test_the_date_of_a_refusal_keeps_requests_away(clock: ManualClock, network: respx.MockRouter) -> None:
    route = network.get("https://some.test/").mock(
        return_value=httpx.Response(429, headers={"Retry-After": "Fri, 20 Nov 2026 15:05:00 GMT"})
    )
    asked = api(clock)
    for left in (300.0, 300.0):
        with pytest.raises(RateLimited) as refused:
            await asked.get("/")
        assert refused.value.retry_after == pytest.approx(left)
    assert route.call_count == 1
    await clock.advance(301.0)
    route.mock(return_value=httpx.Response(200, text="{}"))
    assert await asked.get("/") == "{}"


async def test_a_used_up_quota_sends_nothing(clock: ManualClock, network: respx.MockRouter) -> None:
    route = network.get("https://some.test/").respond(text="{}")
    asked = api(clock, Quota(2, 60.0))
    await asked.get("/")
    await clock.advance(10.0)
    await asked.get("/")
    with pytest.raises(RateLimited, match="quota of 2 requests in 60 s") as refused:
        await asked.get("/")
    assert refused.value.retry_after == pytest.approx(50.0)
    assert route.call_count == 2
    await clock.advance(50.0)
    assert await asked.get("/") == "{}"


async def test_the_narrowest_quota_counts(clock: ManualClock) -> None:
    keeper = QuotaKeeper("some", (Quota(1, 1.0), Quota(2, 100.0)), clock)
    waits = []
    for _ in range(3):
        try:
            keeper.take()
        except RateLimited as refused:
            waits.append(refused.retry_after)
        await clock.advance(1.0)
    keeper_waits = [pytest.approx(98.0)]
    assert waits == keeper_waits


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (429, "slow down", RateLimited),
        (500, "oops", Transient),
        (503, "<html>busy</html>", Transient),
        (403, "<html>captcha</html>", Blocked),
        (403, '{"message": "no"}', NotEntitled),
        (401, "bad key", NotEntitled),
        (402, "pay", NotEntitled),
        (404, "?", UnknownSymbol),
        (422, "?", BadData),
    ],
)
def test_a_status_is_the_last_word(status: int, text: str, kind: type[ProducerError]) -> None:
    assert type(refusal_by_status("some", status, text, None)) is kind


def test_a_good_status_is_no_error() -> None:
    assert refusal_by_status("some", 200, "rows", None) is None
