"""Ingestion mappings: which field of a payload fills which column, read from Kusto's JSON."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from emulator.errors import UNSUPPORTED, KustoError, UnsupportedFault
from emulator.schema.user_json import read_user_json
from emulator.types import Schema

JsonPath: TypeAlias = tuple[str | int, ...]

# Formats that share the kind of mapping, as `.create table T ingestion <kind> mapping` spells it.
KINDS: Mapping[str, str] = {
    "json": "json",
    "singlejson": "json",
    "multijson": "json",
    "csv": "csv",
    "tsv": "csv",
    "tsve": "csv",
    "psv": "csv",
    "scsv": "csv",
    "sohsv": "csv",
    "txt": "csv",
    "raw": "csv",
    "parquet": "parquet",
}
MAPPING_KINDS = frozenset({"json", "csv", "parquet", "avro", "orc", "w3clogfile"})


class Transform(Enum):
    """What a mapping does to a field on its way into the column."""

    NONE = "none"
    UNIX_SECONDS = "datetimefromunixseconds"
    UNIX_MILLISECONDS = "datetimefromunixmilliseconds"
    UNIX_MICROSECONDS = "datetimefromunixmicroseconds"
    UNIX_NANOSECONDS = "datetimefromunixnanoseconds"
    LINE_NUMBER = "sourcelinenumber"
    LOCATION = "sourcelocation"
    BAG_ARRAY = "propertybagarraytodictionary"


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """One column and where it comes from: a JSON path, an ordinal (CSV), a field name (Parquet) or a constant."""

    column: str
    path: JsonPath | None = None
    ordinal: int | None = None
    constant: str | None = None
    transform: Transform = Transform.NONE


def parse_mapping(text: str, kind: str, schema: Schema | None = None) -> tuple[FieldMapping, ...]:
    """Read the JSON array of a mapping; with a schema, its columns must exist there."""
    try:
        document = read_user_json(text)
    except ValueError as error:
        raise _bad(f"the mapping is not JSON: {error}") from error
    if not isinstance(document, list) or not document:
        raise _bad("a mapping is a non-empty JSON array of objects")
    fields = tuple(_field(element, kind, position) for position, element in enumerate(document))
    if schema is not None:
        for field in fields:
            if schema.find(field.column) is None:
                raise _bad(f"the mapping names the column '{field.column}', which the table does not have")
    return fields


def identity(schema: Schema, kind: str) -> tuple[FieldMapping, ...]:
    """Map by name (JSON, Parquet) or by position (CSV), as Kusto does without a mapping."""
    return tuple(
        FieldMapping(column.name, ordinal=position) if kind == "csv" else FieldMapping(column.name, path=(column.name,))
        for position, column in enumerate(schema)
    )


_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]'"\s]+) | \[\s*'(?P<single>(?:[^'\\]|\\.)*)'\s*\] | \[\s*"(?P<double>(?:[^"\\]|\\.)*)"\s*\]
    | \[\s*(?P<index>\d+)\s*\]""",
    re.VERBOSE,
)


def parse_path(text: str) -> JsonPath:
    """Read a JSONPath of member and index steps: `$.a.b`, `$['a b'][0]`, or `$` for the whole record."""
    text = text.strip()
    if not text.startswith("$"):
        raise _bad(f"the path '{text}' does not start with '$'")
    steps: list[str | int] = []
    position = 1
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise _bad(f"the path '{text}' cannot be read from '{text[position:]}' on")
        quoted = match["single"] if match["single"] is not None else match["double"]
        if match["index"] is not None:
            steps.append(int(match["index"]))
        else:
            steps.append(match["name"] or re.sub(r"\\(.)", r"\1", quoted or ""))
        position = match.end()
    return tuple(steps)


def _field(element: object, kind: str, position: int) -> FieldMapping:
    if not isinstance(element, dict):
        raise _bad(f"element {position} of the mapping is not an object")
    outer = {str(key).lower(): value for key, value in element.items()}
    properties = outer.get("properties")
    inner = {str(key).lower(): value for key, value in properties.items()} if isinstance(properties, dict) else {}
    values = {**outer, **inner}
    column = values.get("column") or values.get("name")
    if not isinstance(column, str) or not column:
        raise _bad(f"element {position} of the mapping names no column")
    constant = values.get("constvalue", values.get("constantvalue"))
    return FieldMapping(
        column,
        path=_source_path(values, kind),
        ordinal=_ordinal(values.get("ordinal"), column),
        constant=None if constant is None else str(constant),
        transform=_transform(values.get("transform"), column),
    )


def _source_path(values: Mapping[str, object], kind: str) -> JsonPath | None:
    path = values.get("path")
    if isinstance(path, str) and path:
        return parse_path(path)
    field = values.get("field")
    if kind != "csv" and isinstance(field, str) and field:
        return (field,)
    return None


def _ordinal(value: object, column: str) -> int | None:
    if value is None or value == "":
        return None
    try:
        return int(str(value))
    except ValueError as error:
        raise _bad(f"the ordinal of column '{column}' is not a number: {value}") from error


def _transform(value: object, column: str) -> Transform:
    if value in (None, ""):
        return Transform.NONE
    try:
        return Transform(str(value).lower())
    except ValueError as error:
        construct = f"the mapping transformation '{value}' of column '{column}'"
        raise UnsupportedFault(construct, UNSUPPORTED) from error


def _bad(problem: str) -> KustoError:
    return KustoError(f"Invalid ingestion mapping: {problem}.", code="BadRequest_InvalidMapping")
