"""Which live sources a run takes: by name, in a chain, or those that answer; the providers are local servers."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from cli.composition.sources import LiveSource, choose_source, chosen_symbols
from cli.errors import CliError
from producer.errors import NotEntitled
from producer.sources.simulated.source import SimulatedSource
from tests.cli.test_producer import until
from tests.companies import KNOWN, UNKNOWN
from tests.end_to_end.platform import free_port, offline_environment, running
from tests.producer.local_provider import Asked, LocalProvider, Said, providing, yahoo_chart

ALPACA = {"TICKHOUSE_ALPACA_KEY": "key", "TICKHOUSE_ALPACA_SECRET": "secret"}
NOWHERE = "http://127.0.0.1:1"


def now() -> datetime:
    return datetime.now(UTC)


def everyone(asked: Asked) -> Said:
    """Answer as Yahoo, Alpaca or Finnhub."""
    match asked.path.split("/"):
        case ["", "v8", *_]:
            return yahoo_chart(asked, now())
        case ["", "v2", *_]:
            at = f"{now():%Y}-01-05T05:00:00Z"
            return Said({"bars": {"AAPL": [dict.fromkeys("ohlcv", 1.0) | {"t": at}]}, "next_page_token": None})
        case _:
            return Said(dict.fromkeys(("c", "h", "l", "o", "pc"), 1.0) | {"t": int(now().timestamp())})


@pytest.fixture
def provider() -> Iterator[LocalProvider]:
    with providing(everyone) as running:
        yield running


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("TICKHOUSE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TICKHOUSE_OFFLINE", "1")


def set_variables(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


async def chosen(names: str) -> tuple[LiveSource, str]:
    shown = io.StringIO()
    source = await choose_source(names, Console(file=shown, width=200), 5.0)
    assert source is not None
    await source.close()
    return source, shown.getvalue()


async def test_auto_takes_yahoo_where_it_answers(provider: LocalProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, TICKHOUSE_YAHOO_URL=provider.url, TICKHOUSE_YAHOO_STREAM_URL="ws://127.0.0.1:1")
    source, said = await chosen("auto")
    assert (source.name, source.is_simulated, said) == ("yahoo", False, "")
    assert source.history
    assert source.history.capabilities == {"daily", "intraday", "actions"}
    assert source.quotes is not None


async def test_auto_adds_those_that_there_are_keys_for_and_says_who_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def but_finnhub(asked: Asked) -> Said:
        return Said({"error": "Invalid API key"}, 401) if asked.path.startswith("/api") else everyone(asked)

    with providing(but_finnhub) as provider:
        set_variables(monkeypatch, **ALPACA, TICKHOUSE_FINNHUB_KEY="s3cr3t-key", TICKHOUSE_FINNHUB_URL=provider.url)
        set_variables(monkeypatch, TICKHOUSE_ALPACA_URL=provider.url, TICKHOUSE_YAHOO_URL=provider.url)
        for name in ("YAHOO", "ALPACA", "FINNHUB"):
            monkeypatch.setenv(f"TICKHOUSE_{name}_STREAM_URL", "ws://127.0.0.1:1")
        source, said = await chosen("auto")
    assert source.name == "yahoo+alpaca"
    assert said.startswith("Finnhub is out of reach (")
    assert said.endswith("): going without it.\n")
    assert "s3cr3t" not in said
    assert {asked.headers.get("APCA-API-KEY-ID") for asked in provider.asked} == {None, "key"}


async def test_auto_ends_with_the_simulated_market(monkeypatch: pytest.MonkeyPatch) -> None:
    source, said = await chosen("auto")
    assert isinstance(source.trades, SimulatedSource)
    assert said == "Yahoo is out of reach (the network is switched off): using simulated prices.\n"
    monkeypatch.setenv("TICKHOUSE_YAHOO_URL", NOWHERE)
    monkeypatch.setattr("cli.composition.sources.PROBE_SECONDS", 0.05)
    _, said = await chosen("auto")
    assert "Yahoo is out of reach (no answer in " in said


async def test_names_form_a_chain_in_their_order(provider: LocalProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, **ALPACA, TICKHOUSE_ALPACA_URL=provider.url, TICKHOUSE_YAHOO_URL=provider.url)
    monkeypatch.setenv("TICKHOUSE_ALPACA_STREAM_URL", "ws://127.0.0.1:1")
    source, _ = await chosen("alpaca, yahoo")
    assert source.name == "alpaca+yahoo"
    assert [each.name for each in source.history._sources] == ["alpaca", "yahoo"]  # type: ignore[union-attr]  # a chain
    only, _ = await chosen("alpaca")
    assert only.quotes is None, "its prints have ids of their own"


async def test_a_wrong_key_of_a_named_source_is_known_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with providing(lambda _: Said({"message": "forbidden."}, 403)) as refusing:
        set_variables(monkeypatch, **ALPACA, TICKHOUSE_ALPACA_URL=refusing.url)
        monkeypatch.setenv("TICKHOUSE_ALPACA_STREAM_URL", "ws://127.0.0.1:1")
        with pytest.raises(NotEntitled, match="check TICKHOUSE_ALPACA_KEY"):
            await chosen("alpaca")


async def test_a_named_source_that_is_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    # What a provider says is shown as it is, whatever brackets it has.
    with providing(lambda _: Said("no [/market] today", 418)) as busy:
        monkeypatch.setenv("TICKHOUSE_YAHOO_URL", busy.url)
        source, said = await chosen("yahoo")
    assert source.name == "yahoo"
    assert said == "Yahoo does not answer (HTTP 418: no [/market] today): it is asked again.\n"


async def test_finnhub_tells_no_past(provider: LocalProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, TICKHOUSE_FINNHUB_KEY="key", TICKHOUSE_FINNHUB_STREAM_URL="ws://127.0.0.1:1")
    monkeypatch.setenv("TICKHOUSE_FINNHUB_URL", provider.url)
    source, _ = await chosen("finnhub")
    assert source.history is None


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("nasdaq", "no source is named 'nasdaq'"),
        ("", "no source is named ''"),
        ("auto,yahoo", "the source 'auto' stands alone"),
        ("yahoo,simulated", "the source 'simulated' stands alone"),
        ("yahoo,yahoo", "names a source twice"),
    ],
)
async def test_a_chain_that_cannot_be_is_refused(names: str, said: str) -> None:
    with pytest.raises(CliError, match=said):
        await chosen(names)


async def test_a_named_source_without_key_is_refused() -> None:
    with pytest.raises(NotEntitled, match="set TICKHOUSE_FINNHUB_KEY"):
        await chosen("finnhub")


def test_symbols_are_named_by_symbol_or_alias() -> None:
    assert chosen_symbols(None) == KNOWN
    assert chosen_symbols("google, aapl,GOOGL") == ("GOOGL", "AAPL")
    with pytest.raises(CliError, match=f"no company is known as '{UNKNOWN}'"):
        chosen_symbols(f"AAPL,{UNKNOWN}")


async def test_the_simulated_market_trades_the_symbols_asked_for() -> None:
    source = await choose_source("simulated", Console(file=io.StringIO()), 50.0, ("NVDA",))
    assert source is not None
    async with aclosing(source.trades.trades()) as trades:
        assert (await anext(trades)).symbol == "NVDA"


def variables(provider: LocalProvider) -> dict[str, str]:
    return {
        "TICKHOUSE_YAHOO_URL": provider.url,
        "TICKHOUSE_YAHOO_STREAM_URL": f"ws://127.0.0.1:{free_port()}",
    }


@pytest.mark.slow
def test_up_takes_the_history_of_the_provider_that_answers(
    provider: LocalProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    inherited = offline_environment() | variables(provider)
    monkeypatch.setattr("tests.end_to_end.platform.offline_environment", lambda: inherited)
    sources = "DailyBars | summarize Sources = strcat_array(make_set(Source), ',') by Symbol"
    with running(data, "--source", "auto", "--symbols", "AAPL") as platform:
        assert platform.process.poll() is None
        until(lambda: bool(platform.rows(sources)), "taking the history")
        assert platform.rows(sources) == [["AAPL", "yahoo"]]
    assert "Source      yahoo" in (tmp_path / "data.log").read_text()
    assert {asked.path.rpartition("/")[2] for asked in provider.asked} == {"AAPL"}


@pytest.mark.slow
def test_a_producer_of_counted_volumes_says_what_a_second_one_needs(provider: LocalProvider, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cli", "producer", "run", "--source", "yahoo", "--data", str(tmp_path / "data")]
    with subprocess.Popen(
        command, env=offline_environment() | variables(provider), stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        said = [process.stderr.readline() for _ in range(2)]
        until((tmp_path / "data" / "producer.json").exists, "starting")
        process.terminate()
        process.communicate(timeout=60)
    assert said[0].startswith("yahoo → eventhouse")
    assert "needs --lease" in said[1]
    assert process.returncode == 0
