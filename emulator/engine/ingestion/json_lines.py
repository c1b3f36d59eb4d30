"""JSON payloads: one object per line, or any sequence and arrays of objects (multijson)."""

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
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
from emulator.engine.ingestion.target import Target
from emulator.engine.ingestion.values import from_json, from_text
from emulator.engine.session.statement import Statement
from emulator.engine.session.workload import SMALL
from emulator.engine.storage.rows import LINES, ArrowRows, LineRows, Rows
from emulator.errors import IngestionFault
from emulator.functions.physical import null_of
from emulator.schema.mapping import FieldMapping, JsonPath
from emulator.sql.ast import Call, ColumnRef, From, Item, ListLiteral, Literal, Select, Sql, SubqueryRef, TableRef
from emulator.sql.build import call, lit
from emulator.text_forms import json_kind
from emulator.types import Scalar, Schema

_BYTE_ORDER_MARK = "\ufeff"
_BETWEEN_DOCUMENTS = re.compile(r"[\s,]*")

Paths: TypeAlias = tuple[JsonPath, ...]


def read(
    lend: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]],
    data: bytes,
    target: Target,
    *,
    multiline: bool,
) -> Rows:
    """Read a JSON payload; every record must be an object.

    Few records are converted where they are stored, many on a connection that `lend` lends.
    """
    text = _decode(data)
    lines = _documents(text) if multiline else [line for line in text.split("\n") if line and not line.isspace()]
    # A line that DuckDB cannot read would end the writer's transaction, and so delay its neighbors; to parse a line of
    # 200 bytes takes a microsecond, a ten-thousandth of the time to store it.
    if len(lines) <= SMALL and all(map(_is_record, lines)):
        return LineRows(tuple(lines), tuple(range(1, len(lines) + 1)), _statement(target, LINES).sql)
    if not all(line.lstrip().startswith("{") for line in lines):
        raise _fault(lines)
    numbers = pa.array(range(1, len(lines) + 1), pa.int64())
    fields = pa.table({"line": pa.array(lines, pa.string()), "number": numbers})
    try:
        with lend() as cursor:
            return ArrowRows(project(cursor, fields, _statement(target, INPUT)))
    except duckdb.InvalidInputException as error:
        raise _fault(lines) from error


def _statement(target: Target, lines: TableRef) -> Statement:
    return target.statement(lines.parts, lambda: _projection(target.schema, target.mapping, lines))


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
        except RecursionError as error:
            raise _malformed(len(documents) + 1, "it is nested too deeply") from error
        except ValueError as error:
            raise _malformed(len(documents) + 1, str(error)) from error
        documents.extend(map(_line, document if isinstance(document, list) else [document]))
        position = _skip(text, position)
    return documents


def _line(record: object) -> str:
    try:
        return orjson.dumps(record).decode()
    except TypeError:
        # A number of more than 64 bits, half a surrogate pair, or many levels.
        return json.dumps(record)


def _skip(text: str, position: int) -> int:
    match = _BETWEEN_DOCUMENTS.match(text, position)
    return position if match is None else match.end()


def _fault(lines: list[str]) -> IngestionFault:
    for number, line in enumerate(lines, start=1):
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            return _malformed(number, str(error))
        if not isinstance(record, dict):
            return _malformed(number, f"a record is an object, found {json_kind(record)}")
    return IngestionFault("The payload is not JSON.", "BadRequest_InvalidJson")


def _malformed(row: int, problem: str) -> IngestionFault:
    return IngestionFault(f"Row {row} is not a JSON record: {problem}.", "BadRequest_InvalidJson")
