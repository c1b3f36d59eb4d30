"""What a database needs before live trades make sense: past bars, corporate actions and the trades just before."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from producer.clock import Clock
from producer.errors import BadData, NoData, NotEntitled, UnknownSymbol
from producer.landing import TRADES
from producer.load import store_history
from producer.source import HistorySource
from producer.store import LandingStore, OnProgress

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BackfillSettings:
    """How far to look back. Four hundred days hold the 252 trading dates of a year and its warm-up."""

    daily: timedelta = timedelta(days=400)
    intraday: timedelta = timedelta(days=5)
    trades: timedelta = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class BackfillReport:
    """Rows that were new, and what a provider had to say of symbols it could not serve."""

    daily_written: int = 0
    intraday_written: int = 0
    trades_written: int = 0
    failures: tuple[str, ...] = ()


async def backfill(
    store: LandingStore,
    source: HistorySource,
    symbols: Sequence[str],
    clock: Clock,
    settings: BackfillSettings,
    on_progress: OnProgress | None = None,
) -> BackfillReport:
    """Fetch and store the past of every symbol; what the database already holds is left out.

    A symbol that the provider cannot serve is reported and passed over; being rate limited, blocked or offline ends
    the whole of it.
    """
    now = clock.now()
    trades = source.recent_trades(settings.trades)
    # Minutes that trades cover must not come twice.
    minutes_end = trades[0].timestamp.replace(second=0, microsecond=0) if trades else now
    written = {"daily": 0, "intraday": 0}
    failures = []
    for symbol in symbols:
        try:
            daily = await source.daily(symbol, now - settings.daily, now)
            written["daily"] += (await store_history(store, "daily", daily, on_progress)).written
            intraday = await source.intraday(symbol, minutes_end - settings.intraday, minutes_end)
            written["intraday"] += (await store_history(store, "intraday", intraday, on_progress)).written
        except (UnknownSymbol, NoData, NotEntitled, BadData) as error:
            logger.warning("no history of %s: %s", symbol, error)
            failures.append(f"{symbol}: {error.message}")
    trades_written = await store.write(TRADES, TRADES.rows(trades), on_progress)
    return BackfillReport(written["daily"], written["intraday"], trades_written, tuple(failures))
