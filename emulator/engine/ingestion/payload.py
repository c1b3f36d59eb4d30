"""A payload as columns of a table: the one entry into the formats."""

import pyarrow as pa

from emulator.engine.ingestion import delimited, json_lines, parquet
from emulator.engine.ingestion.compression import decompress
from emulator.engine.ingestion.mapping import KINDS, FieldMapping
from emulator.engine.statements import Statements
from emulator.errors import IngestionFault
from emulator.types import Schema


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
    statements: Statements, data: bytes, format_: str, schema: Schema, mapping: tuple[FieldMapping, ...]
) -> pa.Table:
    """Return the rows of a payload with the physical columns of a table, in DuckDB's types for them.

    Values that do not convert are null. A payload that is not of its format raises IngestionFault naming the row.
    """
    data = decompress(data)
    match mapping_kind(format_):
        case "json":
            return json_lines.read(statements, data, schema, mapping, multiline=format_.lower() == "multijson")
        case "csv":
            return delimited.read(statements.connection, data, format_.lower(), schema, mapping)
        case _:
            return parquet.read(statements.connection, data, schema, mapping)
