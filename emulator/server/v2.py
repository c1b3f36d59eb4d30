"""The v2 answer of a query: an array of frames, one per line.

Clients read it forward only, so the order of keys in a frame is part of the protocol: `FrameType` first, `Rows` last.
"""

from collections.abc import Iterator, Sequence

import orjson

from emulator.result import ResultTable
from emulator.server.answer import Answer, RenderedTable
from emulator.server.errors import RequestContext, error_document, timestamp

_PROPERTIES_COLUMNS = (("TableId", "int"), ("Key", "string"), ("Value", "dynamic"))
_COMPLETION_COLUMNS = (
    ("Timestamp", "datetime"),
    ("ClientRequestId", "string"),
    ("ActivityId", "guid"),
    ("SubActivityId", "guid"),
    ("ParentActivityId", "guid"),
    ("Level", "int"),
    ("LevelName", "string"),
    ("StatusCode", "int"),
    ("StatusCodeName", "string"),
    ("EventType", "int"),
    ("EventTypeName", "string"),
    ("Payload", "string"),
)


def render_v2(answer: Answer, context: RequestContext, *, defer_failures: bool, fragmented: bool) -> bytes:
    """Render an answer as v2 frames.

    A fault after the first row is part of the data by default; `defer_failures` moves it into the completion
    information. `fragmented` is the form of iterative clients, which ask for it explicitly.
    """
    frames = list(_frames(answer, context, defer_failures=defer_failures, fragmented=fragmented))
    return b"[" + b"\n,".join(frames) + b"\n]"


def _frames(answer: Answer, context: RequestContext, *, defer_failures: bool, fragmented: bool) -> Iterator[bytes]:
    error: dict[str, object] | None = None
    if answer.fault is not None:
        error = {"error": error_document(answer.fault, context)}
    header: dict[str, object] = {"FrameType": "DataSetHeader", "IsProgressive": False, "Version": "v2.0"}
    if fragmented:
        header |= {"IsFragmented": True, "ErrorReportingPlacement": "EndOfTable"}
    yield orjson.dumps(header)
    visualizations = orjson.dumps(
        [(number, "Visualization", table.visualization) for number, table in enumerate(answer.tables, 1)]
    )
    yield _data_table(0, "QueryProperties", "@ExtendedProperties", _PROPERTIES_COLUMNS, visualizations)
    in_data = error is not None and not defer_failures
    for number, rendered in enumerate(answer.tables, 1):
        is_last = number == len(answer.tables)
        table_error = error if in_data and is_last else None
        if fragmented:
            yield from _fragments(number, rendered, table_error)
        else:
            rows = rendered.rows if table_error is None else _with_error(rendered.rows, table_error)
            yield _data_table(number, "PrimaryResult", rendered.table.name, _columns(rendered.table), rows)
    if not in_data:
        rows = orjson.dumps(list(_completion_rows(answer, error)))
        yield _data_table(
            len(answer.tables) + 1,
            "QueryCompletionInformation",
            "QueryCompletionInformation",
            _COMPLETION_COLUMNS,
            rows,
        )
    completion: dict[str, object] = {
        "FrameType": "DataSetCompletion",
        "HasErrors": error is not None,
        "Cancelled": False,
    }
    if in_data:
        completion["OneApiErrors"] = [error]
    yield orjson.dumps(completion)


def _fragments(number: int, rendered: RenderedTable, error: dict[str, object] | None) -> Iterator[bytes]:
    header = _head("TableHeader", number, "PrimaryResult", rendered.table.name, _columns(rendered.table))
    yield header + b"}"
    yield (
        b'{"FrameType":"TableFragment","TableFragmentType":"DataAppend","TableId":%d,"Rows":' % number
        + rendered.rows
        + b"}"
    )
    completion: dict[str, object] = {
        "FrameType": "TableCompletion",
        "TableId": number,
        "RowCount": len(rendered.table),
    }
    if error is not None:
        completion["OneApiErrors"] = [error]
    yield orjson.dumps(completion)


def _data_table(number: int, kind: str, name: str, columns: Sequence[tuple[str, str]], rows: bytes) -> bytes:
    return _head("DataTable", number, kind, name, columns) + b',"Rows":' + rows + b"}"


def _head(frame: str, number: int, kind: str, name: str, columns: Sequence[tuple[str, str]]) -> bytes:
    document = {
        "FrameType": frame,
        "TableId": number,
        "TableKind": kind,
        "TableName": name,
        "Columns": [{"ColumnName": column, "ColumnType": type_} for column, type_ in columns],
    }
    return orjson.dumps(document)[:-1]


def _columns(table: ResultTable) -> list[tuple[str, str]]:
    return [(column.name, str(column.type)) for column in table.schema]


def _with_error(rows: bytes, error: dict[str, object]) -> bytes:
    separator = b"," if rows != b"[]" else b""
    return rows[:-1] + separator + orjson.dumps({"OneApiErrors": [error]}) + b"]"


def _completion_rows(answer: Answer, error: dict[str, object] | None) -> Iterator[tuple[object, ...]]:
    if error is None:
        text = {"Count": 1, "Text": "Query completed successfully"}
        yield _completion_row(answer, (4, "Info", 0, "S_OK (0)", 4, "QueryInfo"), text)
    else:
        text = {"Count": 1, "Text": str(answer.fault)}
        yield _completion_row(answer, (2, "Error", -2133196797, "E_QUERY_RESULT_SET_TOO_LARGE", 4, "QueryInfo"), text)
    yield _completion_row(answer, (6, "Stats", 0, "S_OK (0)", 0, "QueryResourceConsumption"), statistics(answer))


def statistics(answer: Answer) -> dict[str, object]:
    """Return the figures of a query: seconds of execution, rows and bytes per table."""
    return {
        "ExecutionTime": answer.seconds,
        "dataset_statistics": [
            {"table_row_count": len(rendered.table), "table_size": len(rendered.rows)} for rendered in answer.tables
        ],
    }


def _completion_row(
    answer: Answer, status: tuple[int, str, int, str, int, str], payload: dict[str, object]
) -> tuple[object, ...]:
    activity = answer.activity_id
    return (
        timestamp(),
        answer.client_request_id,
        activity,
        activity,
        activity,
        *status,
        orjson.dumps(payload).decode(),
    )
