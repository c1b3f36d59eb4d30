"""Result columns → JSON records, column by column; nothing is validated row by row."""

from collections.abc import Sequence

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from emulator.instants import texts
from emulator.result import ResultTable
from emulator.types import KqlType, Scalar
from kql.names import snake_case
from kql.registry import SourceColumn

_MICROSECONDS = 1_000_000
_TICKS_PER_SECOND = 10_000_000


def records_json(table: ResultTable) -> bytes:
    """Render all rows as a JSON array of objects; NaN and infinities are null, times end in `Z`."""
    columns = [
        _values(arrow.combine_chunks(), column.type)
        for column, arrow in zip(table.schema, table.arrow.columns, strict=True)
    ]
    names = [snake_case(name) for name in table.schema.names]
    return orjson.dumps([dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)])


def sources(table: ResultTable, source: SourceColumn | None) -> str | None:
    """Return where the rows came from, by the column that says it; a row may name several sources."""
    if source is None or table.schema.find(source.column) is None:
        return None
    found = pc.unique(table.arrow.column(table.schema.names.index(source.column))).to_pylist()
    parts = {part for text in found if text for part in text.split(source.separator)}
    return source.separator.join(sorted(parts)) or None


def _values(column: pa.Array, type_: KqlType) -> Sequence[object]:
    match type_.scalar:
        case Scalar.DATETIME:
            return _datetimes(column)
        case Scalar.DYNAMIC:
            return [None if text is None else orjson.Fragment(text) for text in column.to_pylist()]
        case Scalar.DECIMAL:
            return [None if value is None else float(value) for value in column.to_pylist()]
        case Scalar.TIMESPAN:
            return [None if ticks is None else _duration(ticks) for ticks in column.to_pylist()]
        case Scalar.BOOL | Scalar.INT | Scalar.LONG | Scalar.REAL | Scalar.STRING | Scalar.GUID:
            values: list[object] = column.to_pylist()
            return values


def _datetimes(column: pa.Array) -> Sequence[object]:
    text = texts(column)
    micros = column.cast(pa.int64())
    whole = pc.equal(pc.multiply(pc.divide(micros, _MICROSECONDS), _MICROSECONDS), micros)
    if pc.all(whole).as_py() is not False:
        text = pc.utf8_slice_codeunits(text, 0, 19)
    values: list[object] = pc.binary_join_element_wise(text, "Z", "").to_pylist()
    return values


def _duration(ticks: int) -> str:
    """Render as an ISO 8601 duration in seconds."""
    sign, ticks = ("-", -ticks) if ticks < 0 else ("", ticks)
    seconds, fraction = divmod(ticks, _TICKS_PER_SECOND)
    digits = f".{fraction:07}".rstrip("0") if fraction else ""
    return f"{sign}PT{seconds}{digits}S"
