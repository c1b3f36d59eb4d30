"""Quotes asked for again and again, while and only while the market makes prices."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from producer.clock import Clock
from producer.errors import BadData, NoData, ProducerError, UnknownSymbol
from producer.market_time import MarketCalendar
from producer.model import Trade
from producer.sources.quotes import Quote, QuoteTrades

logger = logging.getLogger(__name__)

# A sleeping machine's counters stand still: the wall clock is looked at again.
_LOOK_AGAIN_SECONDS = 300.0


async def until_prices(calendar: MarketCalendar, clock: Clock) -> None:
    """Wait for the next session, unless one or its closing auction is running."""
    while not calendar.makes_prices(now := clock.now()):
        left = (calendar.next_open(now) - now).total_seconds()
        await clock.sleep(min(left, _LOOK_AGAIN_SECONDS))


@dataclass(frozen=True, slots=True)
class Polling:
    """Who is asked for what, how often, and when."""

    symbols: Sequence[str]
    ask: Callable[[str], Awaitable[Quote]]
    seconds: float
    clock: Clock
    calendar: MarketCalendar


async def polled_trades(polling: Polling, quotes: QuoteTrades) -> AsyncGenerator[Trade, None]:
    """Ask for every symbol in turn and yield what is new.

    A symbol that the provider does not know is dropped with a warning, an unreadable answer passed over; it is an
    error where no symbol is left, or a whole round brought nothing readable.
    """
    symbols = list(polling.symbols)
    while True:
        await until_prices(polling.calendar, polling.clock)
        answered = False
        failure: ProducerError | None = None
        for symbol in list(symbols):
            try:
                quote = await polling.ask(symbol)
            except (UnknownSymbol, NoData, BadData) as error:
                logger.warning("no quote of %s: %s", symbol, error)
                failure = error
                if isinstance(error, UnknownSymbol):
                    symbols.remove(symbol)
                continue
            answered = True
            if trade := quotes.trade(quote, polling.clock.now()):
                yield trade
        if failure and not answered:
            raise failure
        await polling.clock.sleep(polling.seconds)
