"""Management commands through Microsoft's client, and the ones that tools send when they connect."""

import pytest
from azure.kusto.data import KustoClient
from azure.kusto.data.exceptions import KustoApiError

from tests.emulator.server.sdk import request_properties, status_of

DATABASE = "NetDefaultDB"


def column(client: KustoClient, text: str, name: str) -> list[object]:
    return [row[name] for row in client.execute(DATABASE, text).primary_results[0]]


def test_tables_functions_and_views_are_made_shown_and_dropped(client: KustoClient) -> None:
    client.execute_mgmt(DATABASE, ".create-merge table Made (A: long, B: string)")
    function = ".create-or-alter function with (docstring = 'Twice as much') Twice(x: long) { print y = x * 2 }"
    client.execute_mgmt(DATABASE, function)
    assert "Made" in column(client, ".show tables", "TableName")
    assert "Twice" in column(client, ".show functions", "Name")
    assert client.execute(DATABASE, "Twice(21)").primary_results[0][0]["y"] == 42
    schema = client.execute(DATABASE, ".show table Made cslschema").primary_results[0][0]
    assert (schema["TableName"], schema["Schema"]) == ("Made", "A:long,B:string")
    client.execute_mgmt(DATABASE, ".drop function Twice")
    client.execute_mgmt(DATABASE, ".drop table Made")
    assert "Made" not in column(client, ".show tables", "TableName")


def test_data_are_set_and_queried(client: KustoClient) -> None:
    client.execute(DATABASE, ".set-or-replace Copied <| range n from 1 to 5 step 1")
    assert client.execute(DATABASE, "Copied | summarize sum(n)").primary_results[0][0][0] == 15
    client.execute(DATABASE, ".drop table Copied")


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        (".show databases", {"DatabaseName", "PrettyName"}),
        (".show databases | project DatabaseName, DatabaseAccessMode, PrettyName, DatabaseId", {"DatabaseId"}),
        (".show tables | project TableName", {"TableName"}),
        (".show database schema", {"TableName", "ColumnName", "ColumnType"}),
        (".show databases schema", {"DatabaseName", "TableName", "ColumnName", "ColumnType"}),
        (".show table Readings schema as json", {"TableName", "Schema"}),
        (".show materialized-views", {"Name"}),
        (".show functions", {"Name", "Parameters", "Body", "Folder", "DocString"}),
        (".show version", {"BuildVersion"}),
        (".show cluster", {"NodeId"}),
    ],
)
def test_what_tools_ask_when_they_connect_is_answered(client: KustoClient, text: str, columns: set[str]) -> None:
    table = client.execute(DATABASE, text).primary_results[0]
    assert columns <= {column.column_name for column in table.columns}


def test_a_read_only_request_cannot_change_anything(client: KustoClient) -> None:
    properties = request_properties(options={"request_readonly": True})
    with pytest.raises(KustoApiError, match="read-only") as caught:
        client.execute_mgmt(DATABASE, ".drop table Readings", properties)
    assert status_of(caught.value) == 403
    assert "Readings" in column(client, ".show tables", "TableName")


def test_a_refused_command_says_why(client: KustoClient) -> None:
    with pytest.raises(KustoApiError, match="Readings"):
        client.execute_mgmt(DATABASE, ".create table Readings (A: long")
