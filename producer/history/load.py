"""Loading files into the market database: restartable at any point, and the same file twice changes nothing."""

from asyncio import to_thread
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Literal, assert_never

import pyarrow as pa

from kql.reference import Company, load_companies
from producer.clock import Clock
from producer.history.aliases import with_canonical_names
from producer.history.doubts import doubts_of_actions, doubts_of_bars, doubts_of_trades
from producer.history.store import LandingStore, OnProgress
from producer.landing import CORPORATE_ACTIONS, DAILY_BARS, INTRADAY_BARS, TRADES, Landing
from producer.market_time.calendar import load_calendar
from producer.model import BarKind, CorporateAction, History
from producer.sources.files.actions import read_actions
from producer.sources.files.reading import FileOptions, read_bars, read_trades
from producer.sources.files.tabular import within_memory

LoadKind = Literal["daily", "intraday", "trades", "actions"]


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load found and what of it was new to the database; `doubts` say in sentences what may mislead.

    `received_at` stamps the trades of a file, so that those which the database rejects are found.
    """

    rows: int
    written: int
    actions: int = 0
    actions_written: int = 0
    doubts: tuple[str, ...] = ()
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """One file and how to read it."""

    path: Path
    kind: LoadKind
    options: FileOptions = field(default_factory=FileOptions)


async def load_file(
    store: LandingStore, request: LoadRequest, clock: Clock, on_progress: OnProgress | None = None
) -> LoadReport:
    """Read a file whole, then write what is new of it; a file with a fault writes nothing and raises `BadData`.

    Bars are stored under canonical symbols; trades keep theirs, for the database checks and renames those itself.
    """
    with within_memory(request.path):
        return await _load_file(store, request, clock.now(), on_progress)


async def _load_file(
    store: LandingStore, request: LoadRequest, received_at: datetime, on_progress: OnProgress | None
) -> LoadReport:
    match request.kind:
        case "trades":
            trades = await to_thread(read_trades, request.path, request.options, received_at)
            doubts = doubts_of_trades(trades)
            written = await store.write(TRADES, trades, on_progress)
            return LoadReport(trades.num_rows, written, doubts=doubts, received_at=received_at)
        case "daily" | "intraday" as kind:
            content = await to_thread(read_bars, request.path, kind, request.options, received_at)
            companies = load_companies()
            content = with_canonical_names(content, companies)
            doubts = doubts_of_bars(content.bars, kind, _spellings(companies), load_calendar(), received_at)
            report = await _store_bars(store, kind, content.bars, content.actions, on_progress)
            return replace(report, doubts=doubts)
        case "actions":
            actions = await to_thread(read_actions, request.path, request.options, received_at)
            doubts = doubts_of_actions(actions, _spellings(load_companies()), received_at)
            written = await store.write(CORPORATE_ACTIONS, CORPORATE_ACTIONS.rows(actions))
            return LoadReport(len(actions), written, doubts=doubts)
        case _:
            assert_never(request.kind)


def _spellings(companies: tuple[Company, ...]) -> frozenset[str]:
    return frozenset(name for company in companies for name in company.spellings)


async def store_history(
    store: LandingStore, kind: BarKind, history: History, on_progress: OnProgress | None = None
) -> LoadReport:
    """Write a provider's answer, as far as it is new."""
    return await _store_bars(store, kind, _bars_of(kind).rows(history.bars), history.actions, on_progress)


async def _store_bars(
    store: LandingStore,
    kind: BarKind,
    bars: pa.Table,
    actions: tuple[CorporateAction, ...],
    on_progress: OnProgress | None,
) -> LoadReport:
    # Actions go first: raw bars without their splits would look like a crash in the adjusted view.
    actions_written = await store.write(CORPORATE_ACTIONS, CORPORATE_ACTIONS.rows(actions))
    written = await store.write(_bars_of(kind), bars, on_progress)
    return LoadReport(bars.num_rows, written, len(actions), actions_written)


def _bars_of(kind: BarKind) -> Landing:
    return DAILY_BARS if kind == "daily" else INTRADAY_BARS
