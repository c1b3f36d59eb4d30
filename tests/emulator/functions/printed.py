"""The printed form of results in the examples of catalogue rows: cells joined by commas, rows by newlines.

A null is `null`, one of type dynamic `dynamic(null)`, an empty string nothing; a text that reads like a null is quoted.
"""

import json
from datetime import datetime
from decimal import Decimal

from emulator.binder.entities import NoEntities
from emulator.engine.running.execute import execute
from emulator.engine.running.query import compile_query
from emulator.result import ResultTable
from emulator.types import Scalar
from tests.emulator.conformance_adapter import NoStorage, connection, timespan_text

NOW = datetime(2026, 1, 5, 14, 30)  # noqa: DTZ001 - the engine's datetimes are naive UTC
NULL, DYNAMIC_NULL = "null", "dynamic(null)"


def printed(kql: str) -> str:
    return printed_table(execute(compile_query(kql, NoEntities(), NoStorage()), connection(), now=NOW)[0])


def printed_table(table: ResultTable) -> str:
    scalars = [column.type.scalar for column in table.schema]
    return "\n".join(",".join(map(_cell, row, scalars)) for row in table.rows())


def _cell(value: object, scalar: Scalar) -> str:
    match value:
        case None:
            return DYNAMIC_NULL if scalar is Scalar.DYNAMIC else NULL
        case int() if scalar is Scalar.TIMESPAN:
            return timespan_text(value)
        case Decimal():
            return format(value.normalize(), "f")
        case datetime():
            return f"{value.isoformat()}Z"
        case str() if scalar is Scalar.DYNAMIC:
            # Not as it is written: the spaces of a literal are no part of the value.
            return json.dumps(json.loads(value), separators=(",", ":"), ensure_ascii=False)
        case str() if value in (NULL, DYNAMIC_NULL):
            return f'"{value}"'
        case _:
            return str(value)
