"""JSON payloads: one object per line, or any sequence and arrays of objects (multijson)."""

import json
import re
from functools import lru_cache
from typing import TypeAlias

import duckdb
import orjson
import pyarrow as pa

from emulator.engine.ingestion.projection import (
    INPUT,
    column_fields,
    derived,
    project,
    projection,
)
from emulator.engine.ingestion.values import from_json, from_text
from emulator.engine.session.workload import SMALL
from emulator.engine.storage.rows import LINES, ArrowRows, LineRows, Rows
from emulator.errors import IngestionFault
from emulator.functions.physical import null_of
from emulator.schema.mapping import FieldMapping, JsonPath
from emulator.sql.ast import Call, ColumnRef, From, Item, ListLiteral, Literal, Select, Sql, SubqueryRef
from emulator.sql.build import call, lit
from emulator.types import Scalar, Schema

_BYTE_ORDER_MARK = "\ufeff"
_BLANKS = re.compile(r"\s*")

Paths: TypeAlias = tuple[JsonPath, ...]


def read(
    cursor: duckdb.DuckDBPyConnection,
    data: bytes,
    schema: Schema,
    mapping: tuple[FieldMapping, ...],
    *,
    multiline: bool,
) -> Rows:
    """Read a JSON payload; every record must be an object."""
    text = _decode(data)
    lines = _documents(text) if multiline else [line for line in text.split("\n") if line and not line.isspace()]
    if len(lines) <= SMALL and all(map(_is_record, lines)):
        return LineRows(tuple(lines), tuple(range(1, len(lines) + 1)), _projection(schema, mapping, LINES))
    if not all(line.lstrip().startswith("{") for line in lines):
        raise _fault(lines)
    numbers = pa.array(range(1, len(lines) + 1), pa.int64())
    fields = pa.table({"line": pa.array(lines, pa.string()), "number": numbers})
    try:
        return ArrowRows(project(cursor, fields, _projection(schema, mapping, INPUT)))
    except duckdb.InvalidInputException as error:
        raise _fault(lines) from error


@lru_cache(maxsize=256)
def _projection(schema: Schema, mapping: tuple[FieldMapping, ...], lines: From) -> str:
    paths = tuple(dict.fromkeys(field.path for field in mapping if field.path is not None))
    # No optimizer would leave out what nobody reads.
    reads_documents = any(column.type.scalar is Scalar.DYNAMIC for column in schema)
    source = _source(paths, lines, reads_documents=reads_documents)
    return projection(source, _columns(schema, mapping, paths), schema)


def _source(paths: Paths, lines: From, *, reads_documents: bool) -> From:
    # A subquery of its own: each line is parsed once for all its paths.
    items = [Item(_extract("json_extract_string", paths), "texts"), Item(ColumnRef("number"), "number")]
    if reads_documents:
        items.append(Item(_extract("json_extract", paths), "documents"))
    return SubqueryRef(Select(tuple(items), lines), "f")


def _columns(schema: Schema, mapping: tuple[FieldMapping, ...], paths: Paths) -> tuple[Sql, ...]:
    columns: list[Sql] = []
    for column, field in column_fields(schema, mapping):
        given = None if field is None else derived(field, ColumnRef("number"))
        if given is not None:
            columns.append(from_text(given, column.type))
        elif field is None or field.path is None:
            columns.append(null_of(column.type))
        else:
            position = Literal(paths.index(field.path) + 1)
            text = call("list_extract", ColumnRef("texts"), position)
            document = call("list_extract", ColumnRef("documents"), position)
            columns.append(from_json(document, text, column.type, field.transform))
    return tuple(columns)


def _extract(function: str, paths: Paths) -> Call:
    return call(function, ColumnRef("line"), ListLiteral(tuple(lit(json_pointer(path)) for path in paths)))


def json_pointer(path: JsonPath) -> str:
    """Write a path as a JSON pointer, DuckDB's form that can hold every name; the whole record is `$`."""
    if not path:
        return "$"
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _is_record(line: str) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        # What DuckDB takes beyond the standard, as a comma at the end, is not known here.
        return False


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8").removeprefix(_BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        raise IngestionFault(
            f"The payload is not UTF-8: byte {error.start} cannot be read.", "BadRequest_InvalidEncoding"
        ) from error


def _documents(text: str) -> list[str]:
    decoder = json.JSONDecoder()
    documents: list[str] = []
    position = _skip(text, 0)
    while position < len(text):
        try:
            document, position = decoder.raw_decode(text, position)
        except ValueError as error:
            raise _malformed(len(documents) + 1, str(error)) from error
        records = document if isinstance(document, list) else [document]
        documents.extend(orjson.dumps(record).decode() for record in records)
        position = _skip(text, position)
    return documents


def _skip(text: str, position: int) -> int:
    match = _BLANKS.match(text, position)
    end = position if match is None else match.end()
    return _skip(text, end + 1) if text[end : end + 1] == "," else end


def _fault(lines: list[str]) -> IngestionFault:
    for number, line in enumerate(lines, start=1):
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            return _malformed(number, str(error))
        if not isinstance(record, dict):
            return _malformed(number, f"a record is an object, found {type(record).__name__}")
    return IngestionFault("The payload is not JSON.", "BadRequest_InvalidJson")


def _malformed(row: int, problem: str) -> IngestionFault:
    return IngestionFault(f"Row {row} is not a JSON record: {problem}.", "BadRequest_InvalidJson")
