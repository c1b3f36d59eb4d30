"""Chains by name and by the keys that are known."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields

import pytest

from producer.errors import BadData, NotEntitled, Offline
from producer.providers import (
    HISTORY_PROVIDERS,
    LIVE_PROVIDERS,
    Surroundings,
    history_chain,
    live_chain,
    probe,
    provider_of,
)
from producer.secret import Secret
from producer.settings import NetworkSettings, ProviderKeys, ProviderUrls, variable_of
from producer.source import HistorySource, TradeSource
from tests.companies import KNOWN
from tests.producer.clock import ManualClock

ALL = ProviderKeys.from_variables({variable_of(field.name): "key" for field in fields(ProviderKeys)})


def given(keys: ProviderKeys, *, offline: bool = False) -> Surroundings:
    return Surroundings(KNOWN, keys, ManualClock(), NetworkSettings(offline=offline))


async def test_without_keys_there_is_yahoo() -> None:
    history, live = history_chain(given(ProviderKeys())), live_chain(given(ProviderKeys()))
    assert history.capabilities == {"daily", "intraday", "actions"}
    assert [source.name for source in history._sources] == ["yahoo"]
    assert live.name == "yahoo"
    await history.close()
    await live.close()


async def test_with_all_keys_all_providers_are_there_in_order() -> None:
    history, live = history_chain(given(ALL)), live_chain(given(ALL))
    assert [source.name for source in history._sources] == list(HISTORY_PROVIDERS)
    assert live.name == "+".join(dict.fromkeys(map(provider_of, LIVE_PROVIDERS)))
    assert len(live._sources) == len(LIVE_PROVIDERS)
    await history.close()
    await live.close()


async def test_providers_can_be_named() -> None:
    live = live_chain(given(ALL), ["finnhub", "yahoo"])
    assert live.name == "finnhub+yahoo"
    await live.close()


def test_a_name_without_key_or_meaning_is_an_error() -> None:
    with pytest.raises(NotEntitled, match="set TICKHOUSE_FINNHUB_KEY"):
        live_chain(given(ProviderKeys()), ["finnhub"])
    with pytest.raises(NotEntitled, match="set TICKHOUSE_ALPACA_SECRET"):
        history_chain(given(ProviderKeys.from_variables({"TICKHOUSE_ALPACA_KEY": "k"})), ["alpaca"])
    with pytest.raises(BadData, match="no provider is named stooq\nhint: known are tiingo, alpaca"):
        history_chain(given(ALL), ["stooq"])
    assert "stooq" not in LIVE_PROVIDERS


async def test_offline_a_provider_on_this_machine_is_asked() -> None:
    urls = ProviderUrls(tiingo_url="http://127.0.0.1:1")
    keys = ProviderKeys(tiingo_key=Secret("key"))
    surroundings = Surroundings(KNOWN, keys, ManualClock(), NetworkSettings(offline=True), urls)
    chain = history_chain(surroundings)
    assert [source.name for source in chain._sources] == ["tiingo"], "the others are elsewhere"
    await chain.close()


def test_addresses_come_from_variables() -> None:
    urls = ProviderUrls.from_variables(
        {"TICKHOUSE_ALPACA_STREAM_URL": "wss://stream.data.sandbox.alpaca.markets/v2/iex", "TICKHOUSE_YAHOO_URL": ""}
    )
    assert urls == ProviderUrls(alpaca_stream_url="wss://stream.data.sandbox.alpaca.markets/v2/iex")


@pytest.mark.parametrize(
    ("variable", "providers"),
    [
        ("YAHOO_URL", {"yahoo"}),
        ("YAHOO_STREAM_URL", {"yahoo-stream"}),
        ("ALPACA_URL", {"alpaca"}),
        ("ALPACA_STREAM_URL", {"alpaca live"}),
        ("FINNHUB_URL", {"finnhub-quotes"}),
        ("FINNHUB_STREAM_URL", {"finnhub live"}),
        ("TIINGO_URL", {"tiingo"}),
        ("ALPHA_VANTAGE_URL", {"alphavantage"}),
        ("TWELVE_DATA_URL", {"twelvedata"}),
    ],
)
async def test_an_address_moves_its_provider_and_no_other(variable: str, providers: set[str]) -> None:
    # Offline, only what is on this machine is opened.
    scheme = "ws" if "STREAM" in variable else "http"
    urls = ProviderUrls.from_variables({f"TICKHOUSE_{variable}": f"{scheme}://127.0.0.1:1"})
    surroundings = Surroundings(KNOWN, ALL, ManualClock(), NetworkSettings(offline=True), urls)
    live = {f"{name} live" if name in ("alpaca", "finnhub") else name: make for name, make in LIVE_PROVIDERS.items()}
    makers: dict[str, Callable[[Surroundings], HistorySource | TradeSource]] = {**HISTORY_PROVIDERS, **live}
    opened = set()
    for name, make in makers.items():
        with suppress(Offline):
            source = make(surroundings)
            opened.add(name)
            await source.close()
    assert opened == providers


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("TIINGO_URL", "http://gateway.example.com"),
        ("TIINGO_URL", "wss://gateway.example.com"),
        ("FINNHUB_STREAM_URL", "ws://gateway.example.com"),
        ("FINNHUB_STREAM_URL", "https://gateway.example.com"),
        ("YAHOO_URL", "https://"),
        ("YAHOO_URL", "gateway"),
    ],
)
def test_keys_do_not_travel_unencrypted(name: str, url: str) -> None:
    with pytest.raises(BadData, match=f"TICKHOUSE_{name} is no address of the kind"):
        ProviderUrls.from_variables({f"TICKHOUSE_{name}": url})


def test_addresses_hold_no_secrets() -> None:
    with pytest.raises(BadData, match="TICKHOUSE_TIINGO_URL has a user in it"):
        ProviderUrls.from_variables({"TICKHOUSE_TIINGO_URL": "https://me:secret@gateway.example.com"})


@pytest.mark.parametrize("provider", dict.fromkeys(map(provider_of, LIVE_PROVIDERS)))
async def test_every_live_provider_can_be_asked_for_one_small_thing(provider: str) -> None:
    with pytest.raises(Offline):
        await probe(provider, given(ALL, offline=True))


def test_offline_there_is_no_chain() -> None:
    with pytest.raises(Offline):
        live_chain(given(ALL, offline=True))
