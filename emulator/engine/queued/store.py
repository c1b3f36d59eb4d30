"""What queued ingestion keeps in the DuckDB file: messages, reports of outcomes, statuses and `ingest-by:` tags."""

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import duckdb

from emulator.engine.failures import prune_failures
from emulator.engine.queued.message import Pending, from_text, to_text
from emulator.engine.relation_names import INGESTION_TIME
from emulator.sql.ast import ColumnRef, Exists, Item, OrderBy, Parameter, Select, Sql, Subquery
from emulator.sql.build import EMPTY, and_, call, coalesce, columns, equal, lit, op, table
from emulator.sql.record_table import RecordTable
from emulator.sql.render import render
from emulator.sql.statements import Assignment, Delete, Insert, Update

REPORTS_KEPT = 10_000
REPORT_LIFETIME = timedelta(days=7)
INGEST_BY = "ingest-by:"

_MESSAGES = RecordTable("$queued_messages", {"number": "BIGINT", "size": "BIGINT", "document": "VARCHAR"})
_REPORTS = RecordTable(
    "$queued_reports",
    {
        "number": "BIGINT",
        "queue": "VARCHAR",
        "id": "UUID",
        "inserted": "TIMESTAMP",
        "visible": "TIMESTAMP",
        "receipt": "VARCHAR",
        "dequeued": "INTEGER",
        "document": "VARCHAR",
    },
)
_STATUSES = RecordTable("$queued_statuses", {"source": "VARCHAR", "updated": "TIMESTAMP", "document": "VARCHAR"})
_TAGS = RecordTable("$ingest_by", {"tag": "VARCHAR", "time": "TIMESTAMP"})


def _next_report() -> Insert:
    last = coalesce(call("max", _REPORTS.column("number")), lit(0))
    values: dict[str, Sql] = {
        "number": op("+", last, lit(1)),
        "queue": _REPORTS.given("queue"),
        "id": call("uuid"),
        "inserted": _REPORTS.given("inserted"),
        "visible": _REPORTS.given("inserted"),
        "receipt": EMPTY,
        "dequeued": lit(0),
        "document": _REPORTS.given("document"),
    }
    items = tuple(Item(values[name], name) for name in _REPORTS.types)
    return Insert(_REPORTS.name, Select(items, _REPORTS.rows))


def _pruning(records: RecordTable, moment: str) -> Delete:
    """Remove what is older than a time, and all but the latest records."""
    latest = OrderBy(records.column(moment), ascending=False)
    first_too_many = Select(
        columns((moment,)), records.rows, order_by=(latest,), limit=lit(1), offset=Parameter("kept", "BIGINT")
    )
    # `greatest` passes over the null of a table with fewer records.
    bound = call("greatest", Parameter("oldest", "TIMESTAMP"), Subquery(first_too_many))
    return Delete(records.rows, where=op("<", records.column(moment), bound))


_REPORT_COLUMNS = ("id", "inserted", "visible", "receipt", "dequeued", "document")
_VISIBLE_REPORTS = Select(
    columns(_REPORT_COLUMNS),
    _REPORTS.rows,
    and_((_REPORTS.matches("queue"), op("<=", _REPORTS.column("visible"), Parameter("now", "TIMESTAMP")))),
    order_by=(OrderBy(_REPORTS.column("number")),),
    limit=Parameter("most", "BIGINT"),
)
_TAKING = Update(
    _REPORTS.rows,
    tuple(Assignment(name, _REPORTS.given(name)) for name in ("visible", "receipt", "dequeued")),
    where=_REPORTS.matches("id"),
)

_ADD_MESSAGE = render(_MESSAGES.insertion)
_REMOVE_MESSAGES = render(
    Delete(_MESSAGES.rows, where=call("list_contains", Parameter("numbers", "BIGINT[]"), _MESSAGES.column("number")))
)
_READ_MESSAGES = render(
    Select(columns(_MESSAGES.types), _MESSAGES.rows, order_by=(OrderBy(_MESSAGES.column("number")),))
)
_ADD_REPORT = render(_next_report())
_PRUNE = tuple(render(_pruning(*each)) for each in ((_REPORTS, "inserted"), (_STATUSES, "updated")))
_READ_REPORTS = render(_VISIBLE_REPORTS)
_TAKE_REPORT = render(_TAKING)
_REMOVE_REPORT = render(
    Delete(_REPORTS.rows, where=_REPORTS.matches("queue", "id", "receipt"), returning=(_REPORTS.column("id"),))
)
_REMOVE_STATUS = render(Delete(_STATUSES.rows, where=_STATUSES.matches("source")))
_ADD_STATUS = render(_STATUSES.insertion)
_READ_STATUS = render(Select(columns(("document",)), _STATUSES.rows, _STATUSES.matches("source")))
_ADD_TAG = render(_TAGS.insertion)


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
    for records in (_MESSAGES, _REPORTS, _STATUSES, _TAGS):
        connection.execute(render(records.creation))


def add_message(connection: duckdb.DuckDBPyConnection, pending: Pending) -> None:
    """Keep a message."""
    document = to_text(pending.message)
    connection.execute(_ADD_MESSAGE, {"number": pending.number, "size": pending.size, "document": document})


def remove_messages(connection: duckdb.DuckDBPyConnection, numbers: Sequence[int]) -> None:
    """Remove messages that are done."""
    connection.execute(_REMOVE_MESSAGES, {"numbers": list(numbers)})


def messages(connection: duckdb.DuckDBPyConnection) -> list[Pending]:
    """Return the messages that wait, in order."""
    rows = connection.execute(_READ_MESSAGES).fetchall()
    return [Pending(number, from_text(document), size) for number, size, document in rows]


def add_report(connection: duckdb.DuckDBPyConnection, queue: ReportQueue, document: object, time: datetime) -> None:
    """Put an outcome in its queue."""
    values = {"queue": queue.value, "inserted": time, "document": json.dumps(document)}
    connection.execute(_ADD_REPORT, values)


def prune(connection: duckdb.DuckDBPyConnection, time: datetime) -> None:
    """Forget reports and statuses that are old, or too many, and old failures."""
    prune_failures(connection, time)
    for statement in _PRUNE:
        connection.execute(statement, {"oldest": time - REPORT_LIFETIME, "kept": REPORTS_KEPT})


def peek_reports(connection: duckdb.DuckDBPyConnection, queue: ReportQueue, limit: int, time: datetime) -> list[Report]:
    """Return the oldest reports of a queue that nobody has taken, without taking them."""
    rows = connection.execute(_READ_REPORTS, {"queue": queue.value, "now": time, "most": limit}).fetchall()
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
            _TAKE_REPORT,
            {"visible": each.visible, "receipt": each.receipt, "dequeued": each.dequeued, "id": each.id},
        )
    return taken


def remove_report(connection: duckdb.DuckDBPyConnection, queue: ReportQueue, id_: uuid.UUID, receipt: str) -> bool:
    """Remove a report that was taken with this receipt; say whether it was there."""
    rows = connection.execute(_REMOVE_REPORT, {"queue": queue.value, "id": id_, "receipt": receipt}).fetchall()
    return bool(rows)


def set_status(connection: duckdb.DuckDBPyConnection, source: str, document: object, time: datetime) -> None:
    """Keep the latest status of a source."""
    connection.execute(_REMOVE_STATUS, {"source": source})
    connection.execute(_ADD_STATUS, {"source": source, "updated": time, "document": json.dumps(document)})


def status(connection: duckdb.DuckDBPyConnection, source: str) -> dict[str, object] | None:
    """Return the latest status of a source."""
    rows = connection.execute(_READ_STATUS, {"source": source}).fetchall()
    return json.loads(rows[0][0]) if rows else None


def add_tags(connection: duckdb.DuckDBPyConnection, tags: Iterable[str], time: datetime) -> None:
    """Keep the `ingest-by:` tags of rows with an ingestion time, which no other transaction shares."""
    for tag in sorted({tag.removeprefix(INGEST_BY) for tag in tags if tag.startswith(INGEST_BY)}):
        connection.execute(_ADD_TAG, {"tag": tag, "time": time})


def existing_tags(connection: duckdb.DuckDBPyConnection, relation: str, tags: Sequence[str]) -> list[str]:
    """Return those of the tags that rows of a relation have; cleared or dropped rows take theirs along."""
    same_time = equal(ColumnRef(INGESTION_TIME, "r"), _TAGS.column("time"))
    rows_of_tag = Exists(Select((Item(lit(1), "found"),), table(relation, "r"), same_time))
    wanted = call("list_contains", Parameter("tags", "VARCHAR[]"), _TAGS.column("tag"))
    query = Select(columns(("tag",)), _TAGS.rows, and_((wanted, rows_of_tag)), distinct=True)
    rows = connection.execute(render(query), {"tags": list(tags)}).fetchall()
    return sorted(tag for (tag,) in rows)
