"""Functions of plain values as functions of Arrow columns, rows by rows."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from emulator.engine.udf.filters import Reals
from emulator.engine.udf.limits import LONGEST, ValueTooLarge
from emulator.sql.engine_functions import EngineFunction
from emulator.work import Work, check_work, doing

Compute = Callable[..., object]
WorkOf = Callable[[int], Work | None]
"""The work for which the connection with a number runs a statement."""

# Bytes of rows that become Python values at once, in some milliseconds.
AT_ONCE = 1024 * 1024
# The same for a function whose texts may become a thousand times as long, so that they are some megabytes as well.
GROWING_AT_ONCE = 64 * 1024
# Bytes that a function may make of the rows of one call, 2,048 at most; an Arrow array of texts takes twice as many.
_MOST_MADE = 1024 * 1024 * 1024
# Numbers that become Python values between two looks at the clock.
_NUMBERS = 65_536

_TYPES: dict[str, pa.DataType] = {
    "DOUBLE": pa.float64(),
    "BIGINT": pa.int64(),
    "BOOLEAN": pa.bool_(),
    "VARCHAR": pa.string(),
    "DOUBLE[]": pa.list_(pa.float64()),
    "BIGINT[]": pa.list_(pa.int64()),
    "VARCHAR[]": pa.list_(pa.string()),
    "DECIMAL(38,0)": pa.decimal128(38, 0),
}


def lifted(
    function: EngineFunction, compute: Compute, work_of: WorkOf, longest: int = LONGEST, at_once: int = AT_ONCE
) -> Callable[..., pa.Array]:
    """Lift a function of plain values to Arrow columns; a null where the function takes none gives null.

    The last column is the number of the connection. Rows of `at_once` bytes are computed together. Raises ValueTooLarge
    for a text or an array of more bytes than `longest`, and for results of more than 1 GB.
    """
    result = _arrow_type(function.result)
    is_series = [name == "DOUBLE[]" for name in function.parameters]
    optional = function.optional

    def run(*columns: pa.ChunkedArray) -> pa.Array:
        number = columns[-1][0].as_py() if len(columns[-1]) else None
        with doing(None if number is None else work_of(number)):
            parts: list[pa.Array] = []
            made = 0
            for rows in _slices(columns[:-1], longest, at_once):
                parts.append(pa.array(list(computed(rows)), result))
                made += parts[-1].nbytes
                if made > _MOST_MADE:
                    raise ValueTooLarge(f"a function makes more than {_MOST_MADE:,} bytes of some rows")
            return parts[0] if len(parts) == 1 else pa.concat_arrays(parts)

    def computed(columns: list[pa.ChunkedArray]) -> Iterator[object]:
        lists = [
            _series(column) if series else _values(column) for column, series in zip(columns, is_series, strict=True)
        ]
        for row in zip(*lists, strict=True):
            check_work()
            if any(value is None and position not in optional for position, value in enumerate(row)):
                yield None
            else:
                yield plain(compute(*row))

    return run


def plain(answer: object) -> object:
    """Return the list of a series, a missing value of which is null again; anything else as it is."""
    if not isinstance(answer, np.ndarray):
        return answer
    if len(answer) <= _NUMBERS:
        return _listed(answer)
    values: list[float | None] = []
    for start in range(0, len(answer), _NUMBERS):
        check_work()
        values += _listed(answer[start : start + _NUMBERS])
    return values


def _listed(answer: Reals) -> list[float | None]:
    values: list[float | None] = answer.tolist()
    missing = np.isnan(answer)
    if missing.any():
        for position in np.flatnonzero(missing).tolist():
            values[position] = None
    return values


def _arrow_type(name: str) -> pa.DataType:
    if name.startswith("STRUCT("):
        fields = [field.split(" ") for field in name.removeprefix("STRUCT(").removesuffix(")").split(", ")]
        return pa.struct([(field, _TYPES[type_]) for field, type_ in fields])
    return _TYPES[name]


def _series(column: pa.ChunkedArray) -> list[Reals | None]:
    """Return the arrays of a column, of which a null is not a number."""
    rows: list[Reals | None] = []
    for chunk in column.chunks:
        values = chunk.values.to_numpy(zero_copy_only=False)
        bounds = chunk.offsets.to_pylist()
        arrays = [values[start:end] for start, end in pairwise(bounds)]
        if chunk.null_count:
            valid = chunk.is_valid().to_pylist()
            rows += [array if given else None for array, given in zip(arrays, valid, strict=True)]
        else:
            rows += arrays
    return rows


def _values(column: pa.ChunkedArray) -> list[object]:
    """Return the values of a column; the items of a single large array by parts, since each takes 0.3 µs."""
    if len(column) > 1 or column.null_count or not pa.types.is_list(column.type) or column.nbytes <= AT_ONCE:
        values: list[object] = column.to_pylist()
        return values
    found = pc.list_flatten(column)
    items: list[object] = []
    for start in range(0, len(found), _NUMBERS):
        check_work()
        items += found.slice(start, _NUMBERS).to_pylist()
    return [items]


def _slices(columns: tuple[pa.ChunkedArray, ...], longest: int, at_once: int) -> Iterator[list[pa.ChunkedArray]]:
    """Iterate over the rows, as many at a time as are of some megabytes, or one."""
    if sum(column.nbytes for column in columns) <= min(at_once, longest):
        yield list(columns)
        return
    sizes = [_sizes(column) for column in columns]
    for each in sizes:
        if len(each) and each.max() > longest:
            raise ValueTooLarge(f"a function is given a value of more than {longest / 1024 / 1024:g} MB")
    ends = np.cumsum(sum(sizes))
    start = 0
    while start < len(ends):
        check_work()
        taken = ends[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(ends, taken + at_once, "right")))
        yield [column.slice(start, end - start) for column in columns]
        start = end


def _sizes(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Return the bytes of each value, 8 for one of a fixed size and for one in an array."""
    if pa.types.is_string(column.type):
        return _numbers(pc.binary_length(column))
    if not pa.types.is_list(column.type):
        return np.full(len(column), 8)
    sizes = 8 * _numbers(pc.list_value_length(column))
    if pa.types.is_string(column.type.value_type):
        parents = pc.list_parent_indices(column).to_numpy()
        lengths = _numbers(pc.binary_length(pc.list_flatten(column)))
        sizes += np.bincount(parents, lengths, minlength=len(column)).astype(np.int64)
    return sizes


def _numbers(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = pc.fill_null(column, 0).to_numpy().astype(np.int64)
    return found
