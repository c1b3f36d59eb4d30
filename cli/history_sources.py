"""Which provider of the past a backfill asks: the one that is named, or all that there are keys for, in turn."""

import os
from collections.abc import Mapping

from cli.errors import CliError
from cli.settings import is_offline
from producer.clock import SystemClock
from producer.providers import Surroundings, history_chain
from producer.settings import SYMBOLS, NetworkSettings, ProviderKeys
from producer.source import HistorySource
from producer.sources.simulated import SimulatedSource


def history_source(name: str, environment: Mapping[str, str] = os.environ) -> HistorySource:
    """Return the provider of that name; `auto` chains those that need no key or have one in the environment."""
    clock = SystemClock()
    if name == "simulated":
        return SimulatedSource(clock)
    network = NetworkSettings(offline=is_offline(environment))
    if name == "auto" and network.offline:
        raise CliError("TICKHOUSE_OFFLINE is set: no provider can be asked", hint="unset it, or --source simulated")
    given = Surroundings(SYMBOLS, ProviderKeys.from_variables(environment), clock, network)
    return history_chain(given, () if name == "auto" else (name,))
