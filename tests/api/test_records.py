"""Columns become records: names, nulls, times."""

import json

import pyarrow as pa
import pytest

from api.records import records_json, sources
from emulator.result import ResultTable
from emulator.types import DATETIME, DECIMAL, DYNAMIC, LONG, REAL, STRING, TIMESPAN, Column, KqlType, Schema
from kql.registry import SourceColumn


def table(**columns: tuple[KqlType, list[object], pa.DataType]) -> ResultTable:
    schema = Schema(tuple(Column(name, type_) for name, (type_, _, _) in columns.items()))
    arrays = {name: pa.array(values, arrow) for name, (_, values, arrow) in columns.items()}
    return ResultTable(schema, pa.table(arrays))


@pytest.mark.parametrize(
    ("type_", "values", "arrow", "expected"),
    [
        (REAL, [1.5, float("nan"), float("inf"), None], pa.float64(), [1.5, None, None, None]),
        (LONG, [2**53 + 1, None], pa.int64(), [2**53 + 1, None]),
        (STRING, ["", "é"], pa.string(), ["", "é"]),
        (
            DATETIME,
            [0, 86_400_000_000, None],
            pa.timestamp("us"),
            ["1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z", None],
        ),
        (DATETIME, [0, 1_500_000], pa.timestamp("us"), ["1970-01-01T00:00:00.000000Z", "1970-01-01T00:00:01.500000Z"]),
        (DATETIME, [-1_000_000], pa.timestamp("us"), ["1969-12-31T23:59:59Z"]),
        (
            DATETIME,
            [-62_135_596_800_000_000, 253_402_300_800_000_000],
            pa.timestamp("us"),
            ["0001-01-01T00:00:00Z", None],
        ),
        (DYNAMIC, ['["a"]', '{"b":1}', None], pa.string(), [["a"], {"b": 1}, None]),
        (TIMESPAN, [0, 900_000_000, -5_000_000], pa.int64(), ["PT0S", "PT90S", "-PT0.5S"]),
        (DECIMAL, [None], pa.decimal128(38, 18), [None]),
    ],
)
def test_a_column_becomes_the_values_of_a_field(
    type_: KqlType, values: list[object], arrow: pa.DataType, expected: list[object]
) -> None:
    records = json.loads(records_json(table(PreviousClose=(type_, values, arrow))))
    assert [record["previous_close"] for record in records] == expected


def test_no_rows_are_an_empty_list() -> None:
    assert records_json(table(A=(LONG, [], pa.int64()))) == b"[]"


def test_sources_are_those_of_the_rows() -> None:
    origin = SourceColumn("Origin", "/", "Where it came from.")
    rows = table(Origin=(STRING, ["yahoo", "replay/yahoo", "simulated", ""], pa.string()))
    assert sources(rows, origin) == "replay/simulated/yahoo"
    assert sources(rows, None) is None
    assert sources(table(Origin=(STRING, [], pa.string())), origin) is None
    assert sources(table(Price=(REAL, [1.0], pa.float64())), origin) is None
