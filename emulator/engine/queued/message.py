"""A message of queued ingestion: which blob goes into which table, and how."""

import json
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from math import inf


class ReportLevel(IntEnum):
    """Which outcomes the sender wants to find in the report queues."""

    FAILURES = 0
    NONE = 1
    ALL = 2


@dataclass(frozen=True, slots=True)
class IngestionMessage:
    """One request to ingest a blob.

    `blob` is its key in the blob store; where the sender named none of ours, `refusal` says so. `path` is what reports
    call it. `if_not_exists` are values of `ingest-by:` tags that must not be in the table yet. Two messages of a source
    with one `digest` are one message that was sent again.
    """

    source_id: str
    database: str
    table: str
    format: str
    path: str = ""
    blob: str = ""
    refusal: str = ""
    mapping: str | None = None
    inline_mapping: str | None = None
    ignore_first_record: bool = False
    tags: tuple[str, ...] = ()
    if_not_exists: tuple[str, ...] = ()
    flush_immediately: bool = False
    retain_blob: bool = True
    report_level: ReportLevel = ReportLevel.FAILURES
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Pending:
    """A message that waits: `number` is its place in the queue, `size` the bytes of its blob.

    `since` is when its wait began, in monotonic seconds, long ago for what a former process left;
    `attempts` counts transient failures so far, `not_before` is when the next may be made.
    """

    number: int
    message: IngestionMessage
    size: int = 0
    since: float = field(default=-inf, compare=False)
    attempts: int = field(default=0, compare=False)
    not_before: float = field(default=0.0, compare=False)


def to_text(message: IngestionMessage) -> str:
    """Write a message as it is stored."""
    return json.dumps(asdict(message), separators=(",", ":"))


def from_text(text: str) -> IngestionMessage:
    """Read a stored message."""
    document = json.loads(text)
    lists = {name: tuple(document.pop(name)) for name in ("tags", "if_not_exists")}
    return IngestionMessage(**{**document, **lists, "report_level": ReportLevel(document["report_level"])})
