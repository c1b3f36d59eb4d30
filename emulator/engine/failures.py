"""What `.show ingestion failures` lists: kept with the data, in the transaction it belongs to."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import duckdb

LIFETIME = timedelta(days=14)

_COLUMNS = (
    "operation UUID, database VARCHAR, target VARCHAR, failed_on TIMESTAMP, details VARCHAR, source VARCHAR,"
    " from_policy BOOLEAN, path VARCHAR DEFAULT '', code VARCHAR DEFAULT ''"
)


@dataclass(frozen=True, slots=True)
class Failure:
    """A batch, or its part for one table, that was not stored."""

    failed_on: datetime
    database: str
    table: str
    details: str
    source: str = ""
    is_from_policy: bool = False
    path: str = ""
    code: str = ""
    operation: uuid.UUID = field(default_factory=uuid.uuid4)


class PolicyAborted(Exception):
    """A policy that is not transactional failed while it ran, which ended DuckDB's transaction.

    `policy` is its target and query; the rows are to be stored again without it.
    """

    def __init__(self, policy: tuple[str, str], failure: Failure) -> None:
        super().__init__(failure.details)
        self.policy = policy
        self.failure = failure


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table of failures where it does not exist."""
    connection.execute(f'CREATE TABLE IF NOT EXISTS "$failures" ({_COLUMNS})')
    # Folders from before queued ingestion lack the last two.
    for column in ("path", "code"):
        connection.execute(f"""ALTER TABLE "$failures" ADD COLUMN IF NOT EXISTS {column} VARCHAR DEFAULT ''""")


def record_failure(connection: duckdb.DuckDBPyConnection, failure: Failure) -> None:
    """Keep a failure."""
    connection.execute(
        'INSERT INTO "$failures" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
        (
            failure.operation,
            failure.database,
            failure.table,
            failure.failed_on,
            failure.details,
            failure.source,
            failure.is_from_policy,
            failure.path,
            failure.code,
        ),
    )


def prune_failures(connection: duckdb.DuckDBPyConnection, time: datetime) -> None:
    """Forget failures as old as the service forgets them."""
    connection.execute('DELETE FROM "$failures" WHERE failed_on < ?', (time - LIFETIME,))


def failures(connection: duckdb.DuckDBPyConnection, database: str) -> list[Failure]:
    """Return the failures of a database, oldest first."""
    rows = connection.execute(
        'SELECT failed_on, database, target, details, source, from_policy, path, code, operation FROM "$failures"'
        " WHERE database = ? ORDER BY failed_on",
        (database,),
    ).fetchall()
    return [Failure(*row) for row in rows]
