"""What `.show` answers of tables, views, functions and databases: every column, not only those that are looked at."""

import json
import uuid
from datetime import datetime

import pytest

from emulator import Eventhouse
from emulator.engine.catalog.records import Database


def only(eventhouse: Eventhouse, text: str) -> dict[str, object]:
    """Return the one record of an answer; each id must be one, and the same whenever it is asked for."""
    (record,) = eventhouse.command(text).records()
    (again,) = eventhouse.command(text).records()
    assert again == record
    for name, value in record.items():
        if isinstance(value, str) and name.endswith(("Id", "Guid")) and value:
            uuid.UUID(value)
            record[name] = "an id"
    return record


@pytest.fixture(scope="module")
def filled(shared_eventhouse: Eventhouse) -> Eventhouse:
    database = Database("Shown")
    shared_eventhouse._core.writer.change(lambda transaction: transaction.put(database))
    here = Eventhouse(shared_eventhouse._core, "Shown", shared_eventhouse.queued)
    for command in (
        '.create table T (X: long, S: string) with (docstring = "a table", folder = "tables")',
        ".create table Empty (X: long)",
        ".alter table T policy retention softdelete = 7d",
        '.create function with (docstring = "a function", folder = "functions") F(n: long) { T | take n }',
        ".create function G() { 1 }",
        '.create materialized-view with (docString = "a view", folder = "views") V on table T'
        " { T | summarize count() by S }",
        ".set-or-append T <| range X from 1 to 2 step 1 | extend S = 'a'",
    ):
        here.command(command)
    return here


NONE = dict.fromkeys(("CachingPolicy", "ShardingPolicy", "MergePolicy"), "null")


def figures(extents: int, rows: int) -> dict[str, object]:
    """Return what is counted of rows; sizes are not measured."""
    kinds = {"ExtentSize": 0.0, "OriginalSize": 0.0}
    found: dict[str, object] = {"TotalExtents": extents, "TotalRowCount": rows}
    found |= {"HotExtents": extents, "HotRowCount": rows}
    return found | {f"{which}{name}": value for which in ("Total", "Hot") for name, value in kinds.items()}


def test_the_details_of_a_table(filled: Eventhouse) -> None:
    found = only(filled, ".show table T details")
    retention = found.pop("RetentionPolicy")
    assert isinstance(retention, str)
    assert json.loads(retention)["SoftDeletePeriod"] == "7.00:00:00"
    stored = found["MinExtentsCreationTime"]
    assert isinstance(stored, datetime)
    assert found == {
        "TableName": "T",
        "DatabaseName": "Shown",
        "Folder": "tables",
        "DocString": "a table",
        **figures(1, 2),
        "AuthorizedPrincipals": "",
        **NONE,
        "StreamingIngestionPolicy": "null",
        "IngestionBatchingPolicy": "null",
        "MinExtentsCreationTime": stored,
        "MaxExtentsCreationTime": stored,
        "RowOrderPolicy": "null",
        "TableId": "an id",
    }
    assert only(filled, ".show table Empty details") == found | {
        "TableName": "Empty",
        "Folder": "",
        "DocString": "",
        **figures(0, 0),
        "RetentionPolicy": "null",
        "MinExtentsCreationTime": None,
        "MaxExtentsCreationTime": None,
    }
    assert [each["TableName"] for each in filled.command(".show tables details").records()] == ["T", "Empty"]


def test_the_details_of_a_view(filled: Eventhouse) -> None:
    found = only(filled, ".show materialized-view V details")
    stored = found["MinExtentsCreationTime"]
    assert isinstance(stored, datetime)
    assert found == {
        "MaterializedViewName": "V",
        "DatabaseName": "Shown",
        "Folder": "views",
        "DocString": "a view",
        **figures(1, 1),
        "AuthorizedPrincipals": "",
        "RetentionPolicy": "null",
        **NONE,
        "MinExtentsCreationTime": stored,
        "MaxExtentsCreationTime": stored,
    }


def test_the_columns_of_a_table_each_with_an_id(filled: Eventhouse) -> None:
    found = filled.command(".show table T").records()
    ids = {str(record.pop("AttributeId")) for record in found}
    counts = dict.fromkeys(("ExtentsCount", "ExtentSize", "OriginalDataSize", "IndexSize"), 0)
    assert found == [
        {"AttributeName": "X", "AttributeType": "System.Int64", **counts},
        {"AttributeName": "S", "AttributeType": "System.String", **counts},
    ]
    assert len(ids) == 2


@pytest.mark.parametrize("what", ["table T", "tables", "database"])
def test_the_rows_of_a_table_are_one_extent_and_none_are_none(filled: Eventhouse, what: str) -> None:
    found = only(filled, f".show {what} extents")
    stored = only(filled, ".show table T details")["MinExtentsCreationTime"]
    assert found == {
        "ExtentId": "an id",
        "DatabaseName": "Shown",
        "TableName": "T",
        "MaxCreatedOn": stored,
        "MinCreatedOn": stored,
        "OriginalSize": 0.0,
        "ExtentSize": 0.0,
        "RowCount": 2,
        "Tags": "",
    }


def test_a_database_and_its_details(filled: Eventhouse) -> None:
    head = {
        "DatabaseName": "Shown",
        "PersistentStorage": "",
        "Version": f"v1.{filled._core.database('Shown').version}",
        "IsCurrent": True,
        "DatabaseAccessMode": "ReadWrite",
        "PrettyName": "",
        "DatabaseId": "an id",
    }
    tail = {"ReservedSlot1": None, "InTransitionTo": "", "SuspensionState": ""}
    assert only(filled, ".show database") == head | tail
    figures_ = {"TotalSize": 0.0, "OriginalSize": 0.0, "ExtentsCount": 2, "RowCount": 2}
    assert only(filled, ".show database details") == head | figures_
    several = {record["DatabaseName"]: record["IsCurrent"] for record in filled.command(".show databases").records()}
    assert several.pop("Shown") is True
    assert several != {}
    assert set(several.values()) == {False}


def test_all_entities_with_their_texts(filled: Eventhouse) -> None:
    def entities(text: str) -> list[tuple[object, ...]]:
        return [tuple(record.values()) for record in filled.command(text).records()]

    table = ("Shown", "Table", "T", "a table", "tables", "X:long,S:string", "", "X:long,S:string", "{}")
    empty = ("Shown", "Table", "Empty", "", "", "X:long", "", "X:long", "{}")
    view = (
        "Shown", "MaterializedView", "V", "a view", "views", "", "T | summarize count() by S", "S:string,count_:long",
        '{"SourceTable":"T"}',
    )  # fmt: skip
    tabular = ("Shown", "Function", "F", "a function", "functions", "(n: long)", "{ T | take n }")
    scalar = ("Shown", "Function", "G", "", "", "()", "{ 1 }")
    assert entities(".show databases (Shown) entities") == [
        table,
        empty,
        view,
        (*tabular, "", "{}"),
        (*scalar, "", "{}"),
    ]
    resolved = entities(".show databases (Shown) entities with (resolveFunctionSchema = true)")
    assert resolved[3:] == [(*tabular, "X:long,S:string", "{}"), (*scalar, "long", "{}")]
