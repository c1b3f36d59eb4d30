"""Every scalar type on its way from Arrow to the wire."""

from decimal import Decimal

import pyarrow as pa
import pytest

from emulator.errors import CancelFault
from emulator.result import ResultTable
from emulator.server import values
from emulator.server.values import rows_json
from emulator.text_forms import decimal_text, timespan_text
from emulator.types import (
    BOOL,
    DATETIME,
    DECIMAL,
    DYNAMIC,
    GUID,
    INT,
    LONG,
    REAL,
    STRING,
    TICKS_PER_DAY,
    TIMESPAN,
    Column,
    KqlType,
    Schema,
)
from emulator.work import Work, doing


def rendered(type_: KqlType, values: list[object], arrow: pa.DataType) -> str:
    table = pa.table({"value": pa.array(values, arrow)})
    return rows_json(ResultTable(Schema((Column("value", type_),)), table)).decode()


@pytest.mark.parametrize(
    ("type_", "values", "arrow", "text"),
    [
        (BOOL, [True, False, None], pa.bool_(), "[[true],[false],[null]]"),
        (INT, [-1, None], pa.int32(), "[[-1],[null]]"),
        (LONG, [2**63 - 1, -(2**63) + 1], pa.int64(), "[[9223372036854775807],[-9223372036854775807]]"),
        (REAL, [0.0, 1e300, 0.1], pa.float64(), "[[0.0],[1e+300],[0.1]]"),
        (REAL, [float("nan"), float("inf"), -float("inf"), None, 2.0], pa.float64(),
         '[["NaN"],["Infinity"],["-Infinity"],[null],[2.0]]'),
        (REAL, [None], pa.float64(), "[[null]]"),
        (DECIMAL, [Decimal("2.00000000000001"), Decimal("100"), None], pa.decimal128(38, 18),
         '[["2.00000000000001"],["100"],[null]]'),
        (STRING, ["", 'quo"te', None, "é\n"], pa.string(), '[[""],["quo\\"te"],[""],["é\\n"]]'),
        (DATETIME, [-62135596800000000, 1583330701310996, None], pa.timestamp("us"),
         '[["0001-01-01T00:00:00.0000000Z"],["2020-03-04T14:05:01.3109960Z"],[null]]'),
        (DATETIME, [-62135596800000001, 253402300799999999, 253402300800000000, -(2**63) + 1, 2**63 - 1, 0],
         pa.timestamp("us"),
         '[[null],["9999-12-31T23:59:59.9999990Z"],[null],[null],[null],["1970-01-01T00:00:00.0000000Z"]]'),
        (TIMESPAN, [0, TICKS_PER_DAY, None], pa.int64(), '[["00:00:00"],["1.00:00:00"],[null]]'),
        (GUID, ["74be27de-1e4e-49d9-b579-fe0b331d3642", None], pa.string(),
         '[["74be27de-1e4e-49d9-b579-fe0b331d3642"],[null]]'),
        (DYNAMIC, ['{"a":[1,null]}', '"text"', "null", None], pa.string(), '[[{"a":[1,null]}],["text"],[null],[null]]'),
        (DYNAMIC, ['[NaN,-Infinity,"NaN"]'], pa.string(), '[[["NaN","-Infinity","NaN"]]]'),
        (DYNAMIC, ['{"a":[Infinity,1.5],"b":{"c":NaN,"d":"NaN"}}'], pa.string(),
         '[[{"a":["Infinity",1.5],"b":{"c":"NaN","d":"NaN"}}]]'),
    ],
)  # fmt: skip
def test_a_column_is_written_as_the_service_writes_it(
    type_: KqlType, values: list[object], arrow: pa.DataType, text: str
) -> None:
    assert rendered(type_, values, arrow) == text


@pytest.mark.parametrize(
    ("ticks", "text"),
    [
        (50_256_789_000, "01:23:45.6789000"),
        (864_010_010_001, "1.00:00:01.0010001"),
        (-1_728_020_020_002, "-2.00:00:02.0020002"),
        (9_223_372_036_854_775_807, "10675199.02:48:05.4775807"),
        (-1, "-00:00:00.0000001"),
    ],
)
def test_a_timespan_is_days_clock_and_seven_digits(ticks: int, text: str) -> None:
    assert timespan_text(ticks) == text


def test_a_decimal_keeps_all_digits_and_never_takes_an_exponent() -> None:
    assert decimal_text(Decimal("0.000000000000000001")) == "0.000000000000000001"
    assert decimal_text(Decimal("12345678901234567890.123456789012345678")) == "12345678901234567890.123456789012345678"
    assert decimal_text(Decimal("1E+3")) == "1000"


def test_chunked_columns_and_no_columns_are_rows_too() -> None:
    chunks = pa.chunked_array([[1], [], [2, 3]], pa.int64())
    assert rows_json(ResultTable(Schema((Column("n", LONG),)), pa.table({"n": chunks}))) == b"[[1],[2],[3]]"
    assert rows_json(ResultTable(Schema((Column("n", LONG),)), pa.table({"n": chunks.slice(0, 0)}))) == b"[]"
    assert rows_json(ResultTable(Schema(), pa.table({}))) == b"[]"


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4, 5])
def test_rows_in_parts_are_the_same(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = {"n": pa.array(range(rows), pa.int64()), "s": pa.array(["x"] * rows, pa.string())}
    table = ResultTable(Schema((Column("n", LONG), Column("s", STRING))), pa.table(columns))
    whole = rows_json(table)
    monkeypatch.setattr(values, "_ROWS_AT_ONCE", 2)
    assert rows_json(table) == whole


def test_rows_that_nobody_waits_for_are_not_rendered() -> None:
    table = ResultTable(Schema((Column("n", LONG),)), pa.table({"n": [1]}))
    canceled = Work()
    canceled.cancel()
    with pytest.raises(CancelFault), doing(canceled):
        rows_json(table)
