"""Parquet payloads: columns by name, converted from their Arrow types."""

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from emulator.engine.ingestion.compression import MAX_PLAIN
from emulator.engine.ingestion.projection import INPUT, column_fields, derived, numbers, projection, run
from emulator.engine.ingestion.target import Target
from emulator.engine.ingestion.values import from_text, from_unix
from emulator.errors import IngestionFault
from emulator.functions.physical import convert, null_of
from emulator.parquet_sizes import ParquetTooLarge, read_parquet
from emulator.schema.mapping import FieldMapping
from emulator.sql.ast import ColumnRef, Sql
from emulator.sql.build import call, cast, coalesce, lit
from emulator.types import (
    BOOL,
    DATETIME,
    DECIMAL,
    DYNAMIC,
    FIRST_MICROSECOND,
    LAST_MICROSECOND,
    LONG,
    REAL,
    STRING,
    TICKS_PER_MICROSECOND,
    TICKS_PER_MILLISECOND,
    TICKS_PER_SECOND,
    TIMESPAN,
    KqlType,
    Scalar,
    Schema,
)

_TICKS_PER_UNIT = {"s": TICKS_PER_SECOND, "ms": TICKS_PER_MILLISECOND, "us": TICKS_PER_MICROSECOND}
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_SECONDS_PER_DAY = 86_400
_NANOSECONDS_PER_TICK = 100
_NARROW = 32
_DECIMAL = pa.decimal128(38, 17)


def read(cursor: duckdb.DuckDBPyConnection, data: bytes, target: Target) -> pa.Table:
    """Read a Parquet file; columns that it lacks are null."""
    wanted = {str(field.path[0]) for field in target.mapping if field.path}
    try:
        table, rows = read_parquet(pa.py_buffer(data), wanted, MAX_PLAIN)
    except ParquetTooLarge as error:
        raise IngestionFault(
            f"The payload is too large: {error}.", "BadRequest_FileTooLarge", hint="split it"
        ) from error
    except MemoryError:
        # One of Arrow is both: the file may be a good one.
        raise
    except (pa.ArrowException, OSError) as error:
        raise IngestionFault(
            f"The payload is not a readable Parquet file: {error}.", "BadRequest_InvalidParquet"
        ) from error
    rows = table.num_rows if table.num_columns else rows
    target.check_size(rows)
    table, types = _normalized(table, rows)
    statement = target.statement(
        tuple(types.items()), lambda: projection(INPUT, _columns(target.schema, target.mapping, types), target.schema)
    )
    return run(cursor, table, statement)


def _columns(schema: Schema, mapping: tuple[FieldMapping, ...], types: dict[str, KqlType]) -> tuple[Sql, ...]:
    columns: list[Sql] = []
    for column, field in column_fields(schema, mapping):
        given = None if field is None else derived(field, ColumnRef("$number"))
        source = None if field is None or not field.path else types.get(str(field.path[0]))
        if given is not None:
            columns.append(from_text(given, column.type))
        elif field is None or field.path is None or source is None:
            columns.append(null_of(column.type))
        else:
            columns.append(_value(field, source, column.type))
    return tuple(columns)


def _value(field: FieldMapping, source: KqlType, target: KqlType) -> Sql:
    assert field.path is not None  # noqa: S101 - the caller looked
    value: Sql = ColumnRef(str(field.path[0]))
    if source.scalar is Scalar.DYNAMIC:
        value = call("to_json", value)
    for step in field.path[1:]:
        value = call("json_extract", value, lit(f"$[{step}]" if isinstance(step, int) else f'$."{step}"'))
    if field.transform.name.startswith("UNIX"):
        return convert(from_unix(cast(value, "VARCHAR"), field.transform), DATETIME, target)
    if source.scalar is Scalar.STRING:
        return from_text(value, target, field.transform)
    converted = convert(value, source, target)
    return coalesce(converted, lit("")) if target.scalar is Scalar.STRING else converted


def _normalized(table: pa.Table, rows: int) -> tuple[pa.Table, dict[str, KqlType]]:
    columns: dict[str, pa.ChunkedArray] = {}
    types: dict[str, KqlType] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        columns[name], types[name] = _column(column)
    columns["$number"] = pa.chunked_array([numbers(rows)])
    return pa.table(columns), types


def _column(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, KqlType]:
    type_ = column.type
    if pa.types.is_dictionary(type_):
        return _column(column.cast(type_.value_type))
    if pa.types.is_boolean(type_):
        return column, BOOL
    if pa.types.is_uint64(type_):
        return column.cast(_DECIMAL), DECIMAL
    if pa.types.is_integer(type_):
        return column.cast(pa.int64()), LONG
    if pa.types.is_floating(type_):
        return column.cast(pa.float64()), REAL
    if pa.types.is_decimal256(type_):
        # DuckDB's decimals have 38 digits, and a text of fewer becomes one.
        return column.cast(pa.string()), STRING
    if pa.types.is_decimal(type_):
        return column, DECIMAL
    if pa.types.is_timestamp(type_) or pa.types.is_date(type_):
        return _datetimes(column), DATETIME
    if pa.types.is_duration(type_) or pa.types.is_time(type_):
        return _ticks(column), TIMESPAN
    if pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return column, STRING
    if pa.types.is_binary(type_) or pa.types.is_large_binary(type_) or pa.types.is_fixed_size_binary(type_):
        return _text(column), STRING
    return column, DYNAMIC


def _datetimes(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_date32(column.type):
        counts, unit = pc.multiply(column.cast(pa.int32()).cast(pa.int64()), _SECONDS_PER_DAY), "s"
    else:
        counts, unit = column.cast(pa.int64()), "ms" if pa.types.is_date64(column.type) else column.type.unit
    # Before the cast, since of coarse units not all fit into microseconds.
    per_second = _PER_SECOND[unit]
    first = FIRST_MICROSECOND // _PER_SECOND["us"] * per_second
    last = (LAST_MICROSECOND + 1) // _PER_SECOND["us"] * per_second - 1
    # Nanoseconds do not reach as far as either.
    is_datetime = pc.and_(
        pc.greater_equal(counts, max(first, -(1 << 63))), pc.less_equal(counts, min(last, (1 << 63) - 1))
    )
    return pc.if_else(is_datetime, counts, None).cast(pa.timestamp(unit)).cast(pa.timestamp("us"), safe=False)


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return column.cast(pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        # string.md: what is no UTF-8 is replaced.
        texts = [None if value is None else value.decode("utf-8", "replace") for value in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())])


def _ticks(column: pa.ChunkedArray) -> pa.ChunkedArray:
    # Durations and times of day in their own unit, to ticks of 100 ns.
    type_ = column.type
    numbers = column.cast(pa.int32()) if type_.bit_width == _NARROW else column
    numbers = numbers.cast(pa.int64())
    if type_.unit == "ns":
        return pc.divide(numbers, _NANOSECONDS_PER_TICK)
    return pc.multiply(numbers, _TICKS_PER_UNIT[type_.unit])
