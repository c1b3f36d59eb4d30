"""Commands that ingest."""

from dataclasses import dataclass
from enum import Enum

from emulator.syntax.commands.parts import Properties
from emulator.syntax.expressions import Name
from emulator.syntax.statements import Query
from emulator.text import Span


class IngestVerb(Enum):
    """What `<| query` does with the rows a table holds."""

    SET = "set"
    APPEND = "append"
    SET_OR_APPEND = "set-or-append"
    SET_OR_REPLACE = "set-or-replace"


@dataclass(frozen=True, slots=True)
class IngestInline:
    """`.ingest inline into table T [with (…)] <| data`; `data` as written, without the blanks in front of it."""

    table: Name
    properties: Properties
    data: str
    span: Span


@dataclass(frozen=True, slots=True)
class IngestFromStorage:
    """`.ingest [async] into table T ("uri", …) [with (…)]`."""

    table: Name
    is_async: bool
    sources: tuple[str, ...]
    properties: Properties
    span: Span


@dataclass(frozen=True, slots=True)
class IngestFromQuery:
    """`.set`, `.append`, `.set-or-append`, `.set-or-replace [async] T [with (…)] <| query`.

    `query_text` is the query alone; `query.source` is the whole command, into which the spans point.
    """

    verb: IngestVerb
    is_async: bool
    table: Name
    properties: Properties
    query_text: str
    query: Query
    span: Span
