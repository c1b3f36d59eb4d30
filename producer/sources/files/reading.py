"""Files of bars and trades as rows of the landing tables, whole or not at all.

Prices leave here raw: a split-adjusted file is multiplied back with the splits it contains or that are given.
Bars leave here labelled by their start. Nothing is returned from a file that has a fault.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from producer.errors import BadData
from producer.landing import DAILY_BARS, TRADES
from producer.model import ActionKind, BarKind, CorporateAction
from producer.sources.adjustment import NO_SPLITS, SplitSteps, split_steps
from producer.sources.files.lobster import is_lobster, lobster_trades
from producer.sources.files.tabular import INSTANT, NEW_YORK, Columns, read_table

Adjustment = Literal["raw", "split"]
BarLabel = Literal["start", "end"]

_SYMBOL = ("symbol", "ticker", "sym")
_DATE = ("date", "trading_date", "timestamp", "ts_utc", "day")
_START = ("ts_utc", "timestamp", "ts", "time", "datetime", "date_time", "bar_start", "t")
_END = ("ts_utc_barend", "timestamp_end", "bar_end")
_NEW_YORK = ("ts_et", "ts_ny", "timestamp_et")
_PRICES = {"Open": ("open", "o"), "High": ("high", "h"), "Low": ("low", "l"), "Close": ("close", "c")}
_VOLUME = ("volume", "vol", "v")
_VWAP = ("vwap", "vw")
_TRADE_COUNT = ("trade_count", "trades", "n")
_SPLITS = ("stock_splits", "split_ratio", "split_factor", "splits")
_DIVIDENDS = ("dividends", "ex_dividend", "div_cash", "dividend")


@dataclass(frozen=True, slots=True)
class FileOptions:
    """What a file does not say of itself.

    `time_zone` is that of times without one, `bar_label` overrules the label that the column's name tells, `symbol`
    and `trading_date` serve files without such a column, `actions` are splits that a split-adjusted file lacks.
    """

    adjustment: Adjustment = "raw"
    symbol: str | None = None
    source: str | None = None
    time_zone: tzinfo = UTC
    bar_label: BarLabel | None = None
    trading_date: date | None = None
    actions: tuple[CorporateAction, ...] = ()

    def source_of(self, path: Path) -> str:
        """Return the name under which the rows of a file are stored."""
        return self.source or f"file:{path.name.split('.')[0]}"


@dataclass(frozen=True, slots=True)
class FileBars:
    """Raw bars in the columns of the landing table, by symbol and time, and the corporate actions of the file."""

    bars: pa.Table
    actions: tuple[CorporateAction, ...]


def read_bars(path: Path, kind: BarKind, options: FileOptions, received_at: datetime) -> FileBars:
    """Read a CSV or Parquet file of OHLCV bars."""
    columns = Columns(path, read_table(path))
    symbols = _symbols(columns, options)
    if kind == "daily":
        days = times = columns.dates(columns.require("date", *_DATE))
    else:
        times = _bar_starts(columns, symbols, options)
        days = _new_york_days(times)
    prices = {
        column: columns.numbers(columns.require(f"{column.lower()} price", *names)) for column, names in _PRICES.items()
    }
    vwap, count = columns.find(*_VWAP), columns.find(*_TRADE_COUNT)
    if vwap is not None:
        prices["Vwap"] = columns.numbers(vwap)
    volume = columns.numbers(columns.require("volume", *_VOLUME))
    _check_bars(columns, prices, volume)
    _check_unique(columns, path, symbols, times)

    source = options.source_of(path)
    actions = _actions(columns, symbols, days, source, received_at)
    if options.adjustment == "split":
        if columns.find(*_SPLITS) is None and not options.actions:
            raise BadData(
                "is said to be split-adjusted, but tells no splits",
                source=str(path),
                hint=f"add a column {_SPLITS[0]}, or give the splits in a file of their own",
            )
        steps = split_steps((*options.actions, *actions))
        factors = _factors(symbols, days, steps)
        prices = {name: pc.multiply(values, factors) for name, values in prices.items()}
        volume = pc.divide(volume, factors)
        actions = tuple(_quoted_that_day(action, steps) for action in actions)

    rows = columns.rows
    table = pa.table(
        {
            "Symbol": symbols.cast(pa.string()),
            "Timestamp": times,
            "Vwap": pa.nulls(rows, pa.float64()),
            **prices,
            "Volume": volume,
            "TradeCount": columns.whole_numbers(count) if count is not None else pa.nulls(rows, pa.int64()),
            "Source": _constant(source, rows),
            "ReceivedAt": _constant(received_at.astimezone(UTC).replace(tzinfo=None), rows, INSTANT),
            "Venue": _constant("", rows),
            "Adjustment": _constant("restored" if options.adjustment == "split" else "raw", rows),
        }
    )
    table = table.select(DAILY_BARS.schema.names).cast(DAILY_BARS.schema)
    return FileBars(table.sort_by([("Symbol", "ascending"), ("Timestamp", "ascending")]), actions)


def read_trades(path: Path, options: FileOptions, received_at: datetime) -> pa.Table:
    """Read a file of trades in the columns of `TradesRaw`, in order of time.

    A trade without an id of its own is known by all it says and, among equals, by its place in the file.
    """
    if is_lobster(path):
        trades = lobster_trades(path, options.symbol, options.trading_date)
        symbols, times, prices, sizes = (trades[name] for name in ("symbol", "time", "price", "size"))
        venues, ids = _constant("", trades.num_rows), None
    else:
        columns = Columns(path, read_table(path))
        symbols = _symbols(columns, options)
        times = _trade_times(columns, options)
        prices = columns.numbers(price := columns.require("price", "price", "p", "last", "trade_price"))
        sizes = columns.numbers(size := columns.require("size", "size", "qty", "quantity", "shares", "volume", "v"))
        columns.refuse(pc.less_equal(prices, 0.0), "price {value} is not above zero", price)
        columns.refuse(pc.less(sizes, 0.0), "size {value} is below zero", size)
        venue, event = columns.find("venue", "exchange", "x"), columns.find("event_id", "trade_id", "id")
        venues = columns.texts(venue) if venue else _constant("", columns.rows)
        ids = columns.texts(event) if event else None
    rows = len(symbols)
    table = pa.table(
        {
            "Symbol": symbols.cast(pa.string()),
            "Timestamp": times,
            "Price": prices,
            "Size": sizes,
            "Venue": venues.cast(pa.string()),
            "Source": _constant(options.source_of(path), rows),
            "ReceivedAt": _constant(received_at.astimezone(UTC).replace(tzinfo=None), rows, INSTANT),
        }
    )
    table = table.append_column("EventId", ids.cast(pa.string()) if ids is not None else _trade_ids(table))
    return table.select(TRADES.schema.names).cast(TRADES.schema).sort_by("Timestamp")


def _symbols(columns: Columns, options: FileOptions) -> pa.ChunkedArray:
    name = columns.find(*_SYMBOL)
    if name is not None:
        return pc.utf8_upper(columns.texts(name))
    if options.symbol is None:
        columns.require("symbol", *_SYMBOL)
    return _constant((options.symbol or "").upper(), columns.rows)


def _bar_starts(columns: Columns, symbols: pa.ChunkedArray, options: FileOptions) -> pa.ChunkedArray:
    ending = columns.find(*_END)
    name = ending or columns.find(*_START) or columns.find(*_NEW_YORK) or columns.require("time", *_START)
    zone = NEW_YORK if columns.find(*_NEW_YORK) == name else options.time_zone
    times = columns.instants(name, zone)
    label = options.bar_label or ("end" if ending else "start")
    if label == "start" or not columns.rows:
        return times
    return pc.subtract(times, pa.scalar(_interval(columns, name, symbols, times), pa.duration("us")))


def _interval(columns: Columns, name: str, symbols: pa.ChunkedArray, times: pa.ChunkedArray) -> int:
    """Return the length of a bar in microseconds: the smallest distance between two bars of one symbol."""
    order = pc.sort_indices(pa.table({"s": symbols, "t": times}), [("s", "ascending"), ("t", "ascending")])
    ordered = times.take(order).cast(pa.int64()).to_numpy()
    same = pc.equal(symbols.take(order)[1:], symbols.take(order)[:-1]).to_numpy()
    gaps = np.diff(ordered)[same]
    gaps = gaps[gaps > 0]
    if not len(gaps):
        raise columns.fault("one bar alone does not tell the length of bars labelled by their end", name, 0)
    return int(gaps.min())


def _trade_times(columns: Columns, options: FileOptions) -> pa.ChunkedArray:
    name = columns.find(*_START) or columns.find(*_NEW_YORK) or columns.require("time", *_START)
    return columns.instants(name, NEW_YORK if columns.find(*_NEW_YORK) == name else options.time_zone)


def _check_bars(columns: Columns, prices: dict[str, pa.ChunkedArray], volume: pa.ChunkedArray) -> None:
    for column, names in _PRICES.items():
        name = columns.require(column, *names)
        columns.refuse(pc.less_equal(prices[column], 0.0), "price {value} is not above zero", name)
    high, low = columns.require("high", *_PRICES["High"]), columns.require("low", *_PRICES["Low"])
    for other in ("Open", "Close", "Low"):
        columns.refuse(pc.less(prices["High"], prices[other]), f"{{value}} is below the {other.lower()}", high)
    for other in ("Open", "Close"):
        columns.refuse(pc.greater(prices["Low"], prices[other]), f"{{value}} is above the {other.lower()}", low)
    columns.refuse(pc.less(volume, 0.0), "volume {value} is below zero", columns.require("volume", *_VOLUME))


def _check_unique(columns: Columns, path: Path, symbols: pa.ChunkedArray, times: pa.ChunkedArray) -> None:
    keys = pa.table({"s": symbols, "t": times, "row": np.arange(columns.rows)})
    if keys.group_by(["s", "t"]).aggregate([]).num_rows == columns.rows:
        return
    ordered = keys.sort_by([("s", "ascending"), ("t", "ascending"), ("row", "ascending")])
    same = pc.and_(pc.equal(ordered["s"][1:], ordered["s"][:-1]), pc.equal(ordered["t"][1:], ordered["t"][:-1]))
    first = ordered.slice(1).filter(same).slice(0, 1).to_pylist()[0]
    raise BadData(f"a second bar of {first['s']} at {first['t']}", source=str(path), row=first["row"] + 1)


def _actions(
    columns: Columns, symbols: pa.ChunkedArray, days: pa.ChunkedArray, source: str, received_at: datetime
) -> tuple[CorporateAction, ...]:
    kinds: tuple[tuple[ActionKind, tuple[str, ...], tuple[float, ...]], ...] = (
        ("split", _SPLITS, (0.0, 1.0)),
        ("dividend", _DIVIDENDS, (0.0,)),
    )
    found = []
    for kind, names, nothing in kinds:
        name = columns.find(*names)
        if name is None:
            continue
        values = columns.numbers(name)
        columns.refuse(pc.less(values, 0.0), "{value} is below zero", name)
        is_action = pc.invert(pc.is_in(values, pa.array(nothing)))
        rows = zip(*(part.filter(is_action).to_pylist() for part in (symbols, days, values)), strict=True)
        found += [CorporateAction(symbol, day.date(), kind, value, source, received_at) for symbol, day, value in rows]
    return tuple(found)


def _factors(symbols: pa.ChunkedArray, days: pa.ChunkedArray, steps: Mapping[str, SplitSteps]) -> pa.Array:
    names, on = symbols.to_numpy(), days.cast(pa.timestamp("s")).to_numpy().astype("datetime64[D]")
    factors = np.ones(len(names))
    for symbol in set(steps) & set(pc.unique(symbols).to_pylist()):
        mine = names == symbol
        ex_dates = np.array(steps[symbol].ex_dates, dtype="datetime64[D]")
        # The number of ex-dates up to a day is the place of the product of those still to come.
        passed = np.searchsorted(ex_dates, on[mine], side="right")
        factors[mine] = np.array([*steps[symbol].factors, 1.0])[passed]
    return pa.array(factors)


def _quoted_that_day(action: CorporateAction, steps: Mapping[str, SplitSteps]) -> CorporateAction:
    """Return a dividend per share of its own day; adjusted files tell it per share of their last day."""
    if action.kind == "split":
        return action
    return replace(action, value=action.value * steps.get(action.symbol, NO_SPLITS).factor(action.ex_date))


def _new_york_days(times: pa.ChunkedArray) -> pa.ChunkedArray:
    local = pc.local_timestamp(pc.assume_timezone(times, "UTC").cast(pa.timestamp("us", NEW_YORK.key)))
    return pc.floor_temporal(local, unit="day")


def _trade_ids(table: pa.Table) -> pa.Array:
    """Return `SYMBOL:microseconds:price:size:venue:n`, n counting equal trades in order of the file."""
    content = pc.binary_join_element_wise(
        *(
            table[name].cast(pa.int64()).cast(pa.string()) if name == "Timestamp" else table[name].cast(pa.string())
            for name in ("Symbol", "Timestamp", "Price", "Size", "Venue")
        ),
        ":",
    )
    codes = content.combine_chunks().dictionary_encode().indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.array([], dtype=np.int64)
    lengths = np.diff(np.r_[starts, len(ordered)])
    places = np.empty(len(ordered), dtype=np.int64)
    places[order] = np.arange(len(ordered)) - np.repeat(starts, lengths)
    return pc.binary_join_element_wise(content, pa.array(places).cast(pa.string()), ":")


def _constant(value: object, rows: int, kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.repeat(pa.scalar(value, kind or pa.string()), rows)])
