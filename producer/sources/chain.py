"""Sources in order of preference: the first that can answer does, the next one stands in.

Rows keep the name of the source that told them. A source that refused is left alone for as long as it asked for; one
that knows nothing of a symbol is passed over for that question only.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from producer.clock import Clock
from producer.errors import NoData, NotEntitled, ProducerError, Transient
from producer.model import CorporateAction, History, Trade
from producer.retry import RetryPolicy
from producer.source import Capability, HistorySource, TradeSource

logger = logging.getLogger(__name__)

Ask = Callable[[HistorySource], Awaitable[History]]


@dataclass(slots=True)
class _Standing:
    """How a source has been doing: failures in a row, and until when it is left alone (monotonic seconds)."""

    failures: int = 0
    rests_until: float = float("-inf")


class HistoryChain:
    """A `HistorySource` made of several; what one provider cannot tell, such as actions, another one adds."""

    def __init__(self, sources: Sequence[HistorySource], clock: Clock) -> None:
        self.name = "+".join(source.name for source in sources)
        self._sources = tuple(sources)
        self._clock = clock
        self._rests_until = [float("-inf")] * len(self._sources)
        self.capabilities: frozenset[Capability] = frozenset().union(*(source.capabilities for source in sources))

    async def daily(self, symbol: str, start: datetime, end: datetime) -> History:
        """Return the first answer there is, with the corporate actions of the range from whoever tells them."""
        history, source = await self._first("daily", symbol, lambda source: source.daily(symbol, start, end))
        if "actions" in source.capabilities or "actions" not in self.capabilities:
            return history
        # Raw bars without their splits would look like a crash: no answer is better than half of one.
        return History(history.bars, await self._actions(symbol, start, end))

    async def intraday(self, symbol: str, start: datetime, end: datetime) -> History:
        """Return the first answer there is; actions come with days."""
        history, _ = await self._first("intraday", symbol, lambda source: source.intraday(symbol, start, end))
        return history

    async def actions(self, symbol: str, start: datetime, end: datetime) -> tuple[CorporateAction, ...]:
        """Return the splits and dividends of a range from the first source that tells them, if any does."""
        try:
            return await self._actions(symbol, start, end)
        except NoData:
            return ()

    def recent_trades(self, span: timedelta) -> Sequence[Trade]:
        """Return what the first source that keeps recent trades tells."""
        return next((trades for source in self._sources if (trades := source.recent_trades(span))), ())

    async def close(self) -> None:
        """Close every source."""
        for source in self._sources:
            await source.close()

    async def _actions(self, symbol: str, start: datetime, end: datetime) -> tuple[CorporateAction, ...]:
        # Asked by way of the days, for a source that knows none of the range is passed over, as one that refuses.
        history, _ = await self._first("actions", symbol, lambda source: source.daily(symbol, start, end))
        return history.actions

    async def _first(self, capability: Capability, symbol: str, ask: Ask) -> tuple[History, HistorySource]:
        refusals: list[tuple[str, ProducerError]] = []
        for index, source in enumerate(self._sources):
            if capability not in source.capabilities:
                continue
            left = self._rests_until[index] - self._clock.monotonic()
            if left > 0:
                resting = Transient("left alone after a refusal", source=source.name, retry_after=left)
                refusals.append((source.name, resting))
                continue
            try:
                return await ask(source), source
            except ProducerError as error:
                logger.info("no %s of %s: %s", capability, symbol, error)
                refusals.append((source.name, error))
                if error.retry_after is not None:
                    self._rests_until[index] = self._clock.monotonic() + error.retry_after
        raise _summed_up(refusals, capability, symbol)


def _summed_up(refusals: list[tuple[str, ProducerError]], capability: Capability, symbol: str) -> ProducerError:
    """Return one error for those of all sources: one to be retried, with the shortest wait, if any of them is."""
    if not refusals:
        return NotEntitled(f"no source tells {capability} of {symbol}", source="chain")
    *_, (_, last) = refusals
    if len(refusals) == 1:
        return last
    message = "; ".join(f"{name}: {error.message}" for name, error in refusals)
    passing = [error for _, error in refusals if error.retryable]
    if not passing:
        return type(last)(message, source="chain")
    waits = [error.retry_after for error in passing if error.retry_after is not None]
    return Transient(message, source="chain", retry_after=min(waits) if len(waits) == len(passing) else None)


class TradeChain:
    """A `TradeSource` made of several: live trades come from the most preferred one that works.

    A source that fails rests, longer each time, and its place is taken at once; when its rest is over it is tried
    again, even while another one does well. Only when all of them rest does the chain fail, with the shortest wait.
    """

    def __init__(
        self,
        sources: Sequence[TradeSource],
        clock: Clock,
        *,
        policy: RetryPolicy | None = None,
        random: Random | None = None,
    ) -> None:
        self.name = "+".join(dict.fromkeys(source.name for source in sources))
        self._sources = tuple(sources)
        self._clock = clock
        self._policy = policy or RetryPolicy(attempts=None, base_seconds=5.0, cap_seconds=300.0)
        self._random = random or Random()  # noqa: S311 - jitter, not secrets
        self._standings = [_Standing() for _ in sources]

    async def trades(self) -> AsyncGenerator[Trade, None]:
        """Iterate over the trades of whichever source is at work."""
        while True:
            index = self._choice()
            source, standing = self._sources[index], self._standings[index]
            try:
                async with aclosing(source.trades()) as trades:
                    async for trade in trades:
                        standing.failures = 0
                        yield trade
                        if self._choice() < index:
                            logger.info("back to a source preferred to %s", source.name)
                            break
                    else:
                        return
            except ProducerError as error:
                standing.failures += 1
                delay = self._policy.delay(standing.failures, error, self._random)
                if not error.retryable:
                    delay = max(delay, self._policy.cap_seconds)
                standing.rests_until = self._clock.monotonic() + delay
                logger.warning("%s failed and rests for %.1f s: %s", source.name, delay, error)
                if len(self._sources) == 1:
                    raise

    async def close(self) -> None:
        """Close every source."""
        for source in self._sources:
            await source.close()

    def _choice(self) -> int:
        now = self._clock.monotonic()
        for index, standing in enumerate(self._standings):
            if standing.rests_until <= now:
                return index
        left = min(standing.rests_until for standing in self._standings) - now
        raise Transient("every source rests after a failure", source=self.name, retry_after=left)
