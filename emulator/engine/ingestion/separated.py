"""Separated values (RFC 4180) as columns of text: by Arrow where it reads them right, else record by record."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice, zip_longest

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from emulator.errors import IngestionFault
from emulator.work import check_work

# kusto/query/scalar-data-types/string.md: a value, or a record, above it fails the ingestion.
LONGEST_RECORD = 64 * 1024 * 1024
# A record becomes a list of its fields, so its memory goes by their number; a table has at most 10,000 columns.
MOST_FIELDS = 1_000_000
# Text values that stand in memory as Python objects at one time.
_CELLS_AT_ONCE = 1 << 18
_SCANNED_AT_ONCE = 1 << 22
# The characters of one record that stand as lines: one of two characters takes 60 bytes, in a text of them all 2.
_JOINED_AT_ONCE = 1 << 20
# Quoted fields of one record that are gone back over for its beginning, at 1 µs each.
_LOOKED_BACK = 1 << 16
_QUOTE = b'"'[0]
_NO_END = re.compile(rb"[^\r\n]")
_EMPTY_LINES = frozenset({"\n", "\r\n", "\r"})
_PASSED_OVER_AT_ONCE = 1 << 14
_QUOTED = re.compile(r'"[^"]*+(?:""[^"]*+)*+"')
_IN_QUOTES = re.compile(r'"[^"]*+"?')

# The standard of 131,072 is less than a value may have. The limit is one of the process; nobody else reads CSV here.
csv.field_size_limit(LONGEST_RECORD)


def decode(data: bytes) -> str:
    """Return a payload as text, or raise IngestionFault with the place of the byte that is none."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise IngestionFault(
            f"The payload is not UTF-8: byte {error.start} cannot be read.", "BadRequest_InvalidEncoding"
        ) from error


def line_arrays(data: bytes) -> Iterator[pa.StringArray]:
    """Iterate over the lines that are not empty, some at a time, without their ends: `\\n`, `\\r\\n` or `\\r` alone."""
    start = 0
    while start < len(data):
        check_work()
        end = _end_of_lines(data, start)
        chunk = data[start:end]
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        split = pc.split_pattern(pa.array([chunk], pa.binary()), b"\n").flatten()
        found = split.filter(pc.greater(pc.binary_length(split), 0))
        try:
            texts = found.cast(pa.string())
        except pa.ArrowInvalid:
            decode(data)
            raise
        # Bytes are more than characters; which row it is, is looked for only where one may be too long.
        if len(texts) and pc.max(pc.binary_length(texts)).as_py() > LONGEST_RECORD:
            _check_lengths(data)
        yield texts
        start = end


def _end_of_lines(data: bytes, start: int) -> int:
    """Return an end of a line some megabytes behind a place, or the first one behind that, or the end."""
    limit = start + _SCANNED_AT_ONCE
    if limit >= len(data):
        return len(data)
    place = max(data.rfind(b"\n", start, limit), data.rfind(b"\r", start, limit))
    if place < 0:
        later = [place for place in (data.find(b"\n", limit), data.find(b"\r", limit)) if place >= 0]
        if not later:
            return len(data)
        place = min(later)
    return place + (2 if data[place : place + 2] == b"\r\n" else 1)


def _check_lengths(data: bytes) -> None:
    for row, line in enumerate(_lines(data), start=1):
        if len(line.rstrip("\r\n")) > LONGEST_RECORD:
            raise too_long(row)


def read_separated(data: bytes, delimiter: str, ordinals: Sequence[int]) -> pa.Table:
    """Return the fields at some ascending places of the records as columns `f0`, `f1`, …; what a record lacks is null.

    Empty lines are no records. What is not separated text raises IngestionFault with row and column.
    """
    data = _without_first_empty_lines(data)
    first = next(_records(data, delimiter), [])
    there = [ordinal for ordinal in ordinals if ordinal < len(first)]
    length = _read_right_by_arrow(data, delimiter.encode()) if there else 0
    if length:
        # Arrow is fast but wants rows of one width, shorter than its blocks; else each row is read by itself.
        with suppress(pa.ArrowInvalid):
            even = _read_even(data, length, delimiter, there)
            # One array of nulls stands for all columns that no record reaches.
            nothing = pa.nulls(even.num_rows, pa.string())
            columns = [*even.columns, *[pa.chunked_array([nothing])] * (len(ordinals) - len(there))]
            begin = pa.table(columns, names=_names(ordinals))
            if length == len(data):
                return begin
            rest = table_of(_records(data, delimiter, length, even.num_rows), ordinals)
            return pa.concat_tables([begin, rest])
    return table_of(_records(data, delimiter), ordinals)


def _without_first_empty_lines(data: bytes) -> bytes:
    if data[:1] not in (b"\n", b"\r"):
        return data
    for start in range(0, len(data), _SCANNED_AT_ONCE):
        check_work()
        if found := _NO_END.search(data, start, start + _SCANNED_AT_ONCE):
            return data[found.start() :]
    return b""


def table_of(records: Iterator[list[str]], ordinals: Sequence[int]) -> pa.Table:
    """Return the fields at some ascending places of the records as columns `f0`, `f1`, …; what a record lacks is null.

    A few records at a time are widened to the widest of them, so that one wide record does not cost the width of all.
    """
    schema = pa.schema([(name, pa.string()) for name in _names(ordinals)])
    is_start = list(ordinals) == list(range(len(ordinals)))
    batches: list[pa.RecordBatch] = []
    rows: list[list[str]] = []
    widest = 1
    for record in records:
        row = record[: len(ordinals)] if is_start else [record[each] for each in ordinals if each < len(record)]
        wider = max(widest, len(row))
        if rows and wider * (len(rows) + 1) > _CELLS_AT_ONCE:
            batches.append(_batch(rows, schema))
            rows, wider = [], max(1, len(row))
        rows.append(row)
        widest = wider
    if rows:
        batches.append(_batch(rows, schema))
    return pa.Table.from_batches(batches, schema)


def _names(ordinals: Sequence[int]) -> list[str]:
    return [f"f{ordinal}" for ordinal in ordinals]


def _batch(rows: list[list[str]], schema: pa.Schema) -> pa.RecordBatch:
    check_work()
    columns = [pa.array(column, pa.string()) for column in zip_longest(*rows)]
    nothing = pa.nulls(len(rows), pa.string())
    return pa.RecordBatch.from_arrays([*columns, *[nothing] * (len(schema) - len(columns))], schema=schema)


def _read_even(data: bytes, length: int, delimiter: str, ordinals: Sequence[int]) -> pa.Table:
    names = _names(ordinals)
    return pyarrow.csv.read_csv(
        pa.BufferReader(pa.py_buffer(data).slice(0, length)),
        # The names of all columns are Arrow's own, `f0` and on: a first row of a million fields costs no Python.
        read_options=pyarrow.csv.ReadOptions(autogenerate_column_names=True),
        parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=False,
            include_columns=names,
        ),
    )


def _read_right_by_arrow(data: bytes, delimiter: bytes) -> int:
    """Return how many bytes from the start are whole records in which every quote stands as Arrow takes it.

    There it opens a field, closes one, or is one of a pair within a field. Arrow reads on where a quote does not end,
    and takes text behind a closing quote for a part of the field.
    """
    if b'"' not in data:
        return len(data)
    text = np.frombuffer(data, np.uint8)
    may_neighbor = np.zeros(256, np.bool_)
    may_neighbor[[_QUOTE, *b"\r\n", *delimiter]] = True
    seen, last = 0, -1
    for start in range(0, len(text), _SCANNED_AT_ONCE):
        places = np.flatnonzero(text[start : start + _SCANNED_AT_ONCE] == _QUOTE) + start
        if not len(places):
            continue
        # Every other quote opens, counted from the start of the payload.
        opens = (np.arange(len(places)) + seen) % 2 == 0
        neighbors = np.where(opens, places - 1, places + 1)
        is_end = (neighbors < 0) | (neighbors == len(text))
        wrong = np.flatnonzero(~(is_end | may_neighbor[text[np.where(is_end, 0, neighbors)]]))
        if len(wrong):
            return _begin_of_record(data, int(places[wrong[0]]), is_opening=bool(opens[wrong[0]]))
        seen, last = seen + len(places), int(places[-1])
    return _begin_of_record(data, last, is_opening=True) if seen % 2 else len(data)


def _begin_of_record(data: bytes, quote: int, *, is_opening: bool) -> int:
    """Return where the record of a quote begins, all quotes before it being regular; 0 where that is too far back."""
    opening = quote if is_opening else data.rfind(b'"', 0, quote)
    for _ in range(_LOOKED_BACK):
        closing = data.rfind(b'"', 0, opening)
        end = max(data.rfind(each, closing + 1, opening) for each in (b"\n", b"\r"))
        if end >= 0 or closing < 0:
            return end + 1
        opening = data.rfind(b'"', 0, closing)
    return 0


def _lines(data: bytes, start: int = 0) -> Iterator[str]:
    source = io.BytesIO(data)
    source.seek(start)
    reader = io.TextIOWrapper(source, "utf-8", newline="")
    while True:
        try:
            line = reader.readline(LONGEST_RECORD + 1)
        except UnicodeDecodeError:
            decode(data)
            raise
        if not line:
            return
        yield line


def _records(data: bytes, delimiter: str, start: int = 0, before: int = 0) -> Iterator[list[str]]:
    """Iterate over the records that are not empty; raise IngestionFault naming the first that is malformed.

    They are those from the byte `start` on, which so many are `before`.
    """
    source = _Source(_lines(data, start), before + 1, delimiter)
    try:
        for record in csv.reader(source, delimiter=delimiter, strict=True):
            if record:
                yield record
                source.row += 1
            source.begin()
    except csv.Error as error:
        raise _malformed(source, error, delimiter) from error


class _Source:
    """The lines of a payload for the reader of records, and those of the record that is being read."""

    def __init__(self, lines: Iterator[str], row: int, delimiter: str) -> None:
        self.row = row
        self._lines = lines
        self._delimiter = delimiter
        self.begin()

    def begin(self) -> None:
        """Take the next line for the first one of a record."""
        self._parts: list[str] = []
        self._newest: list[str] = []
        self._length = 0
        self._joined_at = _JOINED_AT_ONCE
        self._delimiters = 0
        self._counted_at = MOST_FIELDS

    @property
    def record(self) -> str:
        """The text of the record so far."""
        return "".join([*self._parts, *self._newest])

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines) if self._length else self._first_line()
        self._newest.append(line)
        self._length += len(line)
        self._delimiters += line.count(self._delimiter)
        if self._length > self._joined_at:
            self._join()
        if self._delimiters >= self._counted_at:
            # Those between quotes are none; the text is looked through at every doubling, not at every line.
            if _IN_QUOTES.sub("", self.record).count(self._delimiter) >= MOST_FIELDS:
                raise IngestionFault(
                    f"Row {self.row} has more than {MOST_FIELDS} fields.", "BadRequest_InvalidCsv", hint="split it"
                )
            self._counted_at = 2 * self._delimiters
        return line

    def _first_line(self) -> str:
        """Pass over empty lines, of which a payload of some megabytes may have millions."""
        line = next(self._lines)
        while line in _EMPTY_LINES:
            check_work()
            for line in islice(self._lines, _PASSED_OVER_AT_ONCE):
                if line not in _EMPTY_LINES:
                    return line
            line = next(self._lines)
        return line

    def _join(self) -> None:
        check_work()
        if self._length > LONGEST_RECORD:
            raise too_long(self.row)
        self._parts.append("".join(self._newest))
        self._newest = []
        self._joined_at = min(self._length + _JOINED_AT_ONCE, LONGEST_RECORD)


def too_long(row: int) -> IngestionFault:
    """Return the fault of a row that is longer than a record may be."""
    return IngestionFault(
        f"Row {row} is longer than {LONGEST_RECORD} characters.",
        "Stream_InputStreamTooLarge",
        hint="a closing quote may be missing",
    )


def _malformed(source: _Source, error: csv.Error, delimiter: str) -> IngestionFault:
    record = source.record
    position, column = 0, 1
    ends = (delimiter, "\r", "\n", "")
    while record[position : position + 1] not in ("\r", "\n", ""):
        if record[position] == '"':
            field = _QUOTED.match(record, position)
            if field is None:
                problem = f"The quote that begins its column {column} is not closed."
                break
            position = field.end()
            if record[position : position + 1] not in ends:
                problem = f"Text follows the quote that closes its column {column}."
                break
        else:
            place = record.find(delimiter, position)
            position = len(record) if place < 0 else place
        position, column = position + 1, column + 1
    else:
        problem = ""
    text = f"Row {source.row} is not delimited text: {error}. {problem}"
    return IngestionFault(text.rstrip(), "BadRequest_InvalidCsv")
