"""Chains by name and by the keys that are known."""

import pytest

from producer.errors import BadData, NotEntitled, Offline
from producer.providers import HISTORY_PROVIDERS, LIVE_PROVIDERS, Surroundings, history_chain, live_chain
from producer.settings import SYMBOLS, NetworkSettings, ProviderKeys
from tests.producer.clock import ManualClock

ALL = ProviderKeys.from_variables(
    {
        f"TICKHOUSE_{name}": "key"
        for name in ("ALPACA_KEY", "ALPACA_SECRET", "FINNHUB_KEY", "TIINGO_KEY", "ALPHA_VANTAGE_KEY", "TWELVE_DATA_KEY")
    }
)


def given(keys: ProviderKeys, *, offline: bool = False) -> Surroundings:
    return Surroundings(SYMBOLS, keys, ManualClock(), NetworkSettings(offline=offline))


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
    assert live.name == "yahoo+alpaca+finnhub"
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


def test_offline_there_is_no_chain() -> None:
    with pytest.raises(Offline):
        live_chain(given(ALL, offline=True))
