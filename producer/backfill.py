"""What a database needs before live trades make sense: past bars, corporate actions and the trades just before."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from producer.clock import Clock
from producer.errors import ProducerError
from producer.landing import TRADES
from producer.load import store_history
from producer.model import History
from producer.source import HistorySource
from producer.sources.files import BarKind
from producer.store import LandingStore, OnProgress

Fetch = Callable[[str, datetime, datetime], Awaitable[History]]

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

    A symbol that the provider cannot serve is reported and passed over. A provider that refuses or is out of reach is
    reported and asked no more; a database that fails is an error.
    """
    now = clock.now()
    trades = source.recent_trades(settings.trades)
    # Minutes that trades cover must not come twice.
    minutes_end = trades[0].timestamp.replace(second=0, microsecond=0) if trades else now
    written: dict[BarKind, int] = {"daily": 0, "intraday": 0}
    failures = []
    parts: tuple[tuple[BarKind, Fetch, datetime, datetime], ...] = (
        ("daily", source.daily, now - settings.daily, now),
        ("intraday", source.intraday, minutes_end - settings.intraday, minutes_end),
    )
    # Days of all symbols come first: the most for the fewest requests, should the provider refuse.
    for kind, fetch, start, end in parts:
        for symbol in symbols:
            try:
                history = await fetch(symbol, start, end)
            except ProducerError as error:
                logger.warning("no %s history of %s: %s", kind, symbol, error)
                failures.append(f"{symbol} {kind}: {error.message}")
                if error.retryable:
                    break
            else:
                written[kind] += (await store_history(store, kind, history, on_progress)).written
    trades_written = await store.write(TRADES, TRADES.rows(trades), on_progress)
    return BackfillReport(written["daily"], written["intraday"], trades_written, tuple(failures))
