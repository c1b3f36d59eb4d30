"""What became of a message, for the report queues and the status table."""

from datetime import datetime
from uuid import uuid4

import duckdb

from emulator.engine.failures import Failure
from emulator.engine.queued import store
from emulator.engine.queued.message import IngestionMessage, ReportLevel
from emulator.engine.queued.store import ReportQueue

_DIGEST = "MessageDigest"
SKIPPED = "Skipped_IngestByTagAlreadyExists"


def is_known(connection: duckdb.DuckDBPyConnection, message: IngestionMessage) -> bool:
    """Whether this very message came before: its sender did not hear that it was taken."""
    known = store.status(connection, message.source_id) if message.digest else None
    return known is not None and known.get(_DIGEST) == message.digest


def queued(connection: duckdb.DuckDBPyConnection, message: IngestionMessage, time: datetime) -> None:
    """Note that a message waits."""
    _set_status(connection, message, time, "Queued")


def succeeded(connection: duckdb.DuckDBPyConnection, message: IngestionMessage, time: datetime) -> None:
    """Report that the rows of a message are stored."""
    operation = str(uuid4())
    _set_status(connection, message, time, "Succeeded", OperationId=operation)
    if message.report_level is ReportLevel.ALL:
        report = {**_base(message, operation), "SucceededOn": _text(time)}
        store.add_report(connection, ReportQueue.SUCCEEDED, report, time)


def skipped(connection: duckdb.DuckDBPyConnection, message: IngestionMessage, tags: list[str], time: datetime) -> None:
    """Report that the table has rows with the tags already, so that nothing was stored."""
    _report_failure(connection, message, time, "Skipped", str(uuid4()), skipped_text(tags), SKIPPED)


def skipped_text(tags: list[str]) -> str:
    """Say why nothing was stored where the table has rows with the tags."""
    return f"The table has data with the ingest-by tag '{tags[0]}' already."


def failed(
    connection: duckdb.DuckDBPyConnection, message: IngestionMessage, failure: Failure, *, is_permanent: bool
) -> None:
    """Report why nothing of a message was stored."""
    kind = "Permanent" if is_permanent else "Exhausted"
    _report_failure(
        connection, message, failure.failed_on, "Failed", str(failure.operation), failure.details, failure.code, kind
    )


def _report_failure(
    connection: duckdb.DuckDBPyConnection,
    message: IngestionMessage,
    time: datetime,
    status: str,
    operation: str,
    details: str,
    code: str,
    kind: str = "Permanent",
) -> None:
    _set_status(
        connection, message, time, status,
        OperationId=operation, Details=details, ErrorCode=code, FailureStatus=kind,
    )  # fmt: skip
    if message.report_level is not ReportLevel.NONE:
        report = {
            **_base(message, operation),
            "FailedOn": _text(time),
            "Details": details,
            "ErrorCode": code,
            "FailureStatus": kind,
            "OriginatesFromUpdatePolicy": False,
            "ShouldRetry": kind != "Permanent",
        }
        store.add_report(connection, ReportQueue.FAILED, report, time)


def _set_status(
    connection: duckdb.DuckDBPyConnection, message: IngestionMessage, time: datetime, status: str, **more: object
) -> None:
    document = {**_base(message, ""), "Status": status, "UpdatedOn": _text(time), _DIGEST: message.digest, **more}
    store.set_status(connection, message.source_id, document, time)


def _base(message: IngestionMessage, operation: str) -> dict[str, object]:
    return {
        "OperationId": operation,
        "Database": message.database,
        "Table": message.table,
        "IngestionSourceId": message.source_id,
        "IngestionSourcePath": message.path,
        "RootActivityId": operation,
    }


def _text(time: datetime) -> str:
    return f"{time.isoformat(timespec='microseconds')}Z"
