"""A source that plays a list, and a sink that keeps what it is sent or fails as told."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from producer.errors import ProducerError
from producer.model import Trade
from tests.producer.clock import START, ManualClock

Script = Sequence[Trade | float | ProducerError]


def make_trade(number: int, symbol: str = "AAPL") -> Trade:
    return Trade(f"e{number:03}", symbol, START, 100.0 + number, 1.0, "SIM", "simulated", START)


class ScriptedSource:
    """Plays a list: trades are yielded, numbers slept, errors raised (and not met again)."""

    name = "script"

    def __init__(self, clock: ManualClock, script: Script) -> None:
        self._clock = clock
        self._script = list(script)
        self.taken = 0

    async def trades(self) -> AsyncGenerator[Trade, None]:
        while self._script:
            match self._script.pop(0):
                case Trade() as trade:
                    self.taken += 1
                    yield trade
                case ProducerError() as error:
                    raise error
                case seconds:
                    await self._clock.sleep(float(seconds))

    async def close(self) -> None: ...


class ListSink:
    """Keeps batches; raises the next fault instead, is down while `fault` is set, or waits for `gate`."""

    def __init__(self, faults: Sequence[ProducerError] = ()) -> None:
        self.batches: list[list[str]] = []
        self.payloads: list[bytes] = []
        self.faults = list(faults)
        self.fault: ProducerError | None = None
        self.gate: asyncio.Event | None = None

    @property
    def events(self) -> list[str]:
        return [event for batch in self.batches for event in batch]

    async def send(self, trades: Sequence[Trade], payloads: Sequence[bytes]) -> None:
        if self.gate:
            await self.gate.wait()
        if self.fault:
            raise self.fault
        if self.faults:
            raise self.faults.pop(0)
        self.batches.append([trade.event_id for trade in trades])
        self.payloads += payloads

    async def close(self) -> None: ...
