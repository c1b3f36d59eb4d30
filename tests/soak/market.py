"""The producer's process of the soak: a busy simulated market with some faulty trades, each event logged when sent.

The journal gets every event, on disk, before the sink sees it: what it holds must arrive.
"""

import argparse
import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from cli.composition.delivery import into_hub
from cli.composition.hub import connection_in
from cli.composition.pipelines import pipeline_to
from cli.composition.servers import until_signal_or_end
from producer.clock import SystemClock
from producer.model import Trade
from producer.source import Sink
from producer.sources.simulated.source import SimulatedSettings, SimulatedSource

JOURNAL = "journal.jsonl"
# One trade in so many cannot pass the checks of the database.
FAULTY = 500


class FaultyMarket:
    """The simulated market, in which some trades have a price below zero or a symbol that nobody knows."""

    name = "simulated"

    def __init__(self, trades_per_second: float) -> None:
        self._market = SimulatedSource(SystemClock(), SimulatedSettings(trades_per_second=trades_per_second))

    async def trades(self) -> AsyncGenerator[Trade, None]:
        """Iterate over the market's trades; which of them are faulty follows from their place in their second."""
        async with aclosing(self._market.trades()) as trades:
            async for trade in trades:
                match int(trade.event_id.rpartition(":")[2]) % FAULTY:
                    case 1:
                        yield replace(trade, price=-trade.price)
                    case 2:
                        yield replace(trade, symbol="NOBODY")
                    case _:
                        yield trade

    async def close(self) -> None:
        """Release the market."""
        await self._market.close()


class JournaledSink:
    """Writes every event to the journal, durably, and then to the sink."""

    def __init__(self, sink: Sink, journal: Path) -> None:
        self._sink = sink
        self._journal = journal

    async def send(self, trades: Sequence[Trade], payloads: Sequence[bytes]) -> None:
        await asyncio.to_thread(self._log, payloads)
        await self._sink.send(trades, payloads)

    async def close(self) -> None:
        await self._sink.close()

    def _log(self, payloads: Sequence[bytes]) -> None:
        # A kill may have torn the last line; the line break before each batch keeps it from spoiling the next.
        with self._journal.open("ab") as file:
            file.write(b"\n" + b"\n".join(payloads) + b"\n")
            file.flush()
            os.fdatasync(file.fileno())


async def main(data: Path, trades_per_second: float) -> None:
    """Produce until a signal, then deliver the rest."""
    connection = connection_in()
    if connection is None:
        raise SystemExit("no event hub is known")
    source = FaultyMarket(trades_per_second) if trades_per_second else None
    async with pipeline_to(
        into_hub(connection),
        source or Silence(),
        data,
        Console(stderr=True),
        write_ahead=True,
        watch=lambda sink: JournaledSink(sink, data / JOURNAL),
    ) as pipeline:
        await until_signal_or_end(pipeline.run())


class Silence:
    """A source that ends at once: a run with it delivers what the spool holds."""

    name = "silence"

    async def trades(self) -> AsyncGenerator[Trade, None]:
        """Yield nothing."""
        nothing: tuple[Trade, ...] = ()
        for trade in nothing:
            yield trade

    async def close(self) -> None:
        """Hold nothing open."""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("trades_per_second", type=float)
    arguments = parser.parse_args()
    arguments.data.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(arguments.data, arguments.trades_per_second))
