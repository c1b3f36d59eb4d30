"""Which provider of the past a backfill asks: those that are named, or all that there are keys for, in turn."""

from collections.abc import Sequence

from cli.composition.sources import AUTO, check_names, surroundings
from cli.errors import CliError
from kql.reference import SIMULATED
from producer.clock import SystemClock
from producer.errors import Offline
from producer.providers import HISTORY_PROVIDERS, history_chain
from producer.source import HistorySource
from producer.sources.simulated.source import SimulatedSettings, SimulatedSource


async def history_source(names: str, symbols: Sequence[str]) -> HistorySource:
    """Return the provider that a name stands for, or a chain of several with commas between them.

    `auto` chains those that need no key or have one.
    """
    wanted = tuple(name.strip() for name in names.split(","))
    check_names(wanted, alone=(AUTO, SIMULATED), chained=HISTORY_PROVIDERS)
    if wanted == (SIMULATED,):
        return SimulatedSource(SystemClock(), SimulatedSettings(symbols=tuple(symbols)))
    try:
        return history_chain(await surroundings(symbols), () if wanted == (AUTO,) else wanted)
    except Offline as error:
        raise CliError(
            f"TICKHOUSE_OFFLINE is set: the network is switched off, {error.source} cannot be asked",
            hint="unset it, or --source simulated",
        ) from error
