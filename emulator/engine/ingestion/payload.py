"""A payload as columns of a table: the one entry into the formats."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import duckdb

from emulator.engine.catalog.records import Database, Table
from emulator.engine.faults import kusto_fault
from emulator.engine.ingestion import delimited, json_lines, parquet
from emulator.engine.ingestion.compression import decompress
from emulator.engine.ingestion.sizes import within_limits
from emulator.engine.ingestion.target import Target
from emulator.engine.lru import LruCache
from emulator.engine.storage.rows import ArrowRows, Rows
from emulator.errors import EntityNotFound, IngestionFault, KustoError, LimitFault
from emulator.schema.mapping import KINDS, identity, parse_mapping

_KEPT_TARGETS = 256
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Payload:
    """Data on their way into a table, plain or compressed, with what the sender says of them.

    `mapping` names an ingestion mapping, `inline_mapping` is the JSON text of one. `ignore_first_record` leaves out the
    header of a delimited format.
    """

    data: bytes
    format: str
    mapping: str | None = None
    inline_mapping: str | None = None
    ignore_first_record: bool = False


def mapping_kind(format_: str) -> str:
    """Return the kind of mapping that a format uses, or raise IngestionFault for an unknown format."""
    kind = KINDS.get(format_.lower())
    if kind is None:
        raise IngestionFault(
            f"The data format '{format_}' is not supported.",
            "BadRequest_InvalidFormat",
            hint=f"supported are {', '.join(KINDS)}",
        )
    return kind


class PayloadReader:
    """Reads payloads as rows of tables, and keeps what it has compiled for a mapping; safe to share between threads.

    `lend` lends a connection for reading.
    """

    def __init__(self, lend: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]) -> None:
        self._lend = lend
        self._targets: LruCache[tuple[str, str, str], Target] = LruCache(_KEPT_TARGETS)

    def read(self, payload: Payload, database: Database, table: Table) -> Rows:
        """Return the rows of a payload with the physical columns of a table, in DuckDB's types for them or converting.

        Values that do not convert are null. A payload that is not of its format raises IngestionFault naming the row.
        """
        format_ = payload.format.lower()
        kind = mapping_kind(format_)
        target = self._target(payload, kind, database, table)
        if payload.ignore_first_record and kind != "csv":
            raise IngestionFault(
                f"ignoreFirstRecord is for delimited formats, the data are {format_}.",
                "BadRequest_InvalidIngestionProperty",
            )
        try:
            return self._rows(decompress(payload.data), format_, target, skips=payload.ignore_first_record)
        except (KustoError, OSError):
            raise
        except (MemoryError, duckdb.OutOfMemoryException) as error:
            raise LimitFault(
                "The payload needs more memory than this Eventhouse may use.", "OutOfMemory", hint="split it"
            ) from error
        except (duckdb.InterruptException, duckdb.IOException) as error:
            raise kusto_fault(error) from error
        except Exception as error:
            # Reading depends on nothing but the payload and the table, so what fails once fails each time.
            _LOG.exception("a payload of %d bytes of %s cannot be read", len(payload.data), format_)
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            raise IngestionFault(
                f"The payload cannot be read as {format_}: {reason}.", "BadRequest_InvalidBlob"
            ) from error

    def _rows(self, data: bytes, format_: str, target: Target, *, skips: bool) -> Rows:
        kind = mapping_kind(format_)
        if kind == "json":
            return json_lines.read(self._lend, data, target, multiline=format_ == "multijson")
        with self._lend() as cursor:
            if kind == "csv":
                table = delimited.read(cursor, data, format_, target, ignore_first_record=skips)
            else:
                table = parquet.read(cursor, data, target)
        return ArrowRows(within_limits(table, target.schema))

    def _target(self, payload: Payload, kind: str, database: Database, table: Table) -> Target:
        text = payload.inline_mapping or _mapping_text(payload.mapping, kind, database, table)
        key = (table.relation, kind, text)
        found = self._targets.get(key)
        if found is None or found.schema != table.schema:
            fields = parse_mapping(text, kind, table.schema) if text else identity(table.schema, kind)
            found = Target(table.schema, fields)
            self._targets.put(key, found)
        return found


def _mapping_text(name: str | None, kind: str, database: Database, table: Table) -> str:
    if not name:
        return ""
    known = (*table.mappings, *database.mappings)
    found = next((each for each in known if each.name == name and each.kind == kind), None)
    if found is None:
        names = ", ".join(sorted({each.name for each in known if each.kind == kind}))
        raise EntityNotFound(
            f"Entity '{name}' of kind 'IngestionMapping' was not found.",
            "BadRequest_EntityNotFound",
            hint=f"{kind} mappings of table '{table.name}' are: {names or 'none'}",
        )
    return found.text
