"""Tables of records: definition, insertion and conditions follow from the columns."""

import duckdb
import pytest

from emulator.sql.ast import Select
from emulator.sql.build import columns
from emulator.sql.record_table import RecordTable
from emulator.sql.render import render
from emulator.sql.statements import Delete

RECORDS = RecordTable("$records", {"id": "BIGINT", "select": "VARCHAR"})


def test_a_table_of_records_is_written_from_its_columns() -> None:
    assert render(RECORDS.creation) == 'CREATE TABLE IF NOT EXISTS "$records" ("id" BIGINT, "select" VARCHAR)'
    assert render(RECORDS.insertion) == 'INSERT INTO "$records" VALUES (CAST($id AS BIGINT), CAST($select AS VARCHAR))'
    assert render(Delete(RECORDS.rows, where=RECORDS.matches("id", "select"))) == (
        'DELETE FROM "$records" AS "$records" WHERE (("$records"."id" = CAST($id AS BIGINT))'
        ' AND ("$records"."select" = CAST($select AS VARCHAR)))'
    )


def test_records_are_kept_and_found() -> None:
    connection = duckdb.connect()
    for _ in range(2):
        connection.execute(render(RECORDS.creation))
    for number, text in enumerate(["a", "'; DROP", "a\0b"]):
        connection.execute(render(RECORDS.insertion), {"id": number, "select": text})
    found = render(Select(columns(RECORDS.types), RECORDS.rows, RECORDS.matches("select")))
    assert connection.execute(found, {"select": "a\0b"}).fetchall() == [(2, "a\0b")]


def test_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError):
        RECORDS.column("name")
    with pytest.raises(KeyError):
        RECORDS.given("name")
