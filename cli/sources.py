"""Which source of prices a run takes, and the rule that simulated and real prices do not share a database."""

import asyncio
from pathlib import Path

from rich.console import Console

from cli.errors import CliError
from cli.eventhouses import DEFAULT_DATA, SIMULATED_DATA
from cli.settings import is_offline
from kql.client import Eventhouse
from producer.clock import SystemClock
from producer.errors import ProducerError
from producer.settings import SYMBOLS, NetworkSettings
from producer.sources.simulated import SOURCE as SIMULATED
from producer.sources.simulated import SimulatedSettings, SimulatedSource
from producer.sources.yahoo import YahooSource

PROBE_SECONDS = 10.0
SOURCES_ON_RECORD = """
union (LatestTrade | project Source), (IntradayCoverage | project Source), (DailyBars | distinct Source)
| distinct Source
"""

Source = YahooSource | SimulatedSource


async def choose_source(name: str, console: Console, trades_per_second: float) -> Source | None:
    """Return the source of that name; `auto` tries Yahoo, says what came of it and falls back to the simulation.

    The rate is that of the simulated market.
    """
    simulation = SimulatedSettings(trades_per_second=trades_per_second)
    clock = SystemClock()
    network = NetworkSettings(offline=is_offline())
    match name:
        case "none":
            return None
        case "simulated":
            return SimulatedSource(clock, simulation)
        case "yahoo":
            return YahooSource(SYMBOLS, clock, network)
        case _:
            try:
                return await _reachable_yahoo(clock, network)
            except (ProducerError, TimeoutError) as error:
                reason = error.message if isinstance(error, ProducerError) else f"no answer in {PROBE_SECONDS:.0f} s"
                console.print(f"Yahoo is out of reach ({reason}): [bold yellow]using simulated prices[/].")
                return SimulatedSource(clock, simulation)


async def _reachable_yahoo(clock: SystemClock, network: NetworkSettings) -> YahooSource:
    source = YahooSource(SYMBOLS, clock, network)
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await source.quote(SYMBOLS[0])
    except BaseException:
        await source.close()
        raise
    return source


def default_data(source: Source | None) -> Path:
    """Return the folder a source's prices go to when none is named: simulated ones have their own."""
    return SIMULATED_DATA if isinstance(source, SimulatedSource) else DEFAULT_DATA


async def refuse_mixing(eventhouse: Eventhouse, *, simulated: bool) -> None:
    """Refuse to put simulated prices beside real ones, or the other way round."""
    on_record = {str(row[0]) for row in (await eventhouse.query(SOURCES_ON_RECORD)).rows()}
    strangers = sorted(name for name in on_record if (name == SIMULATED) is not simulated)
    if strangers:
        kind, other = ("simulated", "real") if simulated else ("real", "simulated")
        raise CliError(
            f"the database holds {other} prices ({', '.join(strangers)}); {kind} ones would mix with them",
            hint="give another folder with --data, or --mix if that is what you want",
        )
