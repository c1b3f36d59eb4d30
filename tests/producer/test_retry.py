"""Waiting times between attempts, and the breaker."""

import pytest

from producer.errors import Blocked, NoData, ProducerError, RateLimited, Transient
from producer.rate_limit import CoolDown
from producer.retry import RetryPolicy, with_retries
from tests.producer.clock import ManualClock, seeded


def test_the_ceiling_doubles_up_to_the_cap() -> None:
    policy = RetryPolicy(base_seconds=0.5, cap_seconds=3.0)
    error = Transient("x")
    ceilings = [max(policy.delay(attempt, error, seeded(seed)) for seed in range(300)) for attempt in range(1, 6)]
    assert ceilings == pytest.approx([0.5, 1.0, 2.0, 3.0, 3.0], rel=0.05)


def test_the_wait_is_jittered_over_the_whole_range() -> None:
    delays = [RetryPolicy(base_seconds=1.0).delay(1, Transient("x"), seeded(seed)) for seed in range(300)]
    assert min(delays) < 0.1
    assert max(delays) > 0.9


def test_what_the_server_asks_for_is_the_least() -> None:
    assert RetryPolicy().delay(1, RateLimited("x", retry_after=120.0), seeded(1)) == 120.0


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (Transient("x"), 3),
        (NoData("x"), 1),
        (RateLimited("x", retry_after=5.0), 3),
        (RateLimited("x", retry_after=900.0), 1),
    ],
)
async def test_errors_are_retried_by_kind_and_patience(error: ProducerError, attempts: int) -> None:
    clock = ManualClock()
    made = 0

    async def call() -> None:
        nonlocal made
        made += 1
        raise error

    policy = RetryPolicy(attempts=3, patience_seconds=30.0)
    with pytest.raises(type(error)):
        await clock.finish(with_retries(call, policy, clock, seeded(1)))
    assert made == attempts


async def test_a_refusal_keeps_requests_away_until_the_cool_down_is_over() -> None:
    clock = ManualClock()
    breaker = CoolDown("yahoo", 900.0, clock)
    breaker.check()
    assert breaker.trip(Blocked("a page")).retry_after == 900.0
    await clock.advance(899.0)
    with pytest.raises(RateLimited) as refused:
        breaker.check()
    assert refused.value.retry_after == pytest.approx(1.0)
    await clock.advance(1.5)
    breaker.check()


def test_other_errors_leave_the_breaker_closed() -> None:
    breaker = CoolDown("yahoo", 900.0, ManualClock())
    assert breaker.trip(Transient("reset")).retry_after is None
    breaker.check()
