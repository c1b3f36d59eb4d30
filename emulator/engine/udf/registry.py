"""Making the engine's own functions known to DuckDB."""

import json
import math
from collections.abc import Callable
from inspect import Parameter, Signature

import duckdb
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from emulator.engine.udf import bags, decomposition, encodings, filters, hashing, networks, statistics, texts
from emulator.engine.udf.lifting import AT_ONCE, GROWING_AT_ONCE, Compute, WorkOf, lifted, plain
from emulator.engine.udf.limits import LONGEST, LONGEST_AT_ONCE, LONGEST_NAME
from emulator.sql.ast import Call, ColumnRef, FunctionRef, Item, Select
from emulator.sql.build import equal, lit
from emulator.sql.engine_functions import CONNECTION_TYPE, ENGINE_FUNCTIONS
from emulator.sql.render import render
from emulator.work import check_work


def register(connection: duckdb.DuckDBPyConnection, work_of: WorkOf = lambda _: None) -> None:
    """Add the functions to a database, once for all of its connections; calling it again changes nothing.

    A call ends with the work of its connection, by an exception, which DuckDB makes an error of.
    """
    # Fetched to the end: an open result would keep the connection busy.
    if connection.execute(_FIND_FIRST).fetchall():
        return
    for function in ENGINE_FUNCTIONS:
        connection.create_function(
            function.name,
            _with_arity(
                lifted(
                    function,
                    IMPLEMENTATIONS[function.name],
                    work_of,
                    _LONGEST.get(function.name, LONGEST),
                    GROWING_AT_ONCE if function.name in _GROWING else AT_ONCE,
                ),
                len(function.parameters) + 1,
            ),
            [*function.parameters, CONNECTION_TYPE],
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


_FIND_FIRST = render(
    Select(
        (Item(lit(1), "found"),),
        FunctionRef(Call("duckdb_functions", ()), "f"),
        equal(ColumnRef("function_name"), lit(ENGINE_FUNCTIONS[0].name)),
    )
)


def _outputs(compute: Callable[..., statistics.Bag | None], names: tuple[str, ...]) -> Compute:
    """Return the named members of the bag that a function yields, as the fields of a struct."""

    def run(*values: object) -> object:
        bag = compute(*values)
        return None if bag is None else {f"o{index}": plain(bag[name]) for index, name in enumerate(names)}

    return run


def _bag(compute: Callable[..., statistics.Bag | None]) -> Compute:
    def run(*values: object) -> object:
        bag = compute(*values)
        return None if bag is None else json_text(bag)

    return run


def json_text(bag: statistics.Bag) -> str:
    """Write a bag of numbers and lists of numbers, long ones a part at a time."""
    members = [
        f"{json.dumps(name)}:{_listed(value) if isinstance(value, list) else json.dumps(value)}"
        for name, value in bag.items()
    ]
    return "{" + ",".join(members) + "}"


def _listed(values: list[float]) -> str:
    parts = []
    for start in range(0, len(values), _NUMBERS):
        check_work()
        parts.append(json.dumps(values[start : start + _NUMBERS], separators=(",", ":"))[1:-1])
    return "[" + ",".join(parts) + "]"


# Numbers that are written at once: 40 ms.
_NUMBERS = 65_536

_LINE = ("rsquare", "slope", "variance", "rvariance", "interception", "line_fit")
_POLYNOMIAL = ("rsquare", "coefficients", "variance", "rvariance", "poly_fit")
_COMPLEX = ("real", "imaginary")
_STATS = ("min", "min_idx", "max", "max_idx", "avg", "stdev", "variance")

IMPLEMENTATIONS: dict[str, Compute] = {
    "kql_series_fir": filters.fir,
    "kql_series_iir": filters.iir,
    "kql_series_stats": _outputs(statistics.stats, _STATS),
    "kql_series_stats_bag": _bag(statistics.stats),
    "kql_series_fit_line": _outputs(statistics.fit_line, _LINE),
    "kql_series_fit_line_bag": _bag(statistics.fit_line),
    "kql_series_fill_linear": statistics.fill_linear,
    "kql_weighted_rank": statistics.weighted_rank,
    "kql_series_correlation": statistics.correlation,
    "kql_series_cosine": statistics.cosine,
    "kql_text_bag_merge": bags.merge,
    "kql_text_bag_remove_keys": bags.remove_keys,
    "kql_text_bag_set_key": bags.set_key,
    "kql_bag_has_key": bags.has_key,
    "kql_text_bag_zip": bags.zip_bag,
    "kql_text_zip": bags.zip_arrays,
    "kql_text_sorted_arrays": bags.sort_arrays,
    "kql_canonical_json": bags.canonical,
    "kql_base64_encode": encodings.base64_encode,
    "kql_base64_decode": encodings.base64_decode,
    "kql_base64_bytes": encodings.base64_bytes,
    "kql_base64_of_bytes": encodings.base64_of_bytes,
    "kql_base64_guid": encodings.base64_guid,
    "kql_base64_of_guid": encodings.base64_of_guid,
    "kql_url_encode": encodings.url_encode,
    "kql_url_encode_component": encodings.url_encode_component,
    "kql_url_decode": encodings.url_decode,
    "kql_gunzip": encodings.decompress_gzip,
    "kql_unzlib": encodings.decompress_zlib,
    "kql_punycode": encodings.punycode_encode,
    "kql_unpunycode": encodings.punycode_decode,
    "kql_domain": encodings.domain_encode,
    "kql_undomain": encodings.domain_decode,
    "kql_text_url": encodings.parse_url,
    "kql_text_urlquery": encodings.parse_urlquery,
    "kql_csv_fields": encodings.csv_fields,
    "kql_version": encodings.version_number,
    "kql_replace_strings": texts.replace_strings,
    "kql_translate": texts.translate,
    "kql_hash_text": hashing.hash_text,
    "kql_hash_number": hashing.hash_number,
    "kql_series_outliers": decomposition.outliers,
    "kql_series_decompose": _outputs(decomposition.decompose, ("baseline", "seasonal", "trend", "residual")),
    "kql_series_forecast": decomposition.forecast,
    "kql_series_anomalies": _outputs(decomposition.anomalies, ("ad_flag", "ad_score", "baseline")),
    "kql_ipv4_number": networks.ipv4_number,
    "kql_ipv4_compare": networks.ipv4_compare,
    "kql_ipv4_in_any_range": networks.ipv4_in_any_range,
    "kql_ipv4_is_private": networks.ipv4_is_private,
    "kql_ipv4_suffix": networks.ipv4_suffix,
    "kql_format_ipv4": networks.format_ipv4,
    "kql_ipv4_range_prefixes": networks.ipv4_range_prefixes,
    "kql_has_any_ipv4": networks.has_any_ipv4,
    "kql_has_any_ipv4_prefix": networks.has_any_ipv4_prefix,
    "kql_ipv6_text": networks.ipv6_text,
    "kql_ipv6_compare": networks.ipv6_compare,
    "kql_ipv6_in_any_range": networks.ipv6_in_any_range,
    "kql_erf": math.erf,
    "kql_erfc": math.erfc,
    "kql_series_fit_poly": _outputs(statistics.fit_polynomial, _POLYNOMIAL),
    "kql_series_fft": _outputs(statistics.transform, _COMPLEX),
    "kql_series_ifft": _outputs(statistics.transform_back, _COMPLEX),
}

# Functions that cannot go by pieces.
_LONGEST = {
    **dict.fromkeys(
        (
            "kql_base64_bytes",
            "kql_base64_guid",
            "kql_base64_of_guid",
            "kql_url_decode",
            "kql_text_url",
            "kql_text_urlquery",
            "kql_version",
            "kql_ipv4_number",
            "kql_ipv4_compare",
            "kql_ipv4_is_private",
            "kql_ipv4_suffix",
            "kql_format_ipv4",
            "kql_ipv4_range_prefixes",
            "kql_ipv6_text",
            "kql_ipv6_compare",
        ),
        LONGEST_AT_ONCE,
    ),
    # The algorithm of Punycode passes over the text for each of its characters: 0.5 s for 4 KB of Chinese.
    **dict.fromkeys(("kql_punycode", "kql_unpunycode", "kql_domain", "kql_undomain"), LONGEST_NAME),
}

# Functions whose texts may become much longer.
_GROWING = frozenset({"kql_gunzip", "kql_unzlib", "kql_replace_strings"})
