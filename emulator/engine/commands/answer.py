"""The table that a command answers with."""

import json
from collections.abc import Iterable, Sequence

import pyarrow as pa

from emulator.engine.running.results import ARROW_TYPES
from emulator.result import ResultTable
from emulator.types import Column, KqlType, Scalar, Schema


def columns(text: str) -> Schema:
    """Read `TableName:string, TotalRowCount:long` as a schema."""
    pairs = (each.strip().split(":") for each in text.split(","))
    return Schema(tuple(Column(name, KqlType(Scalar(type_))) for name, type_ in pairs))


def answer(schema: Schema, rows: Iterable[Sequence[object]]) -> ResultTable:
    """Return rows of Python values in the canonical types as a result; None stands for null, `""` for strings."""
    listed = list(rows)
    arrays = [
        pa.array([_value(row[position], column) for row in listed], ARROW_TYPES[column.type.scalar])
        for position, column in enumerate(schema)
    ]
    arrow = pa.Table.from_arrays(arrays, names=list(schema.names))
    return ResultTable(schema, arrow, "Table_0")


def to_json(value: object) -> str:
    """Write JSON as Kusto does in its answers: compact."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _value(value: object, column: Column) -> object:
    if column.type.scalar is Scalar.STRING:
        return "" if value is None else str(value)
    if column.type.scalar is Scalar.GUID and value is not None:
        return str(value)
    return value
