"""Making the engine's own functions known to DuckDB."""

from collections.abc import Callable
from inspect import Parameter, Signature

import duckdb
import numpy as np
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from emulator.engine.udf import bags, filters
from emulator.engine.udf.filters import Reals
from emulator.functions.udf import ENGINE_FUNCTIONS

_SERIES = pa.list_(pa.float64())


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Add the functions to a database, once for all of its connections; calling it again changes nothing."""
    # Fetched to the end: an open result would keep the connection busy.
    query = "SELECT 1 FROM duckdb_functions() WHERE function_name = ?"
    known = connection.execute(query, [_FIRST]).fetchall()
    if known:
        return
    for function in ENGINE_FUNCTIONS:
        connection.create_function(
            function.name,
            _with_arity(_IMPLEMENTATIONS[function.name], len(function.parameters)),
            list(function.parameters),
            function.result,
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
        )


def _with_arity(function: Callable[..., pa.Array], count: int) -> Callable[..., pa.Array]:
    # DuckDB counts the parameters of the signature, and takes none of variable number.
    def call(*columns: pa.ChunkedArray) -> pa.Array:
        return function(*columns)

    names = [Parameter(f"c{position}", Parameter.POSITIONAL_ONLY) for position in range(count)]
    call.__signature__ = Signature(names)  # type: ignore[attr-defined] # functions have it, their type does not say so
    return call


_FIRST = ENGINE_FUNCTIONS[0].name


def _reals(value: "list[float | None] | None") -> Reals | None:
    return None if value is None else np.array([np.nan if each is None else each for each in value], np.float64)


def _by_row(compute: Callable[..., object], result: pa.DataType) -> Callable[..., pa.Array]:
    """Lift a function of plain values, none of them null, to Arrow columns."""

    def run(*columns: pa.ChunkedArray) -> pa.Array:
        rows = zip(*(column.to_pylist() for column in columns), strict=True)
        return pa.array([None if None in row else compute(*row) for row in rows], result)

    return run


def _nullable_by_row(compute: Callable[..., object], result: pa.DataType) -> Callable[..., pa.Array]:
    """Lift a function that reads nulls itself."""

    def run(*columns: pa.ChunkedArray) -> pa.Array:
        rows = zip(*(column.to_pylist() for column in columns), strict=True)
        return pa.array([compute(*row) for row in rows], result)

    return run


def _listed(values: Reals | None) -> "list[float | None] | None":
    if values is None:
        return None
    return [None if missing else value for value, missing in zip(values.tolist(), np.isnan(values), strict=True)]


def _fir(
    series: "list[float | None] | None",
    coefficients: "list[float | None] | None",
    normalize: bool | None,
    center: bool | None,
) -> "list[float | None] | None":
    values, weights = _reals(series), _reals(coefficients)
    if values is None or weights is None:
        return None
    return _listed(filters.fir(values, weights, normalize, bool(center)))


def _iir(
    series: "list[float | None] | None",
    numerators: "list[float | None] | None",
    denominators: "list[float | None] | None",
) -> "list[float | None] | None":
    values, inputs, outputs = _reals(series), _reals(numerators), _reals(denominators)
    if values is None or inputs is None or outputs is None:
        return None
    return _listed(filters.iir(values, inputs, outputs))


_IMPLEMENTATIONS: dict[str, Callable[..., pa.Array]] = {
    "kql_series_fir": _nullable_by_row(_fir, _SERIES),
    "kql_series_iir": _nullable_by_row(_iir, _SERIES),
    "kql_text_bag_merge": _by_row(bags.merge, pa.string()),
    "kql_text_bag_remove_keys": _by_row(bags.remove_keys, pa.string()),
    "kql_text_bag_set_key": _nullable_by_row(
        lambda bag, key, value: None if bag is None or key is None else bags.set_key(bag, key, value), pa.string()
    ),
    "kql_bag_has_key": _by_row(bags.has_key, pa.bool_()),
    "kql_text_bag_zip": _by_row(bags.zip_bag, pa.string()),
    "kql_text_zip": _by_row(bags.zip_arrays, pa.string()),
    "kql_canonical_json": _by_row(bags.canonical, pa.string()),
}
