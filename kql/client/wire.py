"""Values of the wire as Arrow columns in the canonical types, column by column; and what a payload holds."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Protocol

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from emulator.result import ResultTable
from emulator.types import ALIASES, TICKS_PER_DAY, TICKS_PER_SECOND, Column, KqlType, Scalar, Schema
from kql.client import IngestFormat

_DECIMAL = pa.decimal128(38, 18)
_DATETIME = r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,6})?\d*Z?$"
_TIMESPAN = (
    r"^(?P<sign>-?)(?:(?P<days>\d+)\.)?(?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>\d+)(?:\.(?P<fraction>\d{1,7}))?$"
)


class WireTable(Protocol):
    """A table of an answer as the SDK hands it over, untouched."""

    table_name: str
    raw_columns: list[dict[str, str]]
    raw_rows: list[list[object]]


def result_table(table: WireTable) -> ResultTable:
    """Return a table of an answer with Arrow columns."""
    schema = Schema(
        tuple(
            Column(column["ColumnName"], KqlType(ALIASES[(column.get("ColumnType") or "string").lower()]))
            for column in table.raw_columns
        )
    )
    values: Sequence[Sequence[object]] = (
        list(zip(*table.raw_rows, strict=True)) if table.raw_rows else [()] * len(schema)
    )
    arrays = [_array(column, item.type.scalar) for column, item in zip(values, schema, strict=True)]
    return ResultTable(schema, pa.table(arrays, names=list(schema.names)), table.table_name)


def count_records(data: bytes, format: IngestFormat) -> int:
    """Return the number of records in a payload; ValueError when it cannot be read."""
    match format:
        case "json":
            return sum(1 for line in data.splitlines() if line.strip())
        case "multijson":
            document = json.loads(data)
            return len(document) if isinstance(document, list) else 1
        case "csv":
            return sum(1 for row in csv.reader(io.StringIO(data.decode("utf-8"))) if row)
        case "parquet":
            return int(pq.read_metadata(io.BytesIO(data)).num_rows)


def _array(values: Sequence[object], scalar: Scalar) -> pa.Array:
    match scalar:
        case Scalar.BOOL:
            return pa.array([None if value is None else bool(value) for value in values], pa.bool_())
        case Scalar.INT:
            return pa.array(values, pa.int32())
        case Scalar.LONG:
            return pa.array(values, pa.int64())
        case Scalar.REAL:
            return _reals(values)
        case Scalar.DECIMAL:
            return pa.array([None if value is None else str(value) for value in values], pa.string()).cast(_DECIMAL)
        case Scalar.STRING:
            return pc.fill_null(pa.array(values, pa.string()), "")
        case Scalar.GUID:
            return pa.array(values, pa.string())
        case Scalar.DATETIME:
            text = pc.replace_substring_regex(pa.array(values, pa.string()), _DATETIME, r"\1 \2\3")
            return text.cast(pa.timestamp("us"))
        case Scalar.TIMESPAN:
            return _ticks(pa.array(values, pa.string()))
        case Scalar.DYNAMIC:
            return pa.array([None if value is None else orjson.dumps(value).decode() for value in values], pa.string())


def _reals(values: Sequence[object]) -> pa.Array:
    if any(isinstance(value, str) for value in values):
        # NaN and the infinities travel as strings.
        values = [float(value) if isinstance(value, str) else value for value in values]
    return pa.array(values, pa.float64(), from_pandas=False)


def _ticks(text: pa.Array) -> pa.Array:
    parts = pc.extract_regex(text, _TIMESPAN)

    def number(name: str) -> pa.Array:
        digits = pc.struct_field(parts, name)
        return pc.if_else(pc.equal(digits, ""), "0", digits).cast(pa.int64())

    fraction = pc.utf8_rpad(pc.struct_field(parts, "fraction"), 7, "0").cast(pa.int64())
    seconds = pc.add(pc.add(pc.multiply(number("hours"), 3600), pc.multiply(number("minutes"), 60)), number("seconds"))
    ticks = pc.add(pc.add(pc.multiply(number("days"), TICKS_PER_DAY), pc.multiply(seconds, TICKS_PER_SECOND)), fraction)
    return pc.if_else(pc.equal(pc.struct_field(parts, "sign"), "-"), pc.negate(ticks), ticks)
