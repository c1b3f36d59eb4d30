"""Files of splits and dividends, and factor tables of LEAN (QuantConnect), from which splits are read.

A factor table says what prices up to a date are multiplied by; where its split factor changes, a split happened on the
next trading date. Its price factors mix dividends with prices that are not in the table, so no dividends are read.
"""

from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from producer.errors import BadData
from producer.model import CorporateAction
from producer.sources.files.reading import FileOptions
from producer.sources.files.tabular import Columns, read_table

# Factor tables have six significant digits.
_TOLERANCE = 1e-4
_SIMPLE_DENOMINATOR = 20
_FRIDAY = 4


def read_actions(path: Path, options: FileOptions, received_at: datetime) -> tuple[CorporateAction, ...]:
    """Read the corporate actions of a file, by symbol and date."""
    columns = Columns(path, read_table(path))
    symbols = [symbol.upper() for symbol in columns.texts(columns.require("symbol", "symbol", "ticker")).to_pylist()]
    days = [day.date() for day in columns.dates(columns.require("date", "ex_date", "date")).to_pylist()]
    source = options.source_of(path)
    if (factor := columns.find("split_factor")) is not None:
        factors = columns.numbers(factor).to_pylist()
        rows = sorted(zip(symbols, days, factors, strict=True))
        actions = [
            CorporateAction(symbol, _next_weekday(day), "split", _ratio(before, after), source, received_at)
            for (symbol, day, before), (other, _, after) in pairwise(rows)
            if symbol == other and before != after
        ]
    else:
        kind_column = columns.require("kind", "kind", "type", "action")
        value_column = columns.require("value", "value", "ratio", "amount")
        kinds = [kind.lower() for kind in columns.texts(kind_column).to_pylist()]
        actions = []
        for row, value in enumerate(columns.numbers(value_column).to_pylist()):
            kind = kinds[row]
            if kind not in ("split", "dividend"):
                raise columns.fault(f"'{kind}' is neither split nor dividend", kind_column, row)
            if value <= 0:
                raise columns.fault(f"{value} is not above zero", value_column, row)
            actions.append(CorporateAction(symbols[row], days[row], kind, value, source, received_at))
    _check_unique(path, actions)
    return tuple(sorted(actions, key=lambda action: (action.symbol, action.ex_date, action.kind)))


def _ratio(before: float, after: float) -> float:
    ratio = after / before
    simple = Fraction(ratio).limit_denominator(_SIMPLE_DENOMINATOR)
    return float(simple) if abs(float(simple) / ratio - 1) <= _TOLERANCE else ratio


def _next_weekday(day: date) -> date:
    # On a holiday there are no prices, so that the day after serves as well.
    return day + timedelta(days=1 if day.weekday() < _FRIDAY else 7 - day.weekday())


def _check_unique(path: Path, actions: list[CorporateAction]) -> None:
    seen = set()
    for action in actions:
        key = (action.symbol, action.ex_date, action.kind)
        if key in seen:
            raise BadData(f"a second {action.kind} of {action.symbol} on {action.ex_date}", source=str(path))
        seen.add(key)
