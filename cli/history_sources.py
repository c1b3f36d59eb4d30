"""Which provider of the past a backfill asks: the one that is named, or all that there are keys for, in turn."""

import os
from collections.abc import Callable, Mapping

from cli.errors import CliError
from cli.settings import is_offline
from producer.clock import Clock, SystemClock
from producer.errors import NotEntitled
from producer.settings import SYMBOLS, NetworkSettings, ProviderKeys, require_key
from producer.source import HistorySource
from producer.sources.alpaca import AlpacaHistory
from producer.sources.alpha_vantage import AlphaVantageHistory
from producer.sources.chain import HistoryChain
from producer.sources.simulated import SimulatedSource
from producer.sources.tiingo import TiingoHistory
from producer.sources.twelve_data import TwelveDataHistory
from producer.sources.yahoo import YahooSource

Make = Callable[[ProviderKeys, Clock, NetworkSettings], HistorySource]


def _tiingo(keys: ProviderKeys, clock: Clock, network: NetworkSettings) -> HistorySource:
    return TiingoHistory(require_key(keys.tiingo_key, "tiingo", "tiingo_key"), clock, network)


def _alpaca(keys: ProviderKeys, clock: Clock, network: NetworkSettings) -> HistorySource:
    key = require_key(keys.alpaca_key, "alpaca", "alpaca_key")
    return AlpacaHistory(key, require_key(keys.alpaca_secret, "alpaca", "alpaca_secret"), clock, network)


def _yahoo(_: ProviderKeys, clock: Clock, network: NetworkSettings) -> HistorySource:
    return YahooSource(SYMBOLS, clock, network)


def _twelve_data(keys: ProviderKeys, clock: Clock, network: NetworkSettings) -> HistorySource:
    return TwelveDataHistory(require_key(keys.twelve_data_key, "twelve-data", "twelve_data_key"), clock, network)


def _alpha_vantage(keys: ProviderKeys, clock: Clock, network: NetworkSettings) -> HistorySource:
    return AlphaVantageHistory(
        require_key(keys.alpha_vantage_key, "alpha-vantage", "alpha_vantage_key"), clock, network
    )


# In order of preference: raw prices with their actions first, narrow quotas last.
_PROVIDERS: Mapping[str, Make] = {
    "tiingo": _tiingo,
    "alpaca": _alpaca,
    "yahoo": _yahoo,
    "twelve-data": _twelve_data,
    "alpha-vantage": _alpha_vantage,
}


def history_source(name: str, environment: Mapping[str, str] = os.environ) -> HistorySource:
    """Return the provider of that name; `auto` chains those that need no key or have one in the environment."""
    clock, keys = SystemClock(), ProviderKeys.from_variables(environment)
    network = NetworkSettings(offline=is_offline(environment))
    if name == "simulated":
        return SimulatedSource(clock)
    if name != "auto":
        return _PROVIDERS[name](keys, clock, network)
    if network.offline:
        raise CliError("TICKHOUSE_OFFLINE is set: no provider can be asked", hint="unset it, or --source simulated")
    sources = []
    for make in _PROVIDERS.values():
        try:
            sources.append(make(keys, clock, network))
        except NotEntitled:
            continue
    return HistoryChain(sources, clock)
