"""Trades out of LOBSTER message files (lobsterdata.com): executions are the events of type 4 and 5.

Columns without header: seconds after midnight in New York, type, order id, size, price * 10,000, direction.
"""

import re
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from producer.errors import BadData
from producer.sources.files.tabular import INSTANT, NEW_YORK, Columns, read_table

_HEADER = ("Time", "Type", "OrderId", "Size", "Price", "Direction")
_EXECUTIONS = pa.array([4.0, 5.0])
_NAME = re.compile(r"^(?P<symbol>[A-Za-z.]+)_(?P<date>\d{4}-\d\d-\d\d)_\d+_\d+_message", re.ASCII)


def is_lobster(path: Path) -> bool:
    """Whether the name is that of a LOBSTER file."""
    name = path.name.lower()
    return "lobster" in name or bool(_NAME.match(path.name))


def lobster_trades(path: Path, symbol: str | None, trading_date: date | None) -> pa.Table:
    """Return the executions as `symbol, time, price, size`; symbol and date come from the name unless given."""
    if match := _NAME.match(path.name):
        symbol = symbol or match["symbol"]
        trading_date = trading_date or date.fromisoformat(match["date"])
    if symbol is None or trading_date is None:
        raise BadData(
            "tells neither symbol nor date" if symbol is None else "tells no date",
            source=str(path),
            hint="name the symbol and the trading date, or keep LOBSTER's own file name",
        )
    if "orderbook" in path.name.lower():
        raise BadData("is an order book; the trades are in the message file", source=str(path))
    columns = Columns(path, read_table(path, header=_HEADER))
    executed = pc.is_in(columns.numbers("Type"), _EXECUTIONS)
    seconds, size, price = (columns.numbers(name).filter(executed) for name in ("Time", "Size", "Price"))
    # Seconds since midnight count on the wall clock: no switch to or from daylight saving falls into a session.
    midnight = pa.scalar(trading_date).cast(INSTANT)
    elapsed = pc.round(pc.multiply(seconds, 1e6)).cast(pa.int64()).cast(pa.duration("us"))
    local = pc.assume_timezone(pc.add(elapsed, midnight), NEW_YORK.key)
    return pa.table(
        {
            "symbol": pa.repeat(symbol.upper(), len(size)),
            "time": local.cast(pa.timestamp("us", "UTC")).cast(INSTANT),
            "price": pc.divide(price, 10_000.0),
            "size": size,
        }
    )
