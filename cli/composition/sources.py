"""Which source of live prices a run takes, and the rule that simulated and real prices do not share a database."""

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from cli.composition.provider_keys import provider_keys
from cli.errors import CliError
from cli.settings.folders import DEFAULT_DATA, SIMULATED_DATA
from cli.settings.network import is_offline
from kql.client import Eventhouse
from kql.reference import SIMULATED, canonical_symbol, known_symbols
from producer.clock import Clock, SystemClock
from producer.errors import NoData, NoKey, NotEntitled, Offline, ProducerError, Transient
from producer.providers import (
    HISTORY_PROVIDERS,
    LIVE_PROVIDERS,
    Surroundings,
    history_chain,
    live_chain,
    probe,
    provider_of,
)
from producer.redundancy.resume import last_quotes
from producer.settings import NetworkSettings, ProviderUrls
from producer.source import HistorySource, TradeSource
from producer.sources.quotes import QuoteTrades
from producer.sources.simulated.source import SimulatedSettings, SimulatedSource
from producer.sources.yahoo import chart as yahoo_chart

AUTO, NONE = "auto", "none"
PROBE_SECONDS = 10.0
# Volumes start anew with each trading date.
_QUOTES_SINCE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LiveSource:
    """A source of trades, and of their past where its providers tell one.

    `quotes` counts the differences of a day's volume where the source does: it must know where the last run, or
    another producer, left off.
    """

    trades: TradeSource
    history: HistorySource | None
    symbols: Sequence[str]
    quotes: QuoteTrades | None = None

    @property
    def name(self) -> str:
        """How the source is called."""
        return self.trades.name

    @property
    def is_simulated(self) -> bool:
        """Whether the prices are made up."""
        return isinstance(self.trades, SimulatedSource)

    async def go_on(self, eventhouse: Eventhouse, clock: Clock) -> None:
        """Count differences from the last quotes that a database has."""
        if self.quotes is not None:
            since = clock.now() - _QUOTES_SINCE
            self.quotes.resume(await last_quotes(eventhouse, yahoo_chart.SOURCE, since))

    async def close(self) -> None:
        """Close all that was opened for it."""
        await self.trades.close()
        if self.history is not None:
            await self.history.close()


async def choose_source(
    names: str, console: Console, trades_per_second: float, symbols: Sequence[str] | None = None
) -> LiveSource | None:
    """Return the source that the names, with commas between them, stand for; several form a chain.

    `auto` asks the live providers that need no key or have one, and takes those that answer; where none does it says
    so and falls back to the simulation, whose rate is given.
    """
    clock = SystemClock()
    symbols = known_symbols() if symbols is None else symbols
    match tuple(name.strip() for name in names.split(",")):
        case ("none",):
            return None
        case (str(name),) if name == SIMULATED:
            return _simulated(clock, trades_per_second, symbols)
        case ("auto",):
            given = await surroundings(symbols)
            if working := await _working(given, console):
                return _live(given, working, history_chain(given))
            with suppress(Offline):
                await given.yahoo.close()
            return _simulated(clock, trades_per_second, symbols)
        case wanted:
            check_names(wanted, alone=(AUTO, SIMULATED, NONE), chained=LIVE_PROVIDERS)
            given = await surroundings(symbols)
            past = tuple(name for name in dict.fromkeys(map(provider_of, wanted)) if name in HISTORY_PROVIDERS)
            source = _live(given, wanted, history_chain(given, past) if past else None)
            try:
                await _check_keys(wanted, given, console)
            except ProducerError:
                await source.close()
                raise
            return source


async def surroundings(symbols: Sequence[str], environment: Mapping[str, str] = os.environ) -> Surroundings:
    """Return what providers are built with, as the environment says."""
    urls = ProviderUrls.from_variables(environment)
    keys = await provider_keys(environment)
    return Surroundings(symbols, keys, SystemClock(), NetworkSettings(is_offline(environment)), urls)


def chosen_symbols(text: str | None) -> tuple[str, ...]:
    """Return the symbols that names with commas between them stand for, all without a text; aliases are known."""
    if text is None:
        return known_symbols()
    found = [(name.strip(), canonical_symbol(name.strip())) for name in text.split(",")]
    symbols = tuple(dict.fromkeys(symbol for _, symbol in found if symbol))
    if unknown := [name for name, symbol in found if not symbol]:
        raise CliError(f"no company is known as '{unknown[0]}'", hint=f"known are {', '.join(known_symbols())}")
    return symbols


def check_names(wanted: Sequence[str], *, alone: Sequence[str], chained: Iterable[str]) -> None:
    """Refuse names of sources that nobody knows, that stand alone and do not, or that come twice."""
    known = (*alone, *chained)
    for name in wanted:
        if name not in known:
            raise CliError(f"no source is named '{name}'", hint=f"known are {', '.join(known)}")
        if name in alone and len(wanted) > 1:
            raise CliError(f"the source '{name}' stands alone", hint=f"a chain is made of {', '.join(chained)}")
    if len(set(wanted)) < len(wanted):
        raise CliError(f"--source {','.join(wanted)} names a source twice")


def _simulated(clock: Clock, trades_per_second: float, symbols: Sequence[str]) -> LiveSource:
    source = SimulatedSource(clock, SimulatedSettings(symbols=tuple(symbols), trades_per_second=trades_per_second))
    return LiveSource(source, source, symbols)


def _live(given: Surroundings, wanted: Sequence[str], history: HistorySource | None) -> LiveSource:
    counts_differences = yahoo_chart.SOURCE in map(provider_of, wanted)
    quotes = given.yahoo_quotes if counts_differences else None
    return LiveSource(live_chain(given, wanted), history, given.symbols, quotes)


async def _check_keys(wanted: Sequence[str], given: Surroundings, console: Console) -> None:
    """Ask the providers that are named, too: a wrong key is to be known now, not when the market opens."""
    providers = tuple(dict.fromkeys(map(provider_of, wanted)))
    for name, error in zip(
        providers, await asyncio.gather(*(_error_of(name, given) for name in providers)), strict=True
    ):
        if isinstance(error, NotEntitled):
            raise error
        if error is not None:
            console.print(f"{name.capitalize()} does not answer ({escape(error.message)}): it is asked again.")


async def _working(given: Surroundings, console: Console) -> list[str]:
    """Ask every live provider at once and return the sources of those that answer, in order of preference."""
    providers = tuple(dict.fromkeys(map(provider_of, LIVE_PROVIDERS)))
    errors = await asyncio.gather(*(_error_of(name, given) for name in providers))
    working = [name for name, error in zip(providers, errors, strict=True) if error is None]
    refusals = [
        f"{name.capitalize()} is out of reach ({escape(error.message)})"
        for name, error in zip(providers, errors, strict=True)
        if error is not None and not isinstance(error, NoKey)
    ]
    if working:
        for refusal in refusals:
            console.print(f"{refusal}: going without it.")
    else:
        console.print(f"{'; '.join(refusals)}: [bold yellow]using simulated prices[/].")
    return [name for name in LIVE_PROVIDERS if provider_of(name) in working]


async def _error_of(provider: str, given: Surroundings) -> ProducerError | None:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await probe(provider, given)
    except NoData:
        return None  # it answered
    except ProducerError as error:
        return error
    except TimeoutError:
        return Transient(f"no answer in {PROBE_SECONDS:.0f} s", source=provider)
    return None


def default_data(source: LiveSource | None) -> Path:
    """Return the folder a source's prices go to when none is named: simulated ones have their own."""
    return SIMULATED_DATA if source is not None and source.is_simulated else DEFAULT_DATA


async def refuse_mixing(eventhouse: Eventhouse, *, simulated: bool) -> None:
    """Refuse to put simulated prices beside real ones, or the other way round."""
    on_record = {str(row[0]) for row in (await eventhouse.query("SourcesOnRecord")).rows()}
    strangers = sorted(name for name in on_record if (name == SIMULATED) is not simulated)
    if strangers:
        kind, other = ("simulated", "real") if simulated else ("real", "simulated")
        raise CliError(
            f"the database holds {other} prices ({', '.join(strangers)}); {kind} ones would mix with them",
            hint="give another folder with --data, or --mix if that is what you want",
        )
