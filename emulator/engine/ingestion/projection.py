"""One SELECT over fields or lines: how every format turns them into the columns of a table."""

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa

from emulator.emit.names import physical_names
from emulator.engine.session.statement import Statement
from emulator.schema.mapping import FieldMapping, Transform
from emulator.sql.ast import From, Item, Select, Sql, TableRef
from emulator.sql.build import call, lit
from emulator.sql.render import render
from emulator.types import Column, Schema

INPUT = TableRef(("$payload",), "p")


def run(cursor: duckdb.DuckDBPyConnection, fields: pa.Table, statement: Statement) -> pa.Table:
    """Run a statement over fields, which it reads as `INPUT`."""
    cursor.register(INPUT.parts[0], fields)
    try:
        # Copying the rows costs less than planning the statement twice, as DuckDB does for a relation.
        return cursor.execute(statement.parsed(cursor)).to_arrow_table()
    finally:
        cursor.unregister(INPUT.parts[0])


def projection(source: From, columns: Sequence[Sql], schema: Schema) -> str:
    """Render the SELECT of the physical columns of a table, one expression each."""
    items = tuple(Item(sql, name) for name, sql in zip(physical_names(schema), columns, strict=True))
    return render(Select(items, source))


def numbers(rows: int) -> pa.Array:
    """Return the numbers of rows, from 1."""
    return pa.array(np.arange(1, rows + 1), pa.int64())


def column_fields(schema: Schema, mapping: Sequence[FieldMapping]) -> tuple[tuple[Column, FieldMapping | None], ...]:
    """Pair every column of a table with its mapping, or None where nothing fills it."""
    by_column = {field.column: field for field in mapping}
    return tuple((column, by_column.get(column.name)) for column in schema)


def derived(field: FieldMapping, line_number: Sql) -> Sql | None:
    """Emit the text of a field that no data fills: a constant, the line number or the location."""
    if field.constant is not None:
        return lit(field.constant)
    match field.transform:
        case Transform.LINE_NUMBER:
            return call("format", lit("{}"), line_number)
        case Transform.LOCATION:
            return lit("")
        case _:
            return None
