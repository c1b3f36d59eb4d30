"""JSON payloads: one object per line, or any sequence and arrays of objects (multijson)."""

import re
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TypeAlias

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from emulator.engine.ingestion.json_records import (
    Record,
    document_array,
    documents,
    last_of_each,
    line_array,
    malformed,
    pieces_of_lines,
    record,
    texts,
)
from emulator.engine.ingestion.projection import INPUT, column_fields, derived, numbers, projection, run
from emulator.engine.ingestion.separated import decode
from emulator.engine.ingestion.sizes import LONGEST_VALUE, within_limits
from emulator.engine.ingestion.target import Target
from emulator.engine.ingestion.values import ISO_DATETIME, datetime_from_iso, from_json, from_text
from emulator.engine.session.statement import Statement
from emulator.engine.session.workload import SMALL
from emulator.engine.storage.rows import LINES, ArrowRows, LineRows, Rows
from emulator.errors import IngestionFault
from emulator.functions.physical import null_of
from emulator.schema.mapping import FieldMapping, JsonPath
from emulator.sql.ast import Call, ColumnRef, From, Item, ListLiteral, Literal, Select, Sql, Star, SubqueryRef, TableRef
from emulator.sql.build import call, lit
from emulator.sql.render import render
from emulator.text_forms import json_kind
from emulator.types import Scalar, Schema

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BETWEEN_KEYS = "\x1f"
_KEY_END = re.compile(rb'"\s*:')
_ISO = re.compile(ISO_DATETIME)
_SPACED = re.compile(rb'"\s+:')
_LINE_KEYS = call("array_to_string", call("json_keys", ColumnRef("line")), lit(_BETWEEN_KEYS))
_KEYS = Statement(
    render(Select((Item(_LINE_KEYS, "names"), Item(call("count", Star()), "lines")), INPUT, group_by=(_LINE_KEYS,)))
)

Paths: TypeAlias = tuple[JsonPath, ...]


def read(
    lend: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]],
    data: bytes,
    target: Target,
    *,
    multiline: bool,
) -> Rows:
    """Read a JSON payload; every record must be an object.

    Few records are converted where they are stored, many on a connection that `lend` lends. Of a key that an object
    has twice the last counts.
    """
    data = data.removeprefix(_BYTE_ORDER_MARK)
    if len(data) <= LONGEST_VALUE:
        lines = list(documents(decode(data))) if multiline else _few_lines(data)
        # A line that DuckDB cannot read would end the writer's transaction, and so delay its neighbors; to parse a
        # line of 200 bytes takes a microsecond, a ten-thousandth of the time to store it.
        records = [found for each in lines if (found := record(each)) is not None] if len(lines) <= SMALL else []
        if len(records) == len(lines):
            statement = _statement(target, LINES, has_iso=_has_iso(records, target))
            return LineRows(tuple(each.text for each in records), tuple(range(1, len(lines) + 1)), statement.sql)
        found = pa.chunked_array([pa.array(lines, pa.string())])
    else:
        found = document_array(data) if multiline else line_array(data)
    target.check_size(len(found))
    try:
        with lend() as cursor:
            table = _converted(cursor, found, target, None if multiline else data)
    except duckdb.InvalidInputException as error:
        raise _fault(found) from error
    return ArrowRows(within_limits(table, target.schema))


def _few_lines(data: bytes) -> list[str]:
    return [line for line in decode(data).split("\n") if line and not line.isspace()]


def _converted(
    cursor: duckdb.DuckDBPyConnection, lines: pa.ChunkedArray, target: Target, data: bytes | None
) -> pa.Table:
    if not pc.all(pc.starts_with(pc.utf8_ltrim_whitespace(lines), "{"), min_count=0).as_py():
        raise _fault(lines)
    fields = pa.table({"line": lines, "number": numbers(len(lines))})
    # Of documents the last of equal keys was taken where they were read.
    if data is not None and _may_repeat_keys(data, run(cursor, fields, _KEYS)):
        fields = fields.set_column(0, "line", pa.chunked_array([list(map(last_of_each, texts(lines)))], pa.string()))
    return run(cursor, fields, _statement(target, INPUT))


def _may_repeat_keys(data: bytes, keys: pa.Table) -> bool:
    # Records of a payload mostly have the same keys, so DuckDB counts the different lists of them: 0.3 us a line where
    # to parse it in Python takes 1.1. Objects within records, and texts that look like keys, have colons beyond those.
    found = 0
    for text, count in zip(*(column.to_pylist() for column in keys.columns), strict=True):
        names = text.split(_BETWEEN_KEYS) if text else []
        if len(set(names)) < len(names):
            return True
        found += len(names) * count
    # By pieces of whole lines: a search through 60 MB would let nobody else run for half a second.
    pieces = list(pieces_of_lines(data))
    if not any(_SPACED.search(data, *piece) for piece in pieces):
        return found != sum(data.count(b'":', *piece) for piece in pieces)
    return found != sum(len(_KEY_END.findall(data, *piece)) for piece in pieces)


def _statement(target: Target, lines: TableRef, *, has_iso: bool = False) -> Statement:
    return target.statement(
        (lines.parts, has_iso), lambda: _projection(target.schema, target.mapping, lines, has_iso=has_iso)
    )


def _has_iso(records: Iterable[Record], target: Target) -> bool:
    """Tell whether all datetimes have the common form, or are not there.

    To set up the regular expressions of the other forms takes half of the time in which one line is converted: a trade
    takes 0.94 times the CPU without them (2026-11-29).
    """
    paths = target.datetime_paths
    names = [path[0] for path in paths if len(path) == 1 and isinstance(path[0], str)]
    if len(names) < len(paths):
        return False
    values = (each.members.get(name) for each in records for name in names)
    return all(value is None or (isinstance(value, str) and _ISO.fullmatch(value)) for value in values)


def _projection(schema: Schema, mapping: tuple[FieldMapping, ...], lines: From, *, has_iso: bool) -> str:
    paths = tuple(dict.fromkeys(field.path for field in mapping if field.path is not None))
    # No optimizer would leave out what nobody reads.
    reads_documents = any(column.type.scalar is Scalar.DYNAMIC for column in schema)
    source = _source(paths, lines, reads_documents=reads_documents)
    return projection(source, _columns(schema, mapping, paths, has_iso=has_iso), schema)


def _source(paths: Paths, lines: From, *, reads_documents: bool) -> From:
    # A subquery of its own: each line is parsed once for all its paths.
    items = [Item(_extract("json_extract_string", paths), "texts"), Item(ColumnRef("number"), "number")]
    if reads_documents:
        items.append(Item(_extract("json_extract", paths), "documents"))
    return SubqueryRef(Select(tuple(items), lines), "f")


def _columns(schema: Schema, mapping: tuple[FieldMapping, ...], paths: Paths, *, has_iso: bool) -> tuple[Sql, ...]:
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
            if has_iso and column.type.scalar is Scalar.DATETIME:
                columns.append(datetime_from_iso(text))
                continue
            columns.append(from_json(document, text, column.type, field.transform))
    return tuple(columns)


def _extract(function: str, paths: Paths) -> Call:
    return call(function, ColumnRef("line"), ListLiteral(tuple(lit(json_pointer(path)) for path in paths)))


def json_pointer(path: JsonPath) -> str:
    """Write a path as a JSON pointer, DuckDB's form that can hold every name; the whole record is `$`."""
    if not path:
        return "$"
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _fault(lines: pa.ChunkedArray) -> IngestionFault:
    for number, line in enumerate(texts(lines), start=1):
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            return malformed(number, str(error))
        if not isinstance(record, dict):
            return malformed(number, f"a record is an object, found {json_kind(record)}")
    return IngestionFault("The payload is not JSON.", "BadRequest_InvalidJson")
