"""Parquet files read up to a size: what they would be in memory is known before they are."""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

# Of a null only its place is stored, and of equal values one; in memory each takes so many bytes.
_VALUE_BYTES = 8
# With each of them comes a whole dictionary.
_ROWS_AT_ONCE = 1_048_576
# What the footer of a file may describe; to look at a chunk of a column takes 3 us.
_MOST_CHUNKS = 500_000
# Pages are of 1 MB or 20,000 rows; to look at the head of one takes 10 us.
_MOST_PAGES = 100_000


class ParquetTooLarge(ValueError):
    """The columns of a file take more memory than allowed."""


def read_parquet(buffer: pa.Buffer, columns: Iterable[str] | None, limit: int) -> tuple[pa.Table, int]:
    """Return the columns of a file that it has among some, or all, and its number of rows.

    Raises ParquetTooLarge where the columns take more than `limit` bytes, before they do; pyarrow's errors for what is
    no such file.
    """
    with pyarrow.parquet.ParquetFile(pa.BufferReader(buffer)) as file:
        known = file.schema_arrow.names
        wanted = None if columns is None else frozenset(columns)
        names = [name for name in known if wanted is None or name in wanted]
        repeating, at_once = _checked(file, buffer, frozenset(names), limit)
        if repeating is None:
            return file.read(names), file.metadata.num_rows
        schema, rows = file.schema_arrow, file.metadata.num_rows
    # Texts that may stand for far longer ones are measured while each stands once.
    with pyarrow.parquet.ParquetFile(pa.BufferReader(buffer), read_dictionary=repeating) as file:
        size = 0
        plain = pa.schema([schema.field(name) for name in names])
        batches = []
        for batch in file.iter_batches(at_once, columns=names):
            size += sum(map(_plain_size, batch.columns))
            if size > limit:
                raise _too_large(limit)
            batches.append(batch.cast(plain))
    return pa.Table.from_batches(batches, plain), rows


def _checked(
    file: pyarrow.parquet.ParquetFile, buffer: pa.Buffer, names: frozenset[str], limit: int
) -> tuple[list[str] | None, int]:
    """Check what the file says of its sizes; return the columns of dictionaries, and how many rows to read at one time.

    None for the columns says that no texts can repeat beyond the limit.
    """
    metadata = file.metadata
    if metadata.num_row_groups * metadata.num_columns > _MOST_CHUNKS:
        raise ParquetTooLarge(f"it has more than {_MOST_CHUNKS} chunks of columns")
    wanted = [n for n in range(metadata.num_columns) if metadata.schema.column(n).path.split(".")[0] in names]
    pages = _Pages(memoryview(buffer).cast("B"))
    size = 0
    repeated: dict[str, int] = {}
    prefixed: set[str] = set()
    at_once = _ROWS_AT_ONCE
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for number in wanted:
            chunk = group.column(number)
            # The footer may say less than the pages, by whose own word they are inflated.
            values, stored = max(chunk.num_values, 0), max(chunk.total_uncompressed_size, _inflated(pages, chunk))
            if chunk.physical_type == "FIXED_LEN_BYTE_ARRAY":
                size += values * max(metadata.schema.column(number).length, 1)
            else:
                size += max(stored, values * _VALUE_BYTES)
            if size > limit:
                raise _too_large(limit)
            if chunk.physical_type == "BYTE_ARRAY" and not _PLAIN.issuperset(chunk.encodings):
                path = chunk.path_in_schema
                if "DELTA_BYTE_ARRAY" in chunk.encodings:
                    # A text begins as the one before it; Arrow reads it as text only, so of few rows at a time.
                    prefixed.add(path)
                    at_once = max(1, min(at_once, limit // max(stored, 1)))
                repeated[path] = repeated.get(path, 0) + values * stored
    return (None if sum(repeated.values()) <= limit else sorted(repeated.keys() - prefixed)), at_once


# Encodings that spell each value out; with others one text may serve many values.
_PLAIN = frozenset({"PLAIN", "RLE", "BIT_PACKED", "DELTA_LENGTH_BYTE_ARRAY"})


class _Pages:
    """The headers of a file's pages: Thrift's compact protocol, of which only the sizes are kept."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._position = 0
        self._seen = 0

    def inflated(self, start: int, end: int) -> int:
        """Return the bytes that the pages between two places take once they are inflated."""
        self._position, size = start, 0
        while self._position < min(end, len(self._data)):
            self._seen += 1
            if self._seen > _MOST_PAGES:
                raise ParquetTooLarge(f"it has more than {_MOST_PAGES} pages")
            fields = self._struct()
            size += max(fields.get(2, 0), 0)
            self._position += max(fields.get(3, 0), 0)
        return size

    def _struct(self) -> dict[int, int]:
        fields: dict[int, int] = {}
        number = 0
        while (head := self._byte()) != 0:
            number = number + (head >> 4) if head >> 4 else self._number()
            value = self._value(head & 15)
            if value is not None:
                fields[number] = value
        return fields

    def _value(self, kind: int) -> int | None:
        match kind:
            case 1 | 2:
                return None
            case 3:
                self._position += 1
            case 4 | 5 | 6:
                return self._number()
            case 7:
                self._position += 8
            case 8:
                length = self._varint()
                self._position += length
            case 12:
                self._struct()
            case _:
                raise pa.ArrowInvalid("a page has a header that is none")
        return None

    def _byte(self) -> int:
        if not 0 <= self._position < len(self._data):
            raise pa.ArrowInvalid("a page ends beyond the file")
        self._position += 1
        return self._data[self._position - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def _number(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)


def _inflated(pages: _Pages, chunk: pyarrow.parquet.ColumnChunkMetaData) -> int:
    # The file begins with a mark; a chunk without values has no page of them.
    start = min((place for place in (chunk.dictionary_page_offset, chunk.data_page_offset) if place), default=0)
    if not start:
        return 0
    return pages.inflated(start, start + chunk.total_compressed_size)


def _plain_size(column: pa.Array) -> int:
    type_ = column.type
    if pa.types.is_dictionary(type_):
        lengths = pc.binary_length(column.dictionary).cast(pa.int64())
        return (pc.sum(lengths.take(column.indices)).as_py() or 0) + _VALUE_BYTES * len(column)
    if pa.types.is_struct(type_):
        return sum(_plain_size(column.field(position)) for position in range(type_.num_fields))
    if pa.types.is_map(type_):
        return _plain_size(column.keys) + _plain_size(column.items)
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return _plain_size(column.flatten()) + _VALUE_BYTES * len(column)
    return int(column.nbytes)


def _too_large(limit: int) -> ParquetTooLarge:
    return ParquetTooLarge(f"its columns take more than {limit} bytes")
