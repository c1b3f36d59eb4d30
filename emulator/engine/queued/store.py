"""What queued ingestion keeps in the DuckDB file: messages, reports of outcomes, statuses and `ingest-by:` tags."""
# ruff: noqa: S608 - every name is one of this module or goes through `identifier`, every value is a parameter

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import duckdb

from emulator.engine.catalog.records import INGESTION_TIME
from emulator.engine.failures import prune_failures
from emulator.engine.queued.message import Pending, from_text, to_text
from emulator.sql.render import identifier

REPORTS_KEPT = 10_000
REPORT_LIFETIME = timedelta(days=7)
INGEST_BY = "ingest-by:"

_TABLES = (
    '"$queued_messages" (number BIGINT, size BIGINT, document VARCHAR)',
    '"$queued_reports" (number BIGINT, queue VARCHAR, id UUID, inserted TIMESTAMP, visible TIMESTAMP, receipt VARCHAR,'
    " dequeued INTEGER, document VARCHAR)",
    '"$queued_statuses" (source VARCHAR, updated TIMESTAMP, document VARCHAR)',
    '"$ingest_by" (tag VARCHAR, time TIMESTAMP)',
)


class ReportQueue(StrEnum):
    """The queues in which clients look for outcomes."""

    FAILED = "failed-ingestions"
    SUCCEEDED = "successful-ingestions"


@dataclass(frozen=True, slots=True)
class Report:
    """An outcome in its queue; `receipt` lets whoever took it remove it."""

    id: uuid.UUID
    inserted: datetime
    visible: datetime
    receipt: str
    dequeued: int
    document: str


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables where they do not exist."""
    for table in _TABLES:
        connection.execute(f"CREATE TABLE IF NOT EXISTS {table}")


def add_message(connection: duckdb.DuckDBPyConnection, pending: Pending) -> None:
    """Keep a message."""
    connection.execute(
        'INSERT INTO "$queued_messages" VALUES (?, ?, ?)', (pending.number, pending.size, to_text(pending.message))
    )


def remove_messages(connection: duckdb.DuckDBPyConnection, numbers: Sequence[int]) -> None:
    """Remove messages that are done."""
    connection.execute('DELETE FROM "$queued_messages" WHERE list_contains(?::BIGINT[], number)', (list(numbers),))


def messages(connection: duckdb.DuckDBPyConnection) -> list[Pending]:
    """Return the messages that wait, in order."""
    rows = connection.execute('SELECT number, size, document FROM "$queued_messages" ORDER BY number').fetchall()
    return [Pending(number, from_text(document), size) for number, size, document in rows]


def add_report(connection: duckdb.DuckDBPyConnection, queue: ReportQueue, document: object, time: datetime) -> None:
    """Put an outcome in its queue."""
    connection.execute(
        'INSERT INTO "$queued_reports" SELECT coalesce(max(number), 0) + 1, $1, uuid(), $2, $2, $4, 0, $3'
        ' FROM "$queued_reports"',
        (queue.value, time, json.dumps(document), ""),
    )


def prune(connection: duckdb.DuckDBPyConnection, time: datetime) -> None:
    """Forget reports and statuses that are old, or too many, and old failures."""
    prune_failures(connection, time)
    for table in ("$queued_reports", "$queued_statuses"):
        moment = "inserted" if table == "$queued_reports" else "updated"
        connection.execute(
            f"DELETE FROM {identifier(table)} WHERE {moment} < greatest($1, (SELECT {moment} FROM {identifier(table)}"
            f" ORDER BY {moment} DESC LIMIT 1 OFFSET $2))",
            (time - REPORT_LIFETIME, REPORTS_KEPT),
        )


def peek_reports(connection: duckdb.DuckDBPyConnection, queue: ReportQueue, limit: int, time: datetime) -> list[Report]:
    """Return the oldest reports of a queue that nobody has taken, without taking them."""
    rows = connection.execute(
        'SELECT id, inserted, visible, receipt, dequeued, document FROM "$queued_reports"'
        " WHERE queue = $1 AND visible <= $2 ORDER BY number LIMIT $3",
        (queue.value, time, limit),
    ).fetchall()
    return [Report(*row) for row in rows]


def take_reports(
    connection: duckdb.DuckDBPyConnection, queue: ReportQueue, limit: int, time: datetime, hidden: timedelta
) -> list[Report]:
    """Hide the oldest reports for a while and return them; who does not remove them in time leaves them to others."""
    found = peek_reports(connection, queue, limit, time)
    taken = [
        Report(each.id, each.inserted, time + hidden, str(uuid.uuid4()), each.dequeued + 1, each.document)
        for each in found
    ]
    for each in taken:
        connection.execute(
            'UPDATE "$queued_reports" SET visible = ?, receipt = ?, dequeued = ? WHERE id = ?',
            (each.visible, each.receipt, each.dequeued, each.id),
        )
    return taken


def remove_report(connection: duckdb.DuckDBPyConnection, queue: ReportQueue, id_: uuid.UUID, receipt: str) -> bool:
    """Remove a report that was taken with this receipt; say whether it was there."""
    rows = connection.execute(
        'DELETE FROM "$queued_reports" WHERE queue = ? AND id = ? AND receipt = ? RETURNING id',
        (queue.value, id_, receipt),
    ).fetchall()
    return bool(rows)


def set_status(connection: duckdb.DuckDBPyConnection, source: str, document: object, time: datetime) -> None:
    """Keep the latest status of a source."""
    connection.execute('DELETE FROM "$queued_statuses" WHERE source = ?', (source,))
    connection.execute('INSERT INTO "$queued_statuses" VALUES (?, ?, ?)', (source, time, json.dumps(document)))


def status(connection: duckdb.DuckDBPyConnection, source: str) -> dict[str, object] | None:
    """Return the latest status of a source."""
    rows = connection.execute('SELECT document FROM "$queued_statuses" WHERE source = ?', (source,)).fetchall()
    return json.loads(rows[0][0]) if rows else None


def add_tags(connection: duckdb.DuckDBPyConnection, tags: Iterable[str], time: datetime) -> None:
    """Keep the `ingest-by:` tags of rows with an ingestion time, which no other transaction shares."""
    for tag in sorted({tag.removeprefix(INGEST_BY) for tag in tags if tag.startswith(INGEST_BY)}):
        connection.execute('INSERT INTO "$ingest_by" VALUES (?, ?)', (tag, time))


def existing_tags(connection: duckdb.DuckDBPyConnection, relation: str, tags: Sequence[str]) -> list[str]:
    """Return those of the tags that rows of a relation have; cleared or dropped rows take theirs along."""
    rows = connection.execute(
        'SELECT DISTINCT tag FROM "$ingest_by" WHERE list_contains(?::VARCHAR[], tag) AND EXISTS'
        f" (SELECT 1 FROM {identifier(relation)} AS r WHERE r.{identifier(INGESTION_TIME)} = time)",
        (list(tags),),
    ).fetchall()
    return sorted(tag for (tag,) in rows)
