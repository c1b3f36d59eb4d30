"""Request spacing, quotas, and a breaker that keeps away from a provider for a while after it said no."""

import asyncio
from collections import deque
from dataclasses import dataclass

from producer.clock import Clock
from producer.errors import Blocked, ProducerError, RateLimited


class RateLimiter:
    """Lets callers pass one at a time, at least `interval_seconds` apart."""

    def __init__(self, interval_seconds: float, clock: Clock) -> None:
        self._interval = interval_seconds
        self._clock = clock
        self._next = clock.monotonic()
        self._lock = asyncio.Lock()

    async def acquire(self) -> None:
        """Wait for the caller's turn."""
        async with self._lock:
            wait = self._next - self._clock.monotonic()
            if wait > 0:
                await self._clock.sleep(wait)
            self._next = max(self._next, self._clock.monotonic()) + self._interval


@dataclass(frozen=True, slots=True)
class Quota:
    """How many requests a provider allows within any stretch of so many seconds."""

    count: int
    seconds: float


class QuotaKeeper:
    """Counts requests against quotas, so that a provider need not refuse what is known to be too much."""

    def __init__(self, source: str, quotas: tuple[Quota, ...], clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._taken: list[tuple[Quota, deque[float]]] = [(quota, deque(maxlen=quota.count)) for quota in quotas]

    def take(self) -> None:
        """Count one request, or raise `RateLimited` with the time until there is room for it."""
        now = self._clock.monotonic()
        for quota, taken in self._taken:
            if len(taken) == quota.count and (left := taken[0] + quota.seconds - now) > 0:
                message = f"the quota of {quota.count} requests in {quota.seconds:.0f} s is used up, nothing was sent"
                raise RateLimited(message, source=self._source, retry_after=left)
        for _, taken in self._taken:
            taken.append(now)


class CoolDown:
    """A circuit breaker: after a refusal no request leaves until the cool-down is over.

    A provider that counts requests per address keeps counting while it refuses, so asking again only prolongs it.
    """

    def __init__(self, source: str, seconds: float, clock: Clock) -> None:
        self._source = source
        self._seconds = seconds
        self._clock = clock
        self._until = float("-inf")

    def check(self) -> None:
        """Raise `RateLimited` with the time left while the breaker is open."""
        left = self._until - self._clock.monotonic()
        if left > 0:
            raise RateLimited("cooling down after a refusal, nothing was sent", source=self._source, retry_after=left)

    def trip(self, error: ProducerError) -> ProducerError:
        """Open the breaker if the error is a refusal; return the error with the time until it closes."""
        if isinstance(error, RateLimited | Blocked):
            error.retry_after = max(self._seconds, error.retry_after or 0.0)
            self._until = self._clock.monotonic() + error.retry_after
        return error
