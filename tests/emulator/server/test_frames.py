"""The documents of answers: order of keys, kinds of tables, partial failures."""

import json
from collections.abc import Iterator

import pyarrow as pa
import pytest

from emulator.errors import EngineFault, EntityNotFound, SemanticFault, SyntaxFault
from emulator.result import ResultTable, TruncationFault
from emulator.server.answer import Answer, render
from emulator.server.errors import RequestContext, error_body
from emulator.server.v1 import render_command, render_ingestion, render_v1
from emulator.server.v2 import render_v2
from emulator.text import Span
from emulator.types import LONG, STRING, Column, Schema

CONTEXT = RequestContext("client;1", "5f9b1bd2-8dbc-4b44-8a4b-000000000000", "T", "db1")


def numbers(count: int, name: str = "PrimaryResult") -> ResultTable:
    schema = Schema((Column("n", LONG), Column("s", STRING)))
    return ResultTable(
        schema, pa.table({"n": pa.array(range(count), pa.int64()), "s": pa.array(["x"] * count, pa.string())}), name
    )


def answer(*tables: ResultTable, fault: TruncationFault | None = None) -> Answer:
    return Answer(render(tables), CONTEXT.client_request_id, CONTEXT.activity_id, 0.25, fault)


def truncated(count: int) -> Answer:
    words = "The results of this query exceed the set limit of 3 records"
    tables = (numbers(count),)
    return answer(*tables, fault=TruncationFault(words, "E_QUERY_RESULT_SET_TOO_LARGE", tables=tables))


def frames(answered: Answer, *, defer: bool = False, fragmented: bool = False) -> list[dict[str, object]]:
    document = render_v2(answered, CONTEXT, defer_failures=defer, fragmented=fragmented)
    lines = document.split(b"\n")
    assert [line[:1] for line in lines] == [b"[", *[b","] * (len(lines) - 2), b"]"]
    read: list[dict[str, object]] = json.loads(document)
    return read


def error_rows(rows: object) -> Iterator[object]:
    assert isinstance(rows, list)
    return (row["OneApiErrors"][0]["error"]["code"] for row in rows if isinstance(row, dict))


def test_v2_answers_frames_in_order_with_rows_last() -> None:
    header, properties, first, second, information, completion = frames(answer(numbers(2), numbers(0, "Empty")))
    assert header == {"FrameType": "DataSetHeader", "IsProgressive": False, "Version": "v2.0"}
    assert completion == {"FrameType": "DataSetCompletion", "HasErrors": False, "Cancelled": False}
    for frame, kind in [(properties, "QueryProperties"), (first, "PrimaryResult"), (second, "PrimaryResult"),
                        (information, "QueryCompletionInformation")]:  # fmt: skip
        assert list(frame) == ["FrameType", "TableId", "TableKind", "TableName", "Columns", "Rows"]
        assert frame["TableKind"] == kind
    assert first["Columns"] == [
        {"ColumnName": "n", "ColumnType": "long"},
        {"ColumnName": "s", "ColumnType": "string"},
    ]
    assert first["Rows"] == [[0, "x"], [1, "x"]]
    assert (second["TableName"], second["TableId"], second["Rows"]) == ("Empty", 2, [])
    assert [row[:2] for row in properties["Rows"]] == [[1, "Visualization"], [2, "Visualization"]]  # type: ignore[attr-defined]  # JSON


def test_a_visualization_is_json_in_a_string() -> None:
    table = numbers(1)
    chart = ResultTable(table.schema, table.arrow, visualization={"Visualization": "timechart", "Title": "Prices"})
    rows = frames(answer(chart))[1]["Rows"]
    assert isinstance(rows, list)
    value = json.loads(rows[0][2])
    assert (value["Visualization"], value["Title"], value["XColumn"]) == ("timechart", "Prices", None)


def test_a_truncated_result_ends_in_an_error_among_its_rows() -> None:
    read = frames(truncated(3))
    assert [frame.get("TableKind") for frame in read] == [None, "QueryProperties", "PrimaryResult", None]
    rows = read[2]["Rows"]
    assert isinstance(rows, list)
    assert rows[:3] == [[0, "x"], [1, "x"], [2, "x"]]
    assert list(error_rows(rows[3:])) == ["LimitsExceeded"]
    assert len(rows) == 4
    assert read[-1] == {
        "FrameType": "DataSetCompletion",
        "HasErrors": True,
        "Cancelled": False,
        "OneApiErrors": rows[3]["OneApiErrors"],
    }
    assert "set limit of 3 records" in json.dumps(rows[3])


def test_deferred_failures_stand_in_the_completion_information() -> None:
    read = frames(truncated(3), defer=True)
    assert read[2]["Rows"] == [[0, "x"], [1, "x"], [2, "x"]]
    levels = [row[5] for row in read[3]["Rows"]]  # type: ignore[attr-defined]  # JSON
    assert levels == [2, 6]
    assert read[-1] == {"FrameType": "DataSetCompletion", "HasErrors": True, "Cancelled": False}


def test_a_result_of_which_nothing_fits_still_reports_the_fault() -> None:
    rows = frames(truncated(0))[2]["Rows"]
    assert isinstance(rows, list)
    assert list(error_rows(rows)) == ["LimitsExceeded"]
    assert len(rows) == 1


def test_fragments_are_sent_to_clients_that_ask_for_them() -> None:
    read = frames(answer(numbers(2)), fragmented=True)
    assert list(read[0].items())[-2:] == [("IsFragmented", True), ("ErrorReportingPlacement", "EndOfTable")]
    assert [frame["FrameType"] for frame in read[2:5]] == ["TableHeader", "TableFragment", "TableCompletion"]
    assert list(read[3]) == ["FrameType", "TableFragmentType", "TableId", "Rows"]
    assert read[4] == {"FrameType": "TableCompletion", "TableId": 1, "RowCount": 2}


def test_v1_ends_with_a_table_of_contents() -> None:
    tables = json.loads(render_v1(answer(numbers(1), numbers(0))))["Tables"]
    assert [table["TableName"] for table in tables] == [f"Table_{number}" for number in range(5)]
    assert [row[:3] for row in tables[-1]["Rows"]] == [
        [0, "QueryResult", "PrimaryResult"],
        [1, "QueryResult", "PrimaryResult"],
        [2, "QueryProperties", "@ExtendedProperties"],
        [3, "QueryStatus", "QueryStatus"],
    ]
    assert tables[0]["Columns"][0] == {"ColumnName": "n", "DataType": "Int64", "ColumnType": "long"}


@pytest.mark.parametrize(
    ("answered", "first"),
    [
        (answer(numbers(1)), [4, "Info", 0, "Query completed successfully", 1]),
        (
            truncated(3),
            [
                2,
                "Error",
                -2133196797,
                "Limit exceeded: E_QUERY_RESULT_SET_TOO_LARGE:"
                " The results of this query exceed the set limit of 3 records",
                1,
            ],
        ),
    ],
)
def test_v1_tells_how_the_query_ended_and_what_it_took(answered: Answer, first: list[object]) -> None:
    status = json.loads(render_v1(answered))["Tables"][-2]
    assert [column["ColumnName"] for column in status["Columns"]] == [
        *("Timestamp", "Severity", "SeverityName", "StatusCode", "StatusDescription", "Count"),
        *("RequestId", "ActivityId", "SubActivityId", "ClientActivityId"),
    ]
    ids = [CONTEXT.activity_id] * 3 + [CONTEXT.client_request_id]
    ended, took = status["Rows"]
    assert ended[1:] == [*first, *ids]
    assert [*took[1:4], *took[5:]] == [6, "Stats", 0, 1, *ids]
    assert json.loads(took[4])["ExecutionTime"] == 0.25


def test_a_command_answers_exactly_one_table() -> None:
    tables = json.loads(render_command(numbers(2)))["Tables"]
    assert [table["Rows"] for table in tables] == [[[0, "x"], [1, "x"]]]


def test_an_ingestion_is_acknowledged_with_its_records() -> None:
    table = json.loads(render_ingestion(7))["Tables"][0]
    assert table["Columns"][0]["ColumnName"] == "ConsumedRecordsCount"
    assert table["Rows"] == [[7, "Inactive", "Unknown", None]]


def test_an_error_document_carries_code_place_and_text() -> None:
    fault = SemanticFault(
        "Failed to resolve scalar expression named 'Prise'",
        "SEM0100",
        Span(10, 15),
        "did you mean Price?",
        "T | where Prise",
    )
    error = json.loads(error_body(fault, CONTEXT))["error"]
    assert error["code"] == "General_BadRequest"
    assert error["@type"] == "Kusto.Data.Exceptions.SemanticException"
    assert error["@message"].startswith(
        "Request is invalid and cannot be processed: Semantic error: SEM0100: Failed to"
    )
    assert "did you mean Price?" in error["@message"]
    assert error["@permanent"] is True
    assert error["innererror"]["@errorCode"] == "SEM0100"
    assert error["@context"]["clientRequestId"] == "client;1"


@pytest.mark.parametrize(
    ("fault", "code", "permanent"),
    [
        (SyntaxFault("Unexpected '|'", "SYN0001"), "BadRequest_SyntaxError", True),
        (EntityNotFound("Table 'T' does not exist"), "BadRequest_EntityNotFound", True),
        (EngineFault("disk full", "TH9000"), "InternalServiceError", False),
    ],
)
def test_each_kind_of_fault_has_its_code(fault: SyntaxFault | EntityNotFound | EngineFault, code: str,
                                         permanent: bool) -> None:  # fmt: skip
    error = json.loads(error_body(fault, CONTEXT))["error"]
    assert error["code"] == code
    assert error["@permanent"] is permanent
