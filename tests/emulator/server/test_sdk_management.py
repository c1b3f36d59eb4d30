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
    assert column(client, ".show tables", "TableName") == ["Readings", "Types", "Made"]
    assert column(client, ".show functions", "Name") == ["Twice"]
    assert client.execute(DATABASE, "Twice(21)").primary_results[0][0]["y"] == 42
    schema = client.execute(DATABASE, ".show table Made cslschema").primary_results[0][0]
    assert (schema["TableName"], schema["Schema"]) == ("Made", "A:long,B:string")
    client.execute_mgmt(DATABASE, ".drop function Twice")
    client.execute_mgmt(DATABASE, ".drop table Made")
    assert column(client, ".show tables", "TableName") == ["Readings", "Types"]
    assert column(client, ".show functions", "Name") == []


def test_data_are_set_and_queried(client: KustoClient) -> None:
    client.execute(DATABASE, ".set-or-replace Copied <| range n from 1 to 5 step 1")
    assert column(client, "Copied | sort by n asc", "n") == [1, 2, 3, 4, 5]
    client.execute(DATABASE, ".drop table Copied")


# Names and order as the reference of each command has them.
DATABASE_COLUMNS = (
    *("DatabaseName", "PersistentStorage", "Version", "IsCurrent", "DatabaseAccessMode", "PrettyName"),
    *("ReservedSlot1", "DatabaseId", "InTransitionTo", "SuspensionState"),
)
SCHEMA_COLUMNS = (
    *("DatabaseName", "TableName", "ColumnName", "ColumnType", "IsDefaultTable", "IsDefaultColumn", "PrettyName"),
    *("Version", "Folder", "DocString"),
)
VIEW_COLUMNS = (
    *("Name", "SourceTable", "Query", "MaterializedTo", "LastRun", "LastRunResult", "IsHealthy", "IsEnabled"),
    *("Folder", "DocString", "AutoUpdateSchema", "EffectiveDateTime", "Lookback", "LookbackColumn"),
)
CLUSTER_COLUMNS = (
    *("NodeId", "Address", "Name", "StartTime", "IsAdmin", "MachineTotalMemory", "MachineAvailableMemory"),
    *("ProcessorCount", "EnvironmentDescription"),
)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        (".show databases", DATABASE_COLUMNS),
        (
            ".show databases | project DatabaseName, DatabaseAccessMode, PrettyName, DatabaseId",
            ("DatabaseName", "DatabaseAccessMode", "PrettyName", "DatabaseId"),
        ),
        (".show tables | project TableName", ("TableName",)),
        (".show database schema", SCHEMA_COLUMNS),
        (".show databases schema", SCHEMA_COLUMNS),
        (".show table Readings schema as json", ("TableName", "Schema", "DatabaseName", "Folder", "DocString")),
        (".show materialized-views", VIEW_COLUMNS),
        (".show functions", ("Name", "Parameters", "Body", "Folder", "DocString")),
        (".show version", ("BuildVersion", "BuildTime", "ServiceType", "ProductVersion", "ServiceOffering")),
        (".show cluster", CLUSTER_COLUMNS),
    ],
)
def test_what_tools_ask_when_they_connect_is_answered(client: KustoClient, text: str, columns: tuple[str, ...]) -> None:
    table = client.execute(DATABASE, text).primary_results[0]
    assert tuple(column.column_name for column in table.columns) == columns


def test_a_read_only_request_cannot_change_anything(client: KustoClient) -> None:
    properties = request_properties(options={"request_readonly": True})
    with pytest.raises(KustoApiError, match="read-only") as caught:
        client.execute_mgmt(DATABASE, ".drop table Readings", properties)
    assert status_of(caught.value) == 403
    assert column(client, ".show tables", "TableName") == ["Readings", "Types"]


def test_a_refused_command_says_why(client: KustoClient) -> None:
    with pytest.raises(KustoApiError, match="Readings"):
        client.execute_mgmt(DATABASE, ".create table Readings (A: long")
