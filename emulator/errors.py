"""Everything the embedded Eventhouse can refuse, with Kusto's codes and words.

An error carries its code, its place in the text and a hint; the text shown to a user is made here alone.
"""

from dataclasses import dataclass, field

from emulator.text import NOWHERE, Span, excerpt, line_and_column

UNSUPPORTED = "TH0900"


@dataclass
class KustoError(Exception):
    """Base of all errors raised for a request.

    `code` is Kusto's own where one exists (`SEM0100`), else `TH…`; `permanent` says whether a retry can help.
    """

    message: str
    code: str = "General_BadRequest"
    span: Span = NOWHERE
    hint: str = ""
    source: str = field(default="", repr=False)

    kind = "Bad request"
    permanent = True
    http_status = 400

    def __post_init__(self) -> None:
        super().__init__(self.message)

    def with_source(self, source: str) -> "KustoError":
        """Attach the text that `span` points into, unless one is attached already."""
        if not self.source:
            self.source = source
        return self

    def __str__(self) -> str:
        parts = [f"{self.kind}: {self.code}: {self.message}"]
        if self.source and self.span != NOWHERE:
            line, column = line_and_column(self.source, self.span.start)
            parts[0] += f" [line:position={line}:{column}]"
            parts.append(excerpt(self.source, self.span))
        if self.hint:
            parts.append(f"hint: {self.hint}")
        return "\n".join(parts)


class SyntaxFault(KustoError):
    """The text is not KQL."""

    kind = "Syntax error"


class SemanticFault(KustoError):
    """The text is KQL, but a name, a type or a rule does not fit."""

    kind = "Semantic error"


class UnsupportedFault(SemanticFault):
    """Valid on a real Eventhouse, not built here: never answered approximately."""

    kind = "Semantic error: not supported by the embedded Eventhouse"


class EntityNotFound(KustoError):
    """A table, function, view, mapping or database does not exist."""

    kind = "Entity not found"


class EntityAlreadyExists(KustoError):
    """The name is taken."""

    kind = "Entity already exists"


class IngestionFault(KustoError):
    """Data that cannot be stored; nothing of the batch was kept."""

    kind = "Ingestion failed"


class LimitFault(KustoError):
    """A documented limit was reached (result size, time, memory)."""

    kind = "Limit exceeded"
    permanent = False


class CancelFault(KustoError):
    """Somebody has ended the request: its client left, an administrator canceled it, or the Eventhouse closes."""

    kind = "Canceled"
    permanent = False


class ThrottledFault(KustoError):
    """Too much waits already; to ask again in `retry_after` seconds may help."""

    kind = "Throttled"
    permanent = False
    http_status = 429
    retry_after = 1


class CommandThrottledFault(ThrottledFault):
    """Too many commands or ingestions wait already."""


class QueryTooDeep(LimitFault):
    """A query whose parts build on one another in more levels than its compiler can follow."""

    permanent = True


class QueryTooComplex(LimitFault):
    """A query that is too much to compile."""

    permanent = True


class LargeValueFault(LimitFault):
    """A single value of a query that is larger than a function takes."""

    permanent = True


class FolderFault(KustoError):
    """The data folder cannot be had; another process has it."""

    kind = "Data folder error"


class EngineFault(KustoError):
    """The engine itself failed: a bug or the machine (disk full); never the user's text."""

    kind = "Internal error"
    permanent = False
    http_status = 500


class OutOfResources(EngineFault):
    """The machine lacks something that no request can help, such as files to open; it goes on when there is some."""

    kind = "Out of resources"
    http_status = 503


class DiskFull(OutOfResources):
    """The disk has no room; what was stored is safe."""

    kind = "Disk full"


class ClosingFault(EngineFault):
    """The Eventhouse is on its way down and begins nothing more."""

    kind = "Closing"
    http_status = 503


class NetworkFault(EngineFault):
    """The Eventhouse was not reached."""

    kind = "Network error"


class AccessFault(KustoError):
    """The Eventhouse does not let this caller in."""

    kind = "Access denied"
