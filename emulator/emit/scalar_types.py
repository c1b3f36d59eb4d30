"""What a column may hold where Kusto's values leave the plan: stored tables, results, and text for Arrow."""

from emulator.functions.physical import duckdb_type
from emulator.sql.ast import Cast, Sql
from emulator.types import Column, KqlType, Scalar, Schema

__all__ = ["duckdb_type", "exported", "storable"]


def storable(schema: Schema) -> Schema:
    """Return the schema with plain dynamic columns in place of typed lists: how tables and results hold them."""
    return Schema(tuple(Column(column.name, column.type.kql, column.docstring) for column in schema))


def exported(sql: Sql, type_: KqlType) -> Sql:
    """Emit a storable value in the canonical form of a result, see `emulator.result`."""
    match type_.scalar:
        case Scalar.GUID | Scalar.DYNAMIC:
            return Cast(sql, "VARCHAR")
        case Scalar.DECIMAL:
            # DuckDB's arithmetic changes the scale.
            return Cast(sql, duckdb_type(type_))
        case _:
            return sql
