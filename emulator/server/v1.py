"""The v1 answer: an object of tables, for management commands, streaming ingestion and older query clients."""

from uuid import uuid4

import orjson

from emulator.result import ResultTable
from emulator.server.answer import Answer
from emulator.server.errors import timestamp
from emulator.server.v2 import statistics
from emulator.server.values import rows_json
from emulator.types import Scalar

_DATA_TYPES = {
    Scalar.BOOL: "SByte",
    Scalar.INT: "Int32",
    Scalar.LONG: "Int64",
    Scalar.REAL: "Double",
    Scalar.DECIMAL: "SqlDecimal",
    Scalar.STRING: "String",
    Scalar.DATETIME: "DateTime",
    Scalar.TIMESPAN: "TimeSpan",
    Scalar.GUID: "Guid",
    Scalar.DYNAMIC: "Object",
}

_NO_ID = "00000000-0000-0000-0000-000000000000"

_STATUS_COLUMNS = (
    ("Timestamp", Scalar.DATETIME),
    ("Severity", Scalar.INT),
    ("SeverityName", Scalar.STRING),
    ("StatusCode", Scalar.INT),
    ("StatusDescription", Scalar.STRING),
    ("Count", Scalar.INT),
    ("RequestId", Scalar.GUID),
    ("ActivityId", Scalar.GUID),
    ("SubActivityId", Scalar.GUID),
    ("ClientActivityId", Scalar.STRING),
)
_CONTENTS_COLUMNS = (
    ("Ordinal", Scalar.LONG),
    ("Kind", Scalar.STRING),
    ("Name", Scalar.STRING),
    ("Id", Scalar.STRING),
    ("PrettyName", Scalar.STRING),
)


def render_command(table: ResultTable) -> bytes:
    """Render a command's result: exactly one table, since a third one would be read as a table of contents."""
    return _document([_table("Table_0", _columns(table), rows_json(table))])


def render_ingestion(rows: int) -> bytes:
    """Render the acknowledgement of a streaming ingestion."""
    columns = (
        ("ConsumedRecordsCount", Scalar.LONG),
        ("UpdatePolicyStatus", Scalar.STRING),
        ("UpdatePolicyFailureCode", Scalar.STRING),
        ("UpdatePolicyFailureReason", Scalar.STRING),
    )
    return _document([_table("Table_0", columns, orjson.dumps([[rows, "Inactive", "Unknown", None]]))])


def render_v1(answer: Answer) -> bytes:
    """Render a query's results, its properties, its status and the table of contents, in this order."""
    tables = [
        _table(f"Table_{number}", _columns(rendered.table), rendered.rows)
        for number, rendered in enumerate(answer.tables)
    ]
    contents: list[tuple[object, ...]] = [
        (number, "QueryResult", rendered.table.name, str(uuid4()), "") for number, rendered in enumerate(answer.tables)
    ]
    contents.append((len(contents), "QueryProperties", "@ExtendedProperties", str(uuid4()), ""))
    contents.append((len(contents), "QueryStatus", "QueryStatus", _NO_ID, ""))
    properties = orjson.dumps([(rendered.visualization,) for rendered in answer.tables])
    tables.append(_table(f"Table_{len(tables)}", (("Value", Scalar.STRING),), properties))
    tables.append(_table(f"Table_{len(tables)}", _STATUS_COLUMNS, orjson.dumps(_status_rows(answer))))
    tables.append(_table(f"Table_{len(tables)}", _CONTENTS_COLUMNS, orjson.dumps(contents)))
    return _document(tables)


def _status_rows(answer: Answer) -> list[tuple[object, ...]]:
    ids = (answer.activity_id, answer.activity_id, answer.activity_id, answer.client_request_id)
    if answer.fault is None:
        first = (timestamp(), 4, "Info", 0, "Query completed successfully", 1, *ids)
    else:
        first = (timestamp(), 2, "Error", -2133196797, str(answer.fault), 1, *ids)
    return [first, (timestamp(), 6, "Stats", 0, orjson.dumps(statistics(answer)).decode(), 1, *ids)]


def _columns(table: ResultTable) -> tuple[tuple[str, Scalar], ...]:
    return tuple((column.name, column.type.scalar) for column in table.schema)


def _table(name: str, columns: tuple[tuple[str, Scalar], ...], rows: bytes) -> bytes:
    head = {
        "TableName": name,
        "Columns": [
            {"ColumnName": column, "DataType": _DATA_TYPES[scalar], "ColumnType": str(scalar)}
            for column, scalar in columns
        ],
    }
    return orjson.dumps(head)[:-1] + b',"Rows":' + rows + b"}"


def _document(tables: list[bytes]) -> bytes:
    return b'{"Tables":[' + b",".join(tables) + b"]}"
