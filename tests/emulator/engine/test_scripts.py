"""What a script of commands answers, row by row."""

from collections.abc import Iterator

import pytest

from emulator import Eventhouse
from emulator.errors import EntityNotFound

pytestmark = pytest.mark.slow

SCRIPT = """.execute database script{properties} <|
.create-merge table T (A: int)

.drop table Missing
// a comment
.create-or-alter function F() {{ T | count }}
"""


@pytest.fixture
def eventhouse() -> Iterator[Eventhouse]:
    opened = Eventhouse.open(None)
    yield opened
    opened.close()


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
    operations = eventhouse.command(".show operations | project Operation, State").rows()
    assert list(operations) == [
        ("TableCreateMerge", "Completed"),
        ("TableDrop", "Failed"),
        ("DatabaseScriptExecute", "Completed"),
    ]
