"""The providers by name, in order of preference, and the chains that are built of those a key is known for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from producer.clock import Clock
from producer.errors import BadData, NotEntitled
from producer.market_time import MarketCalendar, load_calendar
from producer.quotes import QuoteTrades
from producer.settings import NetworkSettings, ProviderKeys, require_key
from producer.source import HistorySource, TradeSource
from producer.sources import alpaca, alpha_vantage, finnhub, tiingo, twelve_data, yahoo_chart
from producer.sources.alpaca import AlpacaHistory
from producer.sources.alpaca_stream import AlpacaStream
from producer.sources.alpha_vantage import AlphaVantageHistory
from producer.sources.chain import HistoryChain, TradeChain
from producer.sources.finnhub import FinnhubQuotes
from producer.sources.finnhub_stream import FinnhubStream
from producer.sources.streaming import Dialect, OnUnreadable, StreamingSource
from producer.sources.tiingo import TiingoHistory
from producer.sources.twelve_data import TwelveDataHistory
from producer.sources.yahoo import YahooSource
from producer.sources.yahoo_stream import YahooStream

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every source is built with; Yahoo's stream and its polling count volumes together."""

    symbols: Sequence[str]
    keys: ProviderKeys
    clock: Clock
    network: NetworkSettings
    calendar: MarketCalendar = field(default_factory=load_calendar)
    yahoo_quotes: QuoteTrades = field(default_factory=lambda: QuoteTrades(yahoo_chart.SOURCE))
    on_unreadable: OnUnreadable | None = None


def _tiingo(given: Surroundings) -> HistorySource:
    key = require_key(given.keys.tiingo_key, tiingo.SOURCE, "tiingo_key")
    return TiingoHistory(key, given.clock, given.network, calendar=given.calendar)


def _alpaca(given: Surroundings) -> HistorySource:
    key = require_key(given.keys.alpaca_key, alpaca.SOURCE, "alpaca_key")
    secret = require_key(given.keys.alpaca_secret, alpaca.SOURCE, "alpaca_secret")
    return AlpacaHistory(key, secret, given.clock, given.network, calendar=given.calendar)


def _yahoo(given: Surroundings) -> YahooSource:
    return YahooSource(given.symbols, given.clock, given.network, calendar=given.calendar, quotes=given.yahoo_quotes)


def _twelve_data(given: Surroundings) -> HistorySource:
    key = require_key(given.keys.twelve_data_key, twelve_data.SOURCE, "twelve_data_key")
    return TwelveDataHistory(key, given.clock, given.network, calendar=given.calendar)


def _alpha_vantage(given: Surroundings) -> HistorySource:
    key = require_key(given.keys.alpha_vantage_key, alpha_vantage.SOURCE, "alpha_vantage_key")
    return AlphaVantageHistory(key, given.clock, given.network, calendar=given.calendar)


def _yahoo_stream(given: Surroundings) -> TradeSource:
    return _stream(given, YahooStream(given.symbols, quotes=given.yahoo_quotes))


def _alpaca_stream(given: Surroundings) -> TradeSource:
    key = require_key(given.keys.alpaca_key, alpaca.SOURCE, "alpaca_key")
    secret = require_key(given.keys.alpaca_secret, alpaca.SOURCE, "alpaca_secret")
    return _stream(given, AlpacaStream(given.symbols, key, secret))


def _finnhub_stream(given: Surroundings) -> TradeSource:
    key = require_key(given.keys.finnhub_key, finnhub.SOURCE, "finnhub_key")
    return _stream(given, FinnhubStream(given.symbols, key))


def _finnhub_quotes(given: Surroundings) -> TradeSource:
    key = require_key(given.keys.finnhub_key, finnhub.SOURCE, "finnhub_key")
    return FinnhubQuotes(given.symbols, key, given.clock, given.network, calendar=given.calendar)


def _stream(given: Surroundings, dialect: Dialect) -> TradeSource:
    return StreamingSource(
        dialect, given.clock, given.network, calendar=given.calendar, on_unreadable=given.on_unreadable
    )


# Tiingo tells prices and actions in one row, Alpaca the minutes of the whole tape; the rest are fallbacks.
HISTORY_PROVIDERS: Mapping[str, Callable[[Surroundings], HistorySource]] = MappingProxyType(
    {
        "tiingo": _tiingo,
        "alpaca": _alpaca,
        "yahoo": _yahoo,
        "twelvedata": _twelve_data,
        "alphavantage": _alpha_vantage,
    }
)
# Yahoo's volumes are those of the whole tape; the prints of Alpaca and Finnhub are a fortieth of it.
LIVE_PROVIDERS: Mapping[str, Callable[[Surroundings], TradeSource]] = MappingProxyType(
    {
        "yahoo-stream": _yahoo_stream,
        "yahoo": _yahoo,
        "alpaca": _alpaca_stream,
        "finnhub": _finnhub_stream,
        "finnhub-quotes": _finnhub_quotes,
    }
)


def history_chain(given: Surroundings, names: Sequence[str] = ()) -> HistoryChain:
    """Return a chain of the named providers, or of all that a key is known for, in order of preference.

    A name that is not known is `BadData`; a named provider whose key is missing is `NotEntitled`.
    """
    return HistoryChain(_built(HISTORY_PROVIDERS, given, names), given.clock)


def live_chain(given: Surroundings, names: Sequence[str] = ()) -> TradeChain:
    """Return a chain of live sources; names and errors as for `history_chain`."""
    return TradeChain(_built(LIVE_PROVIDERS, given, names), given.clock)


def _built(providers: Mapping[str, Callable[[Surroundings], T]], given: Surroundings, names: Sequence[str]) -> list[T]:
    if unknown := [name for name in names if name not in providers]:
        raise BadData(f"no provider is named {', '.join(unknown)}", hint=f"known are {', '.join(providers)}")
    if names:
        return [providers[name](given) for name in names]
    built = []
    for build in providers.values():
        try:
            built.append(build(given))
        except NotEntitled:
            continue  # no key: the others do without
    return built
