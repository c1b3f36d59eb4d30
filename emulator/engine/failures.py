"""What `.show ingestion failures` lists: kept with the data, in the transaction it belongs to."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import duckdb

from emulator.sql.ast import OrderBy, Parameter, Select
from emulator.sql.build import EMPTY, columns, op
from emulator.sql.record_table import RecordTable
from emulator.sql.render import render
from emulator.sql.statements import AddColumn, ColumnDefinition, Delete

LIFETIME = timedelta(days=14)

_FAILURES = RecordTable(
    "$failures",
    {
        "operation": "UUID",
        "database": "VARCHAR",
        "target": "VARCHAR",
        "failed_on": "TIMESTAMP",
        "details": "VARCHAR",
        "source": "VARCHAR",
        "from_policy": "BOOLEAN",
        "path": "VARCHAR",
        "code": "VARCHAR",
    },
)
_ADD = render(_FAILURES.insertion)
_PRUNE = render(Delete(_FAILURES.rows, where=op("<", _FAILURES.column("failed_on"), Parameter("oldest", "TIMESTAMP"))))
_READ = render(
    Select(
        columns(("failed_on", "database", "target", "details", "source", "from_policy", "path", "code", "operation")),
        _FAILURES.rows,
        _FAILURES.matches("database"),
        order_by=(OrderBy(_FAILURES.column("failed_on")),),
    )
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


class ViewAborted(Exception):
    """A materialized view could not take in a batch, which has ended DuckDB's transaction where it had begun to.

    `view` is its database and name; the rows are to be stored again without it, which falls behind.
    """

    def __init__(self, view: tuple[str, str], reason: str) -> None:
        super().__init__(reason)
        self.view = view
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Losses:
    """What has failed before in a change, and is left out of its next attempt.

    `policies` are those that are not transactional, as (target, query), `views` the materialized views, as (database,
    name), with the reason.
    """

    policies: dict[tuple[str, str], Failure] = field(default_factory=dict)
    views: dict[tuple[str, str], str] = field(default_factory=dict)


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table of failures where it does not exist."""
    connection.execute(render(_FAILURES.creation))
    # Folders from before queued ingestion lack the last two.
    for name in ("path", "code"):
        added = ColumnDefinition(name, _FAILURES.types[name], EMPTY)
        connection.execute(render(AddColumn(_FAILURES.name, added, if_not_exists=True)))


def record_failure(connection: duckdb.DuckDBPyConnection, failure: Failure) -> None:
    """Keep a failure."""
    connection.execute(
        _ADD,
        {
            "operation": failure.operation,
            "database": failure.database,
            "target": failure.table,
            "failed_on": failure.failed_on,
            "details": failure.details,
            "source": failure.source,
            "from_policy": failure.is_from_policy,
            "path": failure.path,
            "code": failure.code,
        },
    )


def prune_failures(connection: duckdb.DuckDBPyConnection, time: datetime) -> None:
    """Forget failures as old as the service forgets them."""
    connection.execute(_PRUNE, {"oldest": time - LIFETIME})


def failures(connection: duckdb.DuckDBPyConnection, database: str) -> list[Failure]:
    """Return the failures of a database, oldest first."""
    rows = connection.execute(_READ, {"database": database}).fetchall()
    return [Failure(*row) for row in rows]
