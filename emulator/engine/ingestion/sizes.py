"""How large one value may be: a longer string is cut, a larger dynamic value is null (ingest-invalid-data.md)."""

import pyarrow as pa
import pyarrow.compute as pc

from emulator.types import Scalar, Schema

# In UTF-8; the `MaxValueSize` of the encoding policy that holds by default.
LONGEST_VALUE = 1024 * 1024
# A byte of UTF-8 that begins no character.
_CONTINUES = 0b1000_0000
_KIND = 0b1100_0000


def within_limits(table: pa.Table, schema: Schema) -> pa.Table:
    """Return converted rows with every string and dynamic value at its largest size or below."""
    for position, column in enumerate(schema):
        if column.type.scalar not in (Scalar.STRING, Scalar.DYNAMIC):
            continue
        values = table.column(position)
        longest = pc.max(pc.binary_length(values)).as_py()
        if longest is not None and longest > LONGEST_VALUE:
            cut = _cut if column.type.scalar is Scalar.STRING else _nothing
            chunks = [pa.array([cut(value) for value in chunk], values.type) for chunk in values.chunks]
            table = table.set_column(position, table.field(position), pa.chunked_array(chunks, values.type))
    return table


def _cut(value: pa.Scalar) -> str | None:
    text: str | None = value.as_py()
    if text is None or len(text) * 4 <= LONGEST_VALUE:
        return text
    data = text.encode()
    end = LONGEST_VALUE
    while end < len(data) and data[end] & _KIND == _CONTINUES:
        end -= 1
    return data[:end].decode()


def _nothing(value: pa.Scalar) -> str | None:
    text: str | None = value.as_py()
    return text if text is None or len(text.encode()) <= LONGEST_VALUE else None
