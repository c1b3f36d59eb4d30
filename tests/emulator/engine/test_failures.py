"""Failures as they are kept: of a database, oldest first, for fourteen days."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from emulator.engine.failures import Failure, create, failures, prune_failures, record_failure

NOW = datetime(2026, 2, 15, tzinfo=UTC).replace(tzinfo=None)
FIRST = Failure(NOW - timedelta(14), "D", "T", "bad", "S", True, "blob", "code")
LATER = Failure(NOW - timedelta(13), "D", "U", "worse")


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        create(opened)
        for each in (LATER, FIRST, Failure(NOW, "E", "T", "of another database")):
            record_failure(opened, each)
        yield opened


def test_failures_of_a_database_come_oldest_first_and_whole(connection: duckdb.DuckDBPyConnection) -> None:
    assert failures(connection, "D") == [FIRST, LATER]
    assert FIRST.operation != LATER.operation


def test_they_go_after_fourteen_days(connection: duckdb.DuckDBPyConnection) -> None:
    prune_failures(connection, NOW)
    assert failures(connection, "D") == [FIRST, LATER]
    prune_failures(connection, NOW + timedelta(microseconds=1))
    assert failures(connection, "D") == [LATER]
    assert len(failures(connection, "E")) == 1


def test_a_table_of_before_gets_the_columns_that_it_lacks(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute('ALTER TABLE "$failures" DROP COLUMN path')
    connection.execute('ALTER TABLE "$failures" DROP COLUMN code')
    create(connection)
    create(connection)
    assert [(each.path, each.code) for each in failures(connection, "D")] == [("", ""), ("", "")]
