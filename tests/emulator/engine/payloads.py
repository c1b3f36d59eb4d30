"""Payloads in binary formats."""

import io

import pyarrow as pa
import pyarrow.parquet


def parquet(columns: dict[str, pa.Array]) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(columns), buffer)
    return buffer.getvalue()
