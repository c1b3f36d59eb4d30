"""Result columns → JSON text of the wire, one column at a time.

Source of the forms: recorded answers of the service, as its client libraries read them.
"""

import json
import math
from collections.abc import Sequence

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from emulator.instants import texts
from emulator.result import ResultTable
from emulator.text_forms import decimal_text, timespan_text
from emulator.types import KqlType, Scalar
from emulator.work import check_work

# A few hundredths of a second between two questions whether somebody still waits.
_ROWS_AT_ONCE = 10_000


def rows_json(table: ResultTable) -> bytes:
    """Render all rows as a JSON array of arrays, as long as somebody waits for them (`check_work`)."""
    if not len(table.schema):
        return b"[" + b",".join([b"[]"] * len(table)) + b"]"
    if len(table) <= _ROWS_AT_ONCE:
        return _some_rows(table, 0)
    some = [_some_rows(table, start)[1:-1] for start in range(0, len(table), _ROWS_AT_ONCE)]
    return b"[" + b",".join(some) + b"]"


def _some_rows(table: ResultTable, start: int) -> bytes:
    check_work()
    rows = table.arrow.slice(start, _ROWS_AT_ONCE)
    columns = [
        column_values(arrow.combine_chunks(), column.type)
        for column, arrow in zip(table.schema, rows.columns, strict=True)
    ]
    return orjson.dumps(list(zip(*columns, strict=True)))


def column_values(column: pa.Array, type_: KqlType) -> Sequence[object]:
    """Return one column as values whose orjson text is Kusto's."""
    match type_.scalar:
        case Scalar.BOOL | Scalar.INT | Scalar.LONG | Scalar.GUID:
            return _plain(column)
        case Scalar.STRING:
            # A string is never null on the wire.
            return _plain(pc.fill_null(column, ""))
        case Scalar.REAL:
            return _reals(column)
        case Scalar.DECIMAL:
            return [None if value is None else decimal_text(value) for value in column.to_pylist()]
        case Scalar.DATETIME:
            return _datetimes(column)
        case Scalar.TIMESPAN:
            return [None if ticks is None else timespan_text(ticks) for ticks in column.to_pylist()]
        case Scalar.DYNAMIC:
            return _dynamics(column)


def _plain(column: pa.Array) -> Sequence[object]:
    values: list[object] = column.to_pylist()
    return values


def _reals(column: pa.Array) -> Sequence[object]:
    values: list[float | None] = column.to_pylist()
    finite = pc.all(pc.is_finite(column)).as_py()
    if finite or finite is None:
        return values
    return [value if value is None or math.isfinite(value) else _not_finite(value) for value in values]


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _datetimes(column: pa.Array) -> Sequence[object]:
    # Kusto counts in 100 ns, hence a seventh digit.
    values: list[str | None] = pc.binary_join_element_wise(texts(column), "0Z", "").to_pylist()
    return values


def _dynamics(column: pa.Array) -> Sequence[object]:
    documents: list[str | None] = column.to_pylist()
    return [None if text is None else _inline(text) for text in documents]


def _inline(text: str) -> object:
    # JSON has no NaN; the wire writes such numbers as strings, inside a dynamic value too.
    if "NaN" in text or "Infinity" in text:
        return _without_constants(json.loads(text))
    return orjson.Fragment(text)


def _without_constants(value: object) -> object:
    match value:
        case float() if not math.isfinite(value):
            return _not_finite(value)
        case list():
            return [_without_constants(item) for item in value]
        case dict():
            return {key: _without_constants(item) for key, item in value.items()}
        case _:
            return value
