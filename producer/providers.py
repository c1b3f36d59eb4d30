"""The providers by name, in order of preference, and the chains that are built of those a key is known for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from types import MappingProxyType
from typing import TypeVar

from producer.clock import Clock
from producer.errors import BadData, NoKey, Offline
from producer.market_time import MarketCalendar, load_calendar
from producer.settings import NetworkSettings, ProviderKeys, ProviderUrls, require_key
from producer.source import HistorySource, TradeSource
from producer.sources import alpha_vantage, tiingo, twelve_data
from producer.sources.alpaca import history as alpaca
from producer.sources.alpaca import stream as alpaca_stream
from producer.sources.alpaca.history import AlpacaHistory, AlpacaSettings
from producer.sources.alpaca.stream import AlpacaStream
from producer.sources.alpha_vantage import AlphaVantageHistory, AlphaVantageSettings
from producer.sources.chain import HistoryChain, TradeChain
from producer.sources.finnhub import quotes as finnhub
from producer.sources.finnhub import stream as finnhub_stream
from producer.sources.finnhub.quotes import FinnhubQuotes, FinnhubSettings
from producer.sources.finnhub.stream import FinnhubStream
from producer.sources.quotes import QuoteTrades
from producer.sources.streaming import Dialect, OnUnreadable, StreamingSource
from producer.sources.tiingo import TiingoHistory, TiingoSettings
from producer.sources.twelve_data import TwelveDataHistory, TwelveDataSettings
from producer.sources.yahoo import chart as yahoo_chart
from producer.sources.yahoo import stream as yahoo_stream
from producer.sources.yahoo.source import YahooSettings, YahooSource
from producer.sources.yahoo.stream import YahooStream

T = TypeVar("T")
Settings = TypeVar(
    "Settings",
    AlpacaSettings,
    AlphaVantageSettings,
    FinnhubSettings,
    TiingoSettings,
    TwelveDataSettings,
    YahooSettings,
)

_LAST_BARS = timedelta(days=10)


@dataclass(frozen=True)
class Surroundings:
    """What every source is built with; Yahoo's stream and its polling count volumes together."""

    symbols: Sequence[str]
    keys: ProviderKeys
    clock: Clock
    network: NetworkSettings
    urls: ProviderUrls = field(default_factory=ProviderUrls)
    calendar: MarketCalendar = field(default_factory=load_calendar)
    yahoo_quotes: QuoteTrades = field(default_factory=lambda: QuoteTrades(yahoo_chart.SOURCE))
    on_unreadable: OnUnreadable | None = None

    @cached_property
    def yahoo(self) -> YahooSource:
        """One source for past and present: what it is refused by counts for both."""
        settings = _at(YahooSettings(), self.urls.yahoo_url)
        return YahooSource(
            self.symbols, self.clock, self.network, settings, calendar=self.calendar, quotes=self.yahoo_quotes
        )


def _at(settings: Settings, url: str | None) -> Settings:
    return replace(settings, base_url=url) if url else settings


def _tiingo(given: Surroundings) -> TiingoHistory:
    key = require_key(given.keys.tiingo_key, tiingo.SOURCE, "tiingo_key")
    settings = _at(TiingoSettings(), given.urls.tiingo_url)
    return TiingoHistory(key, given.clock, given.network, settings, calendar=given.calendar)


def _alpaca(given: Surroundings) -> AlpacaHistory:
    key = require_key(given.keys.alpaca_key, alpaca.SOURCE, "alpaca_key")
    secret = require_key(given.keys.alpaca_secret, alpaca.SOURCE, "alpaca_secret")
    settings = _at(AlpacaSettings(), given.urls.alpaca_url)
    return AlpacaHistory(key, secret, given.clock, given.network, settings, calendar=given.calendar)


def _yahoo(given: Surroundings) -> YahooSource:
    return given.yahoo


def _twelve_data(given: Surroundings) -> TwelveDataHistory:
    key = require_key(given.keys.twelve_data_key, twelve_data.SOURCE, "twelve_data_key")
    settings = _at(TwelveDataSettings(), given.urls.twelve_data_url)
    return TwelveDataHistory(key, given.clock, given.network, settings, calendar=given.calendar)


def _alpha_vantage(given: Surroundings) -> AlphaVantageHistory:
    key = require_key(given.keys.alpha_vantage_key, alpha_vantage.SOURCE, "alpha_vantage_key")
    settings = _at(AlphaVantageSettings(), given.urls.alpha_vantage_url)
    return AlphaVantageHistory(key, given.clock, given.network, settings, calendar=given.calendar)


def _yahoo_stream(given: Surroundings) -> TradeSource:
    url = given.urls.yahoo_stream_url or yahoo_stream.URL
    return _stream(given, YahooStream(given.symbols, quotes=given.yahoo_quotes, url=url))


def _alpaca_stream(given: Surroundings) -> TradeSource:
    key = require_key(given.keys.alpaca_key, alpaca.SOURCE, "alpaca_key")
    secret = require_key(given.keys.alpaca_secret, alpaca.SOURCE, "alpaca_secret")
    url = given.urls.alpaca_stream_url or alpaca_stream.URL
    return _stream(given, AlpacaStream(given.symbols, key, secret, url=url))


def _finnhub_stream(given: Surroundings) -> TradeSource:
    key = require_key(given.keys.finnhub_key, finnhub.SOURCE, "finnhub_key")
    url = given.urls.finnhub_stream_url or finnhub_stream.URL
    return _stream(given, FinnhubStream(given.symbols, key, url=url))


def _finnhub_quotes(given: Surroundings) -> FinnhubQuotes:
    key = require_key(given.keys.finnhub_key, finnhub.SOURCE, "finnhub_key")
    settings = _at(FinnhubSettings(), given.urls.finnhub_url)
    return FinnhubQuotes(given.symbols, key, given.clock, given.network, settings, calendar=given.calendar)


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


def provider_of(live: str) -> str:
    """Return the provider of a live source: `yahoo-stream` is of `yahoo`."""
    return live.partition("-")[0]


async def probe(provider: str, given: Surroundings) -> None:
    """Ask the provider of a live source for one small thing, or raise the `ProducerError` that it refuses with."""
    symbol = given.symbols[0]
    match provider:
        case yahoo_chart.SOURCE:
            await given.yahoo.quote(symbol)
        case finnhub.SOURCE:
            quotes = _finnhub_quotes(given)
            try:
                await quotes.quote(symbol)
            finally:
                await quotes.close()
        case alpaca.SOURCE:
            now = given.clock.now()
            past = _alpaca(given)
            try:
                await past.daily(symbol, now - _LAST_BARS, now)
            finally:
                await past.close()
        case _:
            raise BadData(f"no live provider is named {provider}")


def history_chain(given: Surroundings, names: Sequence[str] = ()) -> HistoryChain:
    """Return a chain of the named providers, or of all that a key is known for, in order of preference.

    A name that is not known is `BadData`; a named provider whose key is missing is `NoKey`.
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
    built: list[T] = []
    offline: Offline | None = None
    for build in providers.values():
        try:
            built.append(build(given))
        except NoKey:
            continue  # the others do without
        except Offline as error:
            offline = error
    if not built and offline:
        raise offline
    return built
