"""Delimited payloads: csv, tsv, psv and their kin; also txt (a line is a field) and raw (one field)."""

import csv
import io
from collections.abc import Iterable, Iterator

import duckdb
import pyarrow as pa
import pyarrow.csv

from emulator.engine.ingestion.projection import INPUT, column_fields, derived, project, projection
from emulator.engine.ingestion.target import Target
from emulator.engine.ingestion.values import from_text
from emulator.errors import IngestionFault
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
    match format_:
        case "raw":
            fields = pa.table({"f0": [_decode(data)]})
        case "txt":
            fields = pa.table({"f0": _decode(data).splitlines()}, pa.schema([("f0", pa.string())]))
        case "tsve":
            fields = _escaped(data)
        case _:
            fields = _quoted(data, _DELIMITERS[format_])
    if ignore_first_record:
        fields = fields.slice(1)
    numbers = pa.array(range(1, fields.num_rows + 1), pa.int64())
    width = fields.num_columns
    fields = fields.append_column("number", numbers)
    statement = target.statement(
        width, lambda: projection(INPUT, _columns(target.schema, target.mapping, width), target.schema)
    )
    return project(cursor, fields, statement)


def _columns(schema: Schema, mapping: tuple[FieldMapping, ...], width: int) -> tuple[Sql, ...]:
    columns: list[Sql] = []
    for column, field in column_fields(schema, mapping):
        given = None if field is None else derived(field, ColumnRef("number"))
        if given is not None:
            columns.append(from_text(given, column.type))
        elif field is None or field.ordinal is None or not 0 <= field.ordinal < width:
            columns.append(null_of(column.type))
        else:
            columns.append(from_text(ColumnRef(f"f{field.ordinal}"), column.type, field.transform))
    return tuple(columns)


def _quoted(data: bytes, delimiter: str) -> pa.Table:
    # Arrow's reader takes a quote that does not end for one that ends with the payload.
    if data.count(b'"') % 2:
        return _ragged(list(_records(_lines(data), delimiter)))
    # It is fast but wants rows of one width; the first row says which.
    width = len(next(_records(io.TextIOWrapper(io.BytesIO(data), "utf-8", "replace", newline=""), delimiter), ()))
    names = [f"f{position}" for position in range(width)]
    try:
        return pyarrow.csv.read_csv(
            pa.BufferReader(data),
            read_options=pyarrow.csv.ReadOptions(column_names=names),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=True
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return _ragged(list(_records(_lines(data), delimiter)))


def _ragged(rows: list[list[str]]) -> pa.Table:
    width = max(map(len, rows), default=0)
    padded = [row + [""] * (width - len(row)) for row in rows]
    columns = zip(*padded, strict=True)
    return pa.table({f"f{position}": pa.array(column, pa.string()) for position, column in enumerate(columns)})


def _records(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    """Iterate over the records that are not empty; raise IngestionFault naming the first that is malformed."""
    number = 1
    try:
        for record in csv.reader(lines, delimiter=delimiter, strict=True):
            if record:
                yield record
                number += 1
    except csv.Error as error:
        raise IngestionFault(f"Row {number} is not delimited text: {error}.", "BadRequest_InvalidCsv") from error


def _lines(data: bytes) -> Iterable[str]:
    return io.StringIO(_decode(data), newline="")


def _escaped(data: bytes) -> pa.Table:
    rows = [[_unescape(field) for field in line.split("\t")] for line in _decode(data).splitlines() if line]
    return _ragged(rows)


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


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise IngestionFault(
            f"The payload is not UTF-8: byte {error.start} cannot be read.", "BadRequest_InvalidEncoding"
        ) from error
