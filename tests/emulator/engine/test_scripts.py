"""What a script of commands answers, row by row."""

import uuid

import pytest

from emulator import Eventhouse
from emulator.errors import EntityNotFound

SCRIPT = """.execute database script{properties} <|
.create-merge table T (A: int)

.drop table Missing
// a comment
.create-or-alter function F() {{ T | count }}
"""


@pytest.fixture
def eventhouse(empty_database: Eventhouse) -> Eventhouse:
    return empty_database


def answered(eventhouse: Eventhouse, properties: str) -> list[tuple[object, object]]:
    rows = eventhouse.command(SCRIPT.format(properties=properties)).records()
    assert all(("'Missing'" in str(row["Reason"])) == (row["Result"] == "Failed") for row in rows)
    assert str(rows[0]["CommandText"]) == ".create-merge table T (A: int)"
    return [(row["CommandType"], row["Result"]) for row in rows]


def test_the_first_failure_is_the_last_row(eventhouse: Eventhouse) -> None:
    assert answered(eventhouse, "") == [("TableCreateMerge", "Completed"), ("TableDrop", "Failed")]
    assert [row["TableName"] for row in eventhouse.command(".show tables").records()] == ["T"]
    assert len(eventhouse.command(".show functions")) == 0


def test_continuing_tries_everything(eventhouse: Eventhouse) -> None:
    assert answered(eventhouse, " with (ContinueOnErrors = true)") == [
        ("TableCreateMerge", "Completed"),
        ("TableDrop", "Failed"),
        ("FunctionCreateOrAlter", "Completed"),
    ]


def test_throwing_raises_what_failed(eventhouse: Eventhouse) -> None:
    with pytest.raises(EntityNotFound, match="'Missing'"):
        eventhouse.command(SCRIPT.format(properties=" with (ThrowOnErrors = true)"))


def test_operations_name_what_was_done(eventhouse: Eventhouse) -> None:
    answered(eventhouse, "")
    operations = eventhouse.command(
        ".show operations | where Database == current_database() | project Operation, State"
    ).rows()
    assert list(operations) == [
        ("TableCreateMerge", "Completed"),
        ("TableDrop", "Failed"),
        ("DatabaseScriptExecute", "Completed"),
    ]


def test_each_command_is_told_in_full(eventhouse: Eventhouse) -> None:
    script = """.execute database script with (continueonerrors = TRUE) <|
.create table T (A: int)
.drop table Missing
.set-or-append T <| print A = int(1)
"""
    ids, *rest = zip(*eventhouse.command(script).rows(), strict=True)
    assert [uuid.UUID(str(each)).version for each in ids] == [4, 4, 4]
    missing = "Entity not found: BadRequest_EntityNotFound: Entity 'Missing' of kind 'Table' was not found."
    assert rest == [
        ("TableCreate", "TableDrop", "TableSetOrAppend"),
        (".create table T (A: int)", ".drop table Missing", ".set-or-append T <| print A = int(1)"),
        ("Completed", "Failed", "Completed"),
        ("", missing, ""),
    ]


def test_a_query_is_none_of_a_script(eventhouse: Eventhouse) -> None:
    ((_, kind, text, result, reason),) = eventhouse.command(".execute database script <|\n\nprint 1").rows()
    assert (kind, text, result, reason) == (
        "", "print 1", "Failed", "Bad request: BadRequest_InvalidScript: A script holds management commands only."
    )  # fmt: skip
