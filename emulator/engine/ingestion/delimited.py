"""Delimited payloads: csv, tsv, psv and their kin; also txt (a line is a field) and raw (one field)."""

import duckdb
import pyarrow as pa

from emulator.engine.ingestion.projection import INPUT, column_fields, derived, numbers, projection, run
from emulator.engine.ingestion.separated import (
    LONGEST_RECORD,
    MOST_FIELDS,
    decode,
    lines,
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
            fields = table_of(([line] for line in lines(data)), ordinals)
        case "tsve":
            width = 1 + max(ordinals, default=0)
            fields = table_of((_unescaped(line, width) for line in lines(data)), ordinals)
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


def _unescaped(line: str, width: int) -> list[str]:
    return [_unescape(field) for field in line.split("\t", width)[:width]]


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
