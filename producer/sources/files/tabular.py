"""CSV and Parquet files as Arrow tables, and their columns as numbers, texts and instants.

Every fault names the file, the column and the row (1-based, a CSV header not counted). CSV columns stay text until
they are asked for as something, so that nothing is guessed from a sample.
"""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from emulator.parquet_sizes import ParquetTooLarge, read_parquet
from producer.errors import BadData

INSTANT = pa.timestamp("us")
NEW_YORK = ZoneInfo("America/New_York")

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_DATE = r"^(\d{4}-\d\d-\d\d|\d{8})$"
# A date as months and days are written before years, in an order that differs from land to land.
_NUMBERED = re.compile(r"\s*(\d{1,2})[/.-](\d{1,2})[/.-]\d{2,4}\b")
_MONTHS = 12
_ZONED = r"(Z|[+-]\d\d:?\d\d)$"
_PARQUET = (".parquet", ".pq")
# What a file may take in memory, as text or as columns.
LARGEST = 1024 * 1024 * 1024
_TEXT = (".csv", ".csv.gz", ".txt")


@contextmanager
def within_memory(path: Path) -> Iterator[None]:
    """Raise BadData where a file takes more memory than this process gets."""
    try:
        yield
    except MemoryError as error:
        raise BadData("takes more memory than this process may use", source=str(path), hint="split it") from error


def read_table(path: Path, header: tuple[str, ...] | None = None) -> pa.Table:
    """Read a whole file; `header` names the columns of a CSV that has none."""
    name = path.name.lower()
    if not path.is_file():
        raise BadData("no such file", source=str(path))
    try:
        if name.endswith(_PARQUET):
            with pa.memory_map(str(path)) as file:
                return read_parquet(file.read_buffer(), None, LARGEST)[0]
        if name.endswith(_TEXT):
            return _read_csv(path, header)
    except ParquetTooLarge as error:
        raise BadData(f"is too large: {error}", source=str(path), hint="split it") from error
    except (pa.ArrowInvalid, pa.ArrowKeyError, csv.Error) as error:
        raise BadData(f"cannot be read: {_first_line(error)}", source=str(path)) from error
    except OSError as error:
        # Arrow reports a damaged Parquet page this way too.
        raise BadData(f"cannot be read: {error.strerror or _first_line(error)}", source=str(path)) from error
    raise BadData(
        "unknown kind of file", source=str(path), hint=f"the name should end with {', '.join(_PARQUET + _TEXT)}"
    )


def _read_csv(path: Path, header: tuple[str, ...] | None) -> pa.Table:
    with pa.input_stream(str(path), compression="detect") as stream:
        data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise BadData(f"is larger than {LARGEST} bytes without its compression", source=str(path), hint="split it")
    names = header or _header(path, data)
    return pacsv.read_csv(
        io.BytesIO(data),
        read_options=pacsv.ReadOptions(column_names=names, skip_rows=0 if header else 1),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
        ),
    )


def _header(path: Path, data: bytes) -> tuple[str, ...]:
    first, _, _ = data.partition(b"\n")
    try:
        names = next(csv.reader([first.decode("utf-8-sig").strip()]), [])
    except UnicodeDecodeError as error:
        raise BadData("is not UTF-8 text", source=str(path)) from error
    names = [name.strip() for name in names]
    if not any(names):
        raise BadData("is empty", source=str(path))
    other = next((mark for mark in ";\t|" if mark in names[0]), None) if len(names) == 1 else None
    if other is not None:
        raise BadData(
            f"has one column, for its values are separated by {other!r}",
            source=str(path),
            hint="write it with commas between the values, and points in decimal numbers",
        )
    if len(set(names)) != len(names):
        raise BadData("has two columns of one name in its header", source=str(path))
    return tuple(names)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


class Columns:
    """The columns of one file, converted on request."""

    def __init__(self, path: Path, table: pa.Table) -> None:
        self._path = path
        self._table = table
        self._names = {_plain(name): name for name in reversed(table.column_names)}

    @property
    def names(self) -> list[str]:
        """The columns as the file spells them."""
        return list(self._table.column_names)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return int(self._table.num_rows)

    def find(self, *spellings: str) -> str | None:
        """Return the file's name of the first spelling it has; case, blanks and underscores do not matter."""
        return next((self._names[_plain(name)] for name in spellings if _plain(name) in self._names), None)

    def require(self, what: str, *spellings: str) -> str:
        """Return the file's name of a column that must be there."""
        name = self.find(*spellings)
        if name is None:
            raise BadData(
                f"has no column for the {what}; found {', '.join(self.names)}",
                source=str(self._path),
                hint=f"the column may be called {', '.join(spellings[:4])}",
            )
        return name

    def fault(self, message: str, column: str, row: int, hint: str = "") -> BadData:
        """Return the error for the cell at a 0-based row."""
        return BadData(message, source=str(self._path), column=column, row=row + 1, hint=hint)

    def refuse(self, bad: pa.ChunkedArray, message: str, column: str) -> None:
        """Raise the fault of the first row that is true in `bad`; the text may show `{value}`."""
        index = pc.index(bad.combine_chunks() if isinstance(bad, pa.ChunkedArray) else bad, True).as_py()
        if index >= 0:
            raise self.fault(message.format(value=self._table[column][index].as_py()), column, index)

    def texts(self, name: str) -> pa.ChunkedArray:
        """Return a column as text without surrounding blanks; empty cells are faults."""
        values = pc.utf8_trim_whitespace(self._present(name).cast(pa.string()))
        self.refuse(pc.equal(values, ""), "is empty", name)
        return values

    def numbers(self, name: str) -> pa.ChunkedArray:
        """Return a column as finite float64."""
        values = self._present(name)
        if _is_text(values):
            values = pc.utf8_trim_whitespace(values.cast(pa.string()))
            self.refuse(pc.invert(pc.match_substring_regex(values, _NUMBER)), "'{value}' is not a number", name)
        elif not (_is_numeric(values.type)):
            raise BadData(f"holds {values.type}, not numbers", source=str(self._path), column=name)
        numbers = values.cast(pa.float64())
        self.refuse(pc.invert(pc.is_finite(numbers)), "{value} is not a finite number", name)
        return numbers

    def whole_numbers(self, name: str) -> pa.ChunkedArray:
        """Return a column as int64; fractions are faults."""
        numbers = self.numbers(name)
        self.refuse(pc.not_equal(numbers, pc.floor(numbers)), "{value} is not a whole number", name)
        self.refuse(pc.greater(pc.abs(numbers), 2.0**53), "{value} is too large to be exact", name)
        return numbers.cast(pa.int64())

    def dates(self, name: str) -> pa.ChunkedArray:
        """Return a column of trading dates as midnights without zone.

        Instants are accepted where each one is a midnight in UTC, or each one is a midnight in New York.
        """
        values = self._present(name)
        if pa.types.is_date(values.type):
            return values.cast(pa.date32()).cast(INSTANT)
        if pa.types.is_integer(values.type):
            values = values.cast(pa.string())
        if _is_text(values):
            trimmed = pc.utf8_trim_whitespace(values.cast(pa.string()))
            if pc.any(pc.match_substring_regex(trimmed, _DATE)).as_py():
                self.refuse(
                    pc.invert(pc.match_substring_regex(trimmed, _DATE)), "'{value}' is not a date like 2024-01-31", name
                )
                return self._parse(pc.replace_substring(trimmed, "-", ""), "%Y%m%d", name)
        instants = self.instants(name, UTC)
        if pc.all(_is_midnight(instants)).as_py():
            return instants
        local = pc.local_timestamp(pc.assume_timezone(instants, "UTC").cast(pa.timestamp("us", NEW_YORK.key)))
        self.refuse(pc.invert(_is_midnight(local)), "{value} is not a date", name)
        return local

    def instants(self, name: str, zone: tzinfo) -> pa.ChunkedArray:
        """Return a column of times as UTC microseconds without zone; `zone` is that of times which name none."""
        values = self._present(name)
        if _is_text(values):
            return self._instants_of_text(name, pc.utf8_trim_whitespace(values.cast(pa.string())), zone)
        if not pa.types.is_timestamp(values.type):
            raise BadData(
                f"holds {values.type}, not times",
                source=str(self._path),
                column=name,
                hint="times are timestamps, or texts like 2024-01-31T14:30:00Z",
            )
        if values.type.tz is not None:
            return values.cast(pa.timestamp("us", "UTC"), safe=False).cast(INSTANT)
        return self._to_utc(values.cast(INSTANT, safe=False), name, zone)

    def _instants_of_text(self, name: str, values: pa.ChunkedArray, zone: tzinfo) -> pa.ChunkedArray:
        zoned = pc.and_(pc.match_substring(values, ":"), pc.match_substring_regex(values, _ZONED))
        if pc.any(zoned).as_py():
            self.refuse(pc.invert(zoned), "'{value}' names no time zone, unlike other rows", name)
            return self._cast(values, pa.timestamp("ns", "UTC"), name).cast(INSTANT, safe=False)
        return self._to_utc(self._cast(values, pa.timestamp("ns"), name).cast(INSTANT, safe=False), name, zone)

    def _to_utc(self, values: pa.ChunkedArray, name: str, zone: tzinfo) -> pa.ChunkedArray:
        if zone is UTC:
            return values
        try:
            aware = pc.assume_timezone(values, str(zone))
        except pa.ArrowInvalid as error:
            # The hour that daylight saving time skips or repeats has no single instant.
            raise BadData(_first_line(error), source=str(self._path), column=name) from error
        return aware.cast(pa.timestamp("us", "UTC")).cast(INSTANT)

    def _cast(self, values: pa.ChunkedArray, to: pa.DataType, name: str) -> pa.ChunkedArray:
        try:
            return values.cast(to)
        except pa.ArrowInvalid:
            for row, value in enumerate(values.to_pylist()):
                try:
                    pa.scalar(value).cast(to)
                except pa.ArrowInvalid as error:
                    raise self.fault(f"'{value}' is not a time", name, row, _hint(str(value))) from error
            raise

    def _parse(self, values: pa.ChunkedArray, pattern: str, name: str) -> pa.ChunkedArray:
        parsed = pc.strptime(values, format=pattern, unit="us", error_is_null=True)
        self.refuse(pc.is_null(parsed), "'{value}' is not a date", name)
        return parsed

    def _present(self, name: str) -> pa.ChunkedArray:
        values = self._table[name]
        self.refuse(pc.is_null(values, nan_is_null=pa.types.is_floating(values.type)), "is empty", name)
        if pa.types.is_dictionary(values.type):
            return values.cast(values.type.value_type)
        return values


def _hint(value: str) -> str:
    """Return how a time is to be written that cannot be read, or could be read in two ways."""
    form = "write times as 2024-01-31T14:30:00Z, and dates as 2024-01-31"
    match = _NUMBERED.match(value)
    if match is None or not 1 <= int(match[1]) <= _MONTHS or not 1 <= int(match[2]) <= _MONTHS:
        return form
    return f"which of {match[1]} and {match[2]} is the month cannot be told: {form}"


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace(" ", "")


def _is_text(values: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_string(values.type) or pa.types.is_large_string(values.type))


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _is_midnight(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.equal(values, pc.floor_temporal(values, unit="day"))
