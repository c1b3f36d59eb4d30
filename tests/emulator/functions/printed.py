"""The printed form of results in the examples of catalogue rows: cells joined by commas, rows by newlines."""

import json
from datetime import datetime
from decimal import Decimal

from emulator.result import ResultTable
from emulator.types import Scalar
from tests.emulator.conformance_adapter import Rows, rows_of, run


def printed(kql: str) -> str:
    columns, rows = run(kql, "")
    return _printed(rows, [Scalar(name) for _, name in columns])


def printed_table(table: ResultTable) -> str:
    return _printed(rows_of(table), [column.type.scalar for column in table.schema])


def _printed(rows: Rows, types: list[Scalar]) -> str:
    return "\n".join(",".join(_cell(cell, type_) for cell, type_ in zip(row, types, strict=True)) for row in rows)


def _cell(value: object, type_: Scalar) -> str:
    match value:
        case None:
            return ""
        case Decimal():
            return format(value.normalize(), "f")
        case datetime():
            return f"{value.isoformat()}Z"
        case _ if type_ is Scalar.DYNAMIC:
            return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        case _:
            return str(value)
