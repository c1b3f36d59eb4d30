"""DuckDB's errors in Kusto's words: what a user can cause has a fault of its own, all else is a bug of ours."""

import errno
import logging
import os
import re
from uuid import uuid4

import duckdb
import pyarrow as pa

from emulator.errors import (
    DiskFull,
    EngineFault,
    KustoError,
    LargeValueFault,
    LimitFault,
    QueryTooDeep,
    SemanticFault,
)
from emulator.sql.build import OWN_WORDS

_LOG = logging.getLogger(__name__)

# While rows are streamed, DuckDB's errors arrive as those of Arrow's reader.
STORAGE_ERRORS = (duckdb.Error, pa.ArrowException, OSError, MemoryError)

# The code of a fault after which the database is opened again.
REOPENING = "TH_StorageReopens"

_LONGEST = 1000
# How DuckDB names the kinds of its errors.
_KIND = re.compile(r"[A-Za-z][A-Za-z ]{0,30}")

_NO_ROOM = tuple(map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)))

# Python's word for a text that DuckDB is given and cannot take.
_NOT_UTF_8 = "cannot encode str as UTF-8"

# How DuckDB tells of an exception of this name in one of the engine's functions (`udf/limits`).
_TOO_LARGE = "Python exception occurred while executing the UDF: ValueTooLarge: "

# DuckDB's words for values that cannot be computed, and ours; what is not here has an id, and its words are logged.
_VALUES = tuple(
    (re.compile(shape), words)
    for shape, words in (
        (r"Overflow in \w+ of (?P<type>\w+)(?:\(\d+\))? \((?P<what>.*)\)", "{what} is beyond the range of {type}"),
        (r"Overflow in negation", "a negated number is beyond its range"),
        (r"Overflow on abs\((?P<what>.*)\)", "abs({what}) is beyond its range"),
        (
            r"Type \S+ with value (?P<what>\S+) can't be cast .* destination type (?P<type>\w+)",
            "{what} is beyond the range of {type}",
        ),
        (
            r'(?:Could not cast|Casting) value "?(?P<what>[^\s"]+)"? to (?:type )?DECIMAL',
            "{what} is beyond the range of decimal",
        ),
        (
            r"(?:missing \S+|unexpected \)|invalid [\w -]+|no argument for [\w ]+|bad [\w ]+|trailing \\)"
            r": (?P<what>.*)",
            "a regular expression is not valid at '{what}'",
        ),
        (r"pattern too large", "a regular expression is too large"),
        (r"Unknown TimeZone '(?P<what>.*)'", "there is no time zone '{what}'"),
        (r"Lists larger than", "a range has more than 4294967296 values"),
        (r"Cannot create a string of size", "a text is longer than 4294967295 bytes"),
        (r"Timestamp microseconds out of range|(?:Date|Timestamp)\w* out of range", "a datetime is out of range"),
    )
)
_TYPES = {"INT32": "int", "INT64": "long", "INT128": "long", "DECIMAL": "decimal"}

# What a value that cannot be computed is to DuckDB.
VALUE_ERRORS = (duckdb.OutOfRangeException, duckdb.ConversionException, duckdb.InvalidInputException)


def kusto_fault(error: Exception) -> KustoError:
    """Return the fault for a failed query, whose cause is the error."""
    fault = _fault(error)
    fault.__cause__ = error
    return fault


def _fault(error: Exception) -> KustoError:
    """DuckDB names the kind of an error at the start of its text.

    Its own words, with SQL and paths in them, stand in the log alone, in one line with the id that the fault has.
    """
    text = str(error).strip().partition("\n")[0] or type(error).__name__
    if is_disk_full(error):
        return DiskFull(
            f"There is no space left on the disk of the data folder (fault {_log(error)})",
            "TH_DiskFull",
            hint="make room: what was acknowledged is safe, and nothing needs to be started again",
        )
    if isinstance(error, MemoryError):
        return out_of_memory()
    if isinstance(error, pa.ArrowInvalid) and "out of bounds" in text:
        # A number of 128 bits, which the arithmetic of literals gives, where a long is read from the result.
        return SemanticFault("A value cannot be computed: a number is beyond the range of long", "SEM0053")
    kind, _, reason = text.partition(" Error:")
    reason = reason.lstrip()
    match kind:
        case "INTERRUPT":
            return LimitFault("The query was cancelled", "Aborted")
        case "Out of Memory":
            return out_of_memory()
        case "Parser" | "Binder" if reason.startswith("Max expression depth limit"):
            return QueryTooDeep(
                "The query is too deep: one of its expressions has more levels than the storage engine follows (1000)",
                "TH_QueryTooDeep",
                hint="join fewer values in one expression",
            )
        case "FATAL":
            return EngineFault(f"The storage engine failed and is opened again: {_logged(kind, error)}", REOPENING)
        case "IO":
            return EngineFault(f"Storage failed: {_logged(kind, error)}", "TH0910")
        case "Binder" if reason.startswith("No function matches") and "HUGEINT" in reason:
            # Only arithmetic on literals has numbers of 128 bits, before anything is computed.
            return SemanticFault("A value cannot be computed: a number is beyond the range of long", "SEM0053")
        case "Out of Range" | "Conversion" | "Invalid Input" | "Not implemented" if fault := _fault_of_value(reason):
            return fault
        case "Out of Range" | "Conversion" | "Invalid Input":
            return SemanticFault(f"A value cannot be computed: {_logged(kind, error)}", "SEM0053")
        case _:
            return EngineFault(
                f"The compiled query was refused by the storage engine: {_logged(kind if reason else '', error)}",
                "TH0911",
                hint="this is a bug of the embedded Eventhouse, not of the query",
            )


def _fault_of_value(reason: str) -> KustoError | None:
    if _NOT_UTF_8 in reason:
        return KustoError(
            "A text has half a pair of surrogates in it, which is no character", "BadRequest_InvalidEncoding"
        )
    if reason.startswith(_TOO_LARGE):
        return LargeValueFault(
            f"A value is too large to be computed with: {reason.removeprefix(_TOO_LARGE)}",
            "E_RUNAWAY_QUERY",
            hint="take less of it: single rows instead of one array or bag of them, parts of a text",
        )
    if reason.startswith(OWN_WORDS):
        return SemanticFault(f"A value cannot be computed: {reason.removeprefix(OWN_WORDS)}", "SEM0053")
    for shape, words in _VALUES:
        if found := shape.match(reason):
            given = {name: _TYPES.get(text, text) for name, text in found.groupdict().items()}
            return SemanticFault(f"A value cannot be computed: {words.format(**given)}", "SEM0053")
    return None


def _logged(kind: str, error: Exception) -> str:
    """Log an error in one line; return its kind, and the id under which it stands there."""
    return f"{kind if _KIND.fullmatch(kind) else type(error).__name__} error (fault {_log(error)})"


def _log(error: Exception) -> str:
    """Log an error in one line; return the id under which it stands there."""
    id_ = str(uuid4())
    text = str(error)[:_LONGEST].encode("unicode_escape").decode()
    _LOG.error("the storage engine failed, fault %s: %s: %s", id_, type(error).__name__, text)
    return id_


def is_disk_full(error: Exception) -> bool:
    """Whether an error is that the disk, a quota or the limit of a file leaves no room; DuckDB only tells by words."""
    text = str(error)
    return any(words in text for words in _NO_ROOM)


def is_invalidated(error: Exception) -> bool:
    """Whether DuckDB has given up its instance, so that nothing can be done but to open the file again."""
    return isinstance(error, duckdb.FatalException) or "database has been invalidated" in str(error)


def is_of_statement(error: duckdb.Error) -> bool:
    """Whether a statement failed by what it computes, not by the disk, DuckDB's end, or somebody who has ended it."""
    return not (isinstance(error, duckdb.InterruptException | duckdb.IOException | duckdb.HTTPException)) and not (
        is_disk_full(error) or is_invalidated(error)
    )


def out_of_memory() -> KustoError:
    """Return the fault of a request that needs more memory than there is for it."""
    return LimitFault(
        "The query needs more memory than this Eventhouse may use",
        "E_RUNAWAY_QUERY",
        hint="filter or summarize earlier, or narrow the time range",
    )


def closed_fault() -> KustoError:
    """Return the fault of a request to an Eventhouse that was closed."""
    return KustoError("The Eventhouse is closed.", "TH_Closed")
