"""Retries with exponential back-off, full jitter and the server's own waiting time."""

import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from emulator.backoff import Backoff
from producer.clock import Clock
from producer.errors import ProducerError

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long; `attempts=None` never gives up.

    An error that asks for more than `patience_seconds` goes to the caller at once.
    """

    attempts: int | None = 5
    base_seconds: float = 0.2
    cap_seconds: float = 30.0
    patience_seconds: float = math.inf

    def delay(self, attempt: int, error: ProducerError, random: Random) -> float:
        """Return the seconds to wait after failed attempt number `attempt` (from 1).

        Full jitter spreads callers that failed together; what the server asks for is always waited for.
        """
        ceiling = Backoff(self.base_seconds, self.cap_seconds).pause(attempt)
        return max(random.uniform(0.0, ceiling), error.retry_after or 0.0)

    def is_final(self, attempt: int, error: ProducerError) -> bool:
        """Whether the error of attempt number `attempt` should reach the caller."""
        is_last = self.attempts is not None and attempt >= self.attempts
        return is_last or not error.retryable or (error.retry_after or 0.0) > self.patience_seconds


async def with_retries(
    call: Callable[[], Awaitable[T]],
    policy: RetryPolicy,
    clock: Clock,
    random: Random,
    on_retry: Callable[[ProducerError], None] | None = None,
) -> T:
    """Await `call` until it succeeds or its error is final; `on_retry` hears of each error that is retried."""
    attempt = 0
    while True:
        attempt += 1
        try:
            return await call()
        except ProducerError as error:
            if policy.is_final(attempt, error):
                raise
            delay = policy.delay(attempt, error, random)
            who = f"{error.source}: " if error.source else ""
            logger.warning("%sattempt %d failed, next in %.1f s: %s", who, attempt, delay, error.message)
            if on_retry:
                on_retry(error)
        await clock.sleep(delay)
