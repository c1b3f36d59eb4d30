"""Which sessions an Eventhouse has bars of, and which it lacks."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import assert_never

from kql.client import Eventhouse
from producer.landing import BAR_LENGTHS, utc
from producer.market_time import Session, TradingDates
from producer.model import BarKind
from producer.sources.bars import label_of
from producer.sources.facts import whole

_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
# Sessions open and close on the half hour in UTC, whatever New York's clocks show.
_SLOT = timedelta(minutes=30)

_HELD = """declare query_parameters(
    _symbol: string, _from: datetime, _to: datetime, _slot: timespan, _source: string, _simulated: bool);
HeldBars(_symbol, {interval}, _from, _to, _slot, _source, _simulated)"""


@dataclass(frozen=True, slots=True)
class CoverageRequest:
    """What should be there: bars of these symbols on the trading dates from `first` to `last`, both included.

    `source` counts the statements of one provider only; without it those of all real ones count, or the simulated
    ones where `simulated` says so. A session may lack `minutes_allowed` minutes: not every minute has a trade.
    """

    symbols: Sequence[str]
    interval: BarKind
    first: date
    last: date
    source: str = ""
    simulated: bool = False
    minutes_allowed: int = 5


@dataclass(frozen=True, slots=True)
class Gap:
    """Sessions of a symbol that are missing, or not complete: `sessions` of them from `first` to `last`."""

    symbol: str
    interval: BarKind
    first: Session
    last: Session
    sessions: int

    @property
    def start(self) -> datetime:
        """Where a provider is asked from."""
        return label_of(self.first.date) if self.interval == "daily" else self.first.opens_at

    @property
    def end(self) -> datetime:
        """Where a provider is asked to, exclusive; the minute after the bell holds the closing auction."""
        return label_of(self.last.date) + _DAY if self.interval == "daily" else self.last.closes_at + _MINUTE

    def __str__(self) -> str:
        days = f"{self.first.date}" if self.first == self.last else f"{self.first.date} to {self.last.date}"
        return f"{self.symbol} {self.interval} {days}"


async def missing_sessions(
    eventhouse: Eventhouse, request: CoverageRequest, dates: TradingDates, now: datetime
) -> tuple[Gap, ...]:
    """Return runs of sessions that lack bars, by symbol.

    A day is due when it is settled, a minute when it is over.
    """
    # Beyond tomorrow there are no sessions to look at, nor, one day, a calendar.
    last = min(request.last, now.date() + _DAY)
    sessions = [each for each in dates.sessions(request.first, last) if _due(request.interval, each, dates, now)]
    gaps: list[Gap] = []
    for symbol in request.symbols if sessions else ():
        held = await _held(eventhouse, request, symbol, sessions)
        missing = [(number, each) for number, each in enumerate(sessions) if _lacks(request, each, held, now)]
        gaps += _runs(symbol, request.interval, missing)
    return tuple(gaps)


def split_gaps(gaps: Iterable[Gap], dates: TradingDates, most_sessions: int) -> Iterator[Gap]:
    """Cut gaps into pieces of so many sessions, and join those of a symbol that fit into one piece.

    A request for a range costs the same whether some of it is there already, and a piece is stored when it is here.
    """
    for (symbol, interval), group in groupby(gaps, key=lambda gap: (gap.symbol, gap.interval)):
        own = list(group)
        wanted = [each for gap in own for each in dates.sessions(gap.first.date, gap.last.date)]
        numbers = {each.date: number for number, each in enumerate(dates.sessions(wanted[0].date, wanted[-1].date))}
        piece: list[Session] = []
        for session in wanted:
            if piece and numbers[session.date] - numbers[piece[0].date] >= most_sessions:
                yield Gap(symbol, interval, piece[0], piece[-1], len(piece))
                piece = []
            piece.append(session)
        yield Gap(symbol, interval, piece[0], piece[-1], len(piece))


def _due(interval: BarKind, session: Session, dates: TradingDates, now: datetime) -> bool:
    match interval:
        case "daily":
            return dates.is_settled(session.date, now)
        case "intraday":
            return session.opens_at + _MINUTE <= now
        case _:
            assert_never(interval)


async def _held(
    eventhouse: Eventhouse, request: CoverageRequest, symbol: str, sessions: Sequence[Session]
) -> Counter[datetime]:
    """The number of bars by half hour, or by date at 00:00Z."""
    answer = await eventhouse.query(
        _HELD.format(interval=BAR_LENGTHS[request.interval]),
        parameters={
            "_symbol": symbol,
            "_from": label_of(sessions[0].date),
            "_to": sessions[-1].closes_at + _DAY,
            "_slot": _DAY if request.interval == "daily" else _SLOT,
            "_source": request.source,
            "_simulated": request.simulated,
        },
    )
    return Counter({utc(slot): whole(bars) for slot, bars in answer.rows()})


def _lacks(request: CoverageRequest, session: Session, held: Counter[datetime], now: datetime) -> bool:
    if request.interval == "daily":
        return not held[label_of(session.date)]
    end = min(session.closes_at, now)
    minutes = 0
    slot = session.opens_at
    while slot < end:
        minutes += min(held[slot], _SLOT // _MINUTE)
        slot += _SLOT
    return minutes < (end - session.opens_at) // _MINUTE - request.minutes_allowed


def _runs(symbol: str, interval: BarKind, missing: Sequence[tuple[int, Session]]) -> Iterator[Gap]:
    # Sessions that follow each other have the same distance to their place in the list of missing ones.
    for _, group in groupby(enumerate(missing), key=lambda each: each[1][0] - each[0]):
        run = [session for _, (_, session) in group]
        yield Gap(symbol, interval, run[0], run[-1], len(run))
