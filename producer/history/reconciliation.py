"""What a database says of a range of bars once it is filled: double statements, providers that differ, and splits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from emulator.result import ResultTable
from kql.client import Eventhouse, ParameterValue
from producer.landing import BAR_LENGTHS, utc
from producer.model import BarKind
from producer.sources.bars import label_of
from producer.sources.facts import whole

_DAY = timedelta(days=1)
_RANGE = "declare query_parameters(_symbol: string, _from: datetime, _to: datetime"
_DUPLICATES = _RANGE + "); DuplicateBars(_symbol, {interval}, _from, _to) | project Source, Bars, Surplus"
_DISPUTES = (
    _RANGE
    + ", _column: string, _tolerance: real); DisputedBars(_symbol, {interval}, _from, _to, _column, _tolerance)"
    + " | project Timestamp, Low, Lower, High, Higher"
)
_SPLITS = _RANGE + "); StatedSplits(_symbol, _from, _to) | project ExDate, Value, Source"
_JUMPS = _RANGE + "); PriceJumps(_symbol, _from, _to) | project Timestamp, Ratio, Source"


@dataclass(frozen=True, slots=True)
class Tolerances:
    """From which relative difference on providers disagree; their volumes count different prints."""

    close: float = 0.001
    volume: float = 0.05


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Bars that a source stated more than once in the same words; views count them once."""

    symbol: str
    source: str
    bars: int
    surplus: int


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two sources that state different values of the same bar: the lowest and the highest of all."""

    symbol: str
    timestamp: datetime
    column: str
    low: float
    low_source: str
    high: float
    high_source: str


@dataclass(frozen=True, slots=True)
class Split:
    """A split and who states which ratio of it; more than one ratio is a disagreement of its own."""

    symbol: str
    ex_date: date
    ratios: tuple[tuple[str, float], ...]

    @property
    def is_disputed(self) -> bool:
        """Whether the sources state different ratios."""
        return len({ratio for _, ratio in self.ratios}) > 1


@dataclass(frozen=True, slots=True)
class SuspectedSplit:
    """A jump between two sessions as only splits make them, without a split on record for that date."""

    symbol: str
    ex_date: date
    ratio: float
    source: str


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What was found."""

    duplicates: tuple[Duplicate, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    splits: tuple[Split, ...] = ()
    suspected_splits: tuple[SuspectedSplit, ...] = ()


async def reconcile(
    eventhouse: Eventhouse,
    symbols: Sequence[str],
    interval: BarKind,
    first: date,
    last: date,
    tolerances: Tolerances | None = None,
) -> Reconciliation:
    """Look through the bars of the trading dates from `first` to `last`, both included."""
    tolerances = tolerances or Tolerances()
    length = BAR_LENGTHS[interval]
    # One-minute volumes differ with the prints a feed carries: only those of days are compared.
    columns = {"Close": tolerances.close} | ({"Volume": tolerances.volume} if interval == "daily" else {})
    duplicates: list[Duplicate] = []
    disagreements: list[Disagreement] = []
    splits: list[Split] = []
    suspected: list[SuspectedSplit] = []
    for symbol in symbols:
        asked = _Asked(eventhouse, symbol, label_of(first), label_of(last) + _DAY)
        for source, bars, surplus in (await asked.answer(_DUPLICATES.format(interval=length))).rows():
            duplicates.append(Duplicate(symbol, str(source), whole(bars), whole(surplus)))
        for column, tolerance in columns.items():
            disputes = await asked.answer(_DISPUTES.format(interval=length), _column=column, _tolerance=tolerance)
            for at, low, lower, high, higher in disputes.rows():
                disagreements.append(
                    Disagreement(symbol, utc(at), column, _real(low), str(lower), _real(high), str(higher))
                )
        recorded = _splits(symbol, await asked.answer(_SPLITS))
        splits += recorded
        known = {split.ex_date for split in recorded}
        for at, ratio, source in (await asked.answer(_JUMPS)).rows():
            if (day := utc(at).date()) not in known:
                suspected.append(SuspectedSplit(symbol, day, _real(ratio), str(source)))
    return Reconciliation(tuple(duplicates), tuple(disagreements), tuple(splits), tuple(suspected))


@dataclass(frozen=True, slots=True)
class _Asked:
    eventhouse: Eventhouse
    symbol: str
    start: datetime
    end: datetime

    async def answer(self, query: str, **more: ParameterValue) -> ResultTable:
        parameters: dict[str, ParameterValue] = {"_symbol": self.symbol, "_from": self.start, "_to": self.end}
        return await self.eventhouse.query(query, parameters=parameters | more)


def _splits(symbol: str, answer: ResultTable) -> list[Split]:
    rows = [(utc(ex_date).date(), str(source), _real(value)) for ex_date, value, source in answer.rows()]
    return [
        Split(symbol, day, tuple((source, ratio) for _, source, ratio in group))
        for day, group in groupby(rows, key=lambda row: row[0])
    ]


def _real(value: object) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return float(value)
