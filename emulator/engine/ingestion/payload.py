"""A payload as columns of a table: the one entry into the formats."""

from dataclasses import dataclass

import duckdb

from emulator.engine.ingestion import delimited, json_lines, parquet
from emulator.engine.ingestion.compression import decompress
from emulator.engine.storage.rows import ArrowRows, Rows
from emulator.errors import IngestionFault
from emulator.schema.mapping import KINDS, FieldMapping
from emulator.types import Schema


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


def read_payload(
    cursor: duckdb.DuckDBPyConnection, payload: Payload, schema: Schema, mapping: tuple[FieldMapping, ...]
) -> Rows:
    """Return the rows of a payload with the physical columns of a table, in DuckDB's types for them.

    Values that do not convert are null. A payload that is not of its format raises IngestionFault naming the row.
    """
    format_ = payload.format.lower()
    kind = mapping_kind(format_)
    if payload.ignore_first_record and kind != "csv":
        raise IngestionFault(
            f"ignoreFirstRecord is for delimited formats, the data are {format_}.",
            "BadRequest_InvalidIngestionProperty",
        )
    data = decompress(payload.data)
    match kind:
        case "json":
            return json_lines.read(cursor, data, schema, mapping, multiline=format_ == "multijson")
        case "csv":
            return ArrowRows(
                delimited.read(cursor, data, format_, schema, mapping, ignore_first_record=payload.ignore_first_record)
            )
        case _:
            return ArrowRows(parquet.read(cursor, data, schema, mapping))
