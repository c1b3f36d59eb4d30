"""The time, and columns of datetimes on their way out: Kusto's range of them, and their ISO 8601 texts."""

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from emulator.types import FIRST_MICROSECOND, LAST_MICROSECOND

_FIRST = pa.scalar(FIRST_MICROSECOND, pa.int64()).cast(pa.timestamp("us"))
_LAST = pa.scalar(LAST_MICROSECOND, pa.int64()).cast(pa.timestamp("us"))


def utc_now() -> datetime:
    """Return the time as the engine has its times: UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def in_range(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return microseconds without zone, with nulls for those before the year 1 and after 9999: Kusto has none."""
    bounds = pc.min_max(column)
    low, high = bounds["min"], bounds["max"]
    if not low.is_valid or (low.value >= FIRST_MICROSECOND and high.value <= LAST_MICROSECOND):
        return column
    is_datetime = pc.and_(pc.greater_equal(column, _FIRST), pc.less_equal(column, _LAST))
    return pc.if_else(is_datetime, column, None)


def texts(column: pa.Array) -> pa.Array:
    """Return datetimes as `2026-01-05T14:30:00.123456`, without zone."""
    # Arrow's cast is vectorized, `2020-03-04 14:05:01.310996`, and of one width for the years that Kusto has.
    text = pc.cast(in_range(column.cast(pa.timestamp("us"))), pa.string())
    return pc.binary_replace_slice(text, 10, 11, "T")
