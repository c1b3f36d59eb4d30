"""Rows of DuckDB as an Arrow table in the canonical types of a result, up to the limits of a request."""

import warnings
from bisect import bisect_right

import pyarrow as pa

from emulator.engine.running.limits import Limits
from emulator.engine.session.statement import ResultSet
from emulator.instants import in_range
from emulator.result import ResultTable, TruncationFault
from emulator.types import Scalar, Schema
from emulator.work import check_work

_BATCH_ROWS = 65_536

ARROW_TYPES: dict[Scalar, pa.DataType] = {
    Scalar.BOOL: pa.bool_(),
    Scalar.INT: pa.int32(),
    Scalar.LONG: pa.int64(),
    Scalar.REAL: pa.float64(),
    Scalar.DECIMAL: pa.decimal128(38, 17),
    Scalar.STRING: pa.string(),
    Scalar.DATETIME: pa.timestamp("us"),
    Scalar.TIMESPAN: pa.int64(),
    Scalar.GUID: pa.string(),
    Scalar.DYNAMIC: pa.string(),
}


def expect_copies() -> None:
    """Let this process take results as copies: that costs less than planning a statement twice, as for a relation."""
    warnings.filterwarnings("ignore", message="Arrow output on a DB-API result makes an extra copy of the rows")


def fetch(rows: ResultSet, schema: Schema, limits: Limits) -> tuple[pa.Table, str]:
    """Return the rows of a SELECT, and in words the limit that cut them short, if any.

    The columns are those of `schema` by position.
    """
    reader: pa.RecordBatchReader = rows.to_arrow_reader(_BATCH_ROWS)
    batches = []
    records = size = 0
    exceeded = ""
    for batch in reader:
        check_work()
        fitting, exceeded = _fitting(batch, records, size, limits)
        batches.append(fitting)
        if exceeded:
            break
        records += batch.num_rows
        size += batch.nbytes
    table = pa.Table.from_batches(batches, reader.schema)
    if len(schema) == 0:
        return pa.table({}).slice(0, 0), exceeded
    target = pa.schema([(column.name, ARROW_TYPES[column.type.scalar]) for column in schema])
    return _in_range(table.rename_columns(list(schema.names)).cast(target), schema), exceeded


def _in_range(table: pa.Table, schema: Schema) -> pa.Table:
    # DuckDB's timestamps reach further than Kusto's datetimes. Arithmetic goes on with those between, and they are null
    # where they come out: a check at every operation would take the planning of a query 1.3 times per operation.
    for position, column in enumerate(schema):
        if column.type.scalar is Scalar.DATETIME:
            values = table.column(position)
            kept = in_range(values)
            if kept is not values:
                table = table.set_column(position, table.field(position), kept)
    return table


def truncation_fault(exceeded: str, tables: tuple[ResultTable, ...]) -> TruncationFault:
    """Return the fault for a result that was cut at a limit; it carries what fits."""
    return TruncationFault(
        "Query execution has exceeded the allowed limits (80DA0003): The results of this query exceed"
        f" {exceeded}, so not all records were returned (E_QUERY_RESULT_SET_TOO_LARGE, 0x80DA0003)."
        " See https://aka.ms/kustoquerylimits for more information and possible solutions.",
        "E_QUERY_RESULT_SET_TOO_LARGE",
        hint="summarize, take or filter; or set the option 'notruncation'",
        tables=tables,
    )


def _fitting(batch: pa.RecordBatch, records: int, size: int, limits: Limits) -> tuple[pa.RecordBatch, str]:
    """Return the first rows of a batch that fit beside so many records and bytes, and in words the limit it exceeds."""
    exceeded = ""
    if limits.records is not None and records + batch.num_rows > limits.records:
        batch = batch.slice(0, limits.records - records)
        exceeded = f"the set limit of {limits.records} records"
    if limits.size is not None and size + batch.nbytes > limits.size:
        room = limits.size - size
        fit = bisect_right(range(batch.num_rows + 1), room, key=lambda rows: batch.slice(0, rows).nbytes) - 1
        return batch.slice(0, fit), f"the allowed size of {limits.size} bytes"
    return batch, exceeded
