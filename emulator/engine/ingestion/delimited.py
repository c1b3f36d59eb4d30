"""Delimited payloads: csv, tsv, psv and their kin; also txt (a line is a field) and raw (one field)."""

from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from emulator.engine.ingestion.projection import INPUT, column_fields, derived, numbers, projection, run
from emulator.engine.ingestion.separated import (
    LONGEST_RECORD,
    MOST_FIELDS,
    decode,
    line_arrays,
    read_separated,
    table_of,
    too_long,
)
from emulator.engine.ingestion.target import Target
from emulator.engine.ingestion.values import from_text
from emulator.functions.physical import null_of
from emulator.schema.mapping import FieldMapping
from emulator.sql.ast import ColumnRef, Sql
from emulator.types import Schema

_DELIMITERS = {"csv": ",", "tsv": "\t", "tsve": "\t", "psv": "|", "scsv": ";", "sohsv": "\x01"}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UNESCAPED = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\\\": "\\"}


def read(
    cursor: duckdb.DuckDBPyConnection,
    data: bytes,
    format_: str,
    target: Target,
    *,
    ignore_first_record: bool = False,
) -> pa.Table:
    """Read a delimited payload; missing trailing fields are null, further ones are ignored."""
    data = data.removeprefix(_BYTE_ORDER_MARK)
    # What no column asks for is not kept, however many fields a record has.
    ordinals = _read_ordinals(target.mapping)
    match format_:
        case "raw":
            if len(data) > LONGEST_RECORD:
                raise too_long(1)
            fields = table_of(iter([[decode(data)]]), ordinals)
        case "txt":
            fields = _read_lines(data, ordinals)
        case "tsve":
            fields = _read_escaped(data, ordinals)
        case _:
            fields = read_separated(data, _DELIMITERS[format_], ordinals)
    if ignore_first_record:
        fields = fields.slice(1)
    fields = fields.append_column("number", numbers(fields.num_rows))
    target.check_size(fields.num_rows)
    return run(
        cursor,
        fields,
        target.statement(None, lambda: projection(INPUT, _columns(target.schema, target.mapping), target.schema)),
    )


def _read_ordinals(mapping: tuple[FieldMapping, ...]) -> list[int]:
    found = {field.ordinal for field in mapping if field.ordinal is not None}
    # Without any there are rows all the same.
    return sorted(ordinal for ordinal in found if 0 <= ordinal < MOST_FIELDS) or [0]


def _columns(schema: Schema, mapping: tuple[FieldMapping, ...]) -> tuple[Sql, ...]:
    ordinals = frozenset(_read_ordinals(mapping))
    columns: list[Sql] = []
    for column, field in column_fields(schema, mapping):
        given = None if field is None else derived(field, ColumnRef("number"))
        if given is not None:
            columns.append(from_text(given, column.type))
        elif field is None or field.ordinal not in ordinals:
            columns.append(null_of(column.type))
        else:
            columns.append(from_text(ColumnRef(f"f{field.ordinal}"), column.type, field.transform))
    return tuple(columns)


def _read_lines(data: bytes, ordinals: list[int]) -> pa.Table:
    def fields(lines: pa.StringArray) -> list[pa.Array]:
        nothing = pa.nulls(len(lines), pa.string())
        return [nothing if ordinal else lines for ordinal in ordinals]

    return _table((fields(lines) for lines in line_arrays(data)), ordinals)


def _read_escaped(data: bytes, ordinals: list[int]) -> pa.Table:
    def fields(lines: pa.StringArray) -> list[pa.Array]:
        split = pc.split_pattern(lines, "\t", max_splits=1 + max(ordinals))
        found, starts = split.flatten(), split.offsets.to_numpy()
        columns = []
        for ordinal in ordinals:
            places = starts[:-1] + ordinal
            columns.append(_unescaped(found.take(pa.array(places, pa.int64(), mask=places >= starts[1:]))))
        return columns

    return _table((fields(lines) for lines in line_arrays(data)), ordinals)


def _table(columns: Iterator[list[pa.Array]], ordinals: list[int]) -> pa.Table:
    schema = pa.schema([(f"f{ordinal}", pa.string()) for ordinal in ordinals])
    return pa.Table.from_batches([pa.RecordBatch.from_arrays(each, schema=schema) for each in columns], schema)


def _unescaped(fields: pa.StringArray) -> pa.StringArray:
    is_escaped = pc.fill_null(pc.match_substring(fields, "\\"), fill_value=False)
    if not pc.any(is_escaped).as_py():
        return fields
    plain = [_unescape(text) for text in fields.filter(is_escaped).to_pylist()]
    return pc.replace_with_mask(fields, is_escaped, pa.array(plain, pa.string()))


def _unescape(field: str) -> str:
    if "\\" not in field:
        return field
    parts: list[str] = []
    position = 0
    while position < len(field):
        pair = field[position : position + 2]
        parts.append(_UNESCAPED.get(pair, field[position]))
        position += 2 if pair in _UNESCAPED else 1
    return "".join(parts)
