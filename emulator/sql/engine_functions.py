"""Names and types of the functions that the engine adds to DuckDB, for what SQL cannot say; no implementation here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineFunction:
    """A vectorized function by its DuckDB types; JSON travels as text.

    A null argument gives null, but at the positions in `optional` it is a value that the function reads. Rendering adds
    the number of the connection, by which the engine knows whether the work that the function is called for has to end:
    DuckDB calls it in threads of its own, and does not interrupt what runs in Python.
    """

    name: str
    parameters: tuple[str, ...]
    result: str
    optional: frozenset[int] = frozenset()


_SERIES = "DOUBLE[]"


def _struct(types: str) -> str:
    return f"STRUCT({', '.join(f'o{index} {type_}' for index, type_ in enumerate(types.split()))})"


ENGINE_FUNCTIONS: tuple[EngineFunction, ...] = (
    EngineFunction("kql_series_fir", (_SERIES, _SERIES, "BOOLEAN", "BOOLEAN"), _SERIES, frozenset({2})),
    EngineFunction("kql_series_iir", (_SERIES, _SERIES, _SERIES), _SERIES),
    EngineFunction(
        "kql_series_stats", (_SERIES, "BOOLEAN"), _struct("DOUBLE BIGINT DOUBLE BIGINT DOUBLE DOUBLE DOUBLE")
    ),
    EngineFunction("kql_series_stats_bag", (_SERIES, "BOOLEAN"), "VARCHAR"),
    EngineFunction("kql_series_fit_line", (_SERIES,), _struct("DOUBLE DOUBLE DOUBLE DOUBLE DOUBLE DOUBLE[]")),
    EngineFunction("kql_series_fit_line_bag", (_SERIES,), "VARCHAR"),
    EngineFunction("kql_series_fill_linear", (_SERIES, "DOUBLE", "BOOLEAN", "DOUBLE"), _SERIES, frozenset({1})),
    EngineFunction("kql_weighted_rank", ("BIGINT[]", "DOUBLE"), "BIGINT"),
    EngineFunction("kql_series_correlation", (_SERIES, _SERIES), "DOUBLE"),
    EngineFunction("kql_series_cosine", (_SERIES, _SERIES), "DOUBLE"),
    EngineFunction("kql_text_bag_merge", ("VARCHAR",), "VARCHAR"),
    EngineFunction("kql_text_bag_remove_keys", ("VARCHAR", "VARCHAR[]"), "VARCHAR"),
    EngineFunction("kql_text_bag_set_key", ("VARCHAR", "VARCHAR", "VARCHAR"), "VARCHAR", frozenset({2})),
    EngineFunction("kql_bag_has_key", ("VARCHAR", "VARCHAR"), "BOOLEAN"),
    EngineFunction("kql_text_bag_zip", ("VARCHAR", "VARCHAR"), "VARCHAR"),
    EngineFunction("kql_text_zip", ("VARCHAR",), "VARCHAR"),
    EngineFunction("kql_text_sorted_arrays", ("VARCHAR", "BOOLEAN", "BOOLEAN"), "VARCHAR"),
    EngineFunction("kql_canonical_json", ("VARCHAR",), "VARCHAR"),
    EngineFunction("kql_base64_encode", ("VARCHAR",), "VARCHAR"),
    EngineFunction("kql_base64_decode", ("VARCHAR",), "VARCHAR"),
    EngineFunction("kql_base64_bytes", ("VARCHAR",), "BIGINT[]"),
    EngineFunction("kql_base64_of_bytes", ("BIGINT[]",), "VARCHAR"),
    EngineFunction("kql_base64_guid", ("VARCHAR",), "VARCHAR"),
    EngineFunction("kql_base64_of_guid", ("VARCHAR",), "VARCHAR"),
    EngineFunction("kql_url_encode", ("VARCHAR",), "VARCHAR"),
    EngineFunction("kql_url_encode_component", ("VARCHAR",), "VARCHAR"),
    EngineFunction("kql_url_decode", ("VARCHAR",), "VARCHAR"),
    EngineFunction("kql_gunzip", ("VARCHAR",), "VARCHAR"),
    EngineFunction("kql_unzlib", ("VARCHAR",), "VARCHAR"),
    EngineFunction("kql_punycode", ("VARCHAR",), "VARCHAR"),
    EngineFunction("kql_unpunycode", ("VARCHAR",), "VARCHAR"),
    EngineFunction("kql_domain", ("VARCHAR",), "VARCHAR"),
    EngineFunction("kql_undomain", ("VARCHAR",), "VARCHAR"),
    EngineFunction("kql_text_url", ("VARCHAR",), "VARCHAR"),
    EngineFunction("kql_text_urlquery", ("VARCHAR",), "VARCHAR"),
    EngineFunction("kql_csv_fields", ("VARCHAR",), "VARCHAR[]"),
    EngineFunction("kql_version", ("VARCHAR",), "DECIMAL(38,0)"),
    EngineFunction("kql_replace_strings", ("VARCHAR", "VARCHAR", "VARCHAR"), "VARCHAR"),
    EngineFunction("kql_translate", ("VARCHAR", "VARCHAR", "VARCHAR"), "VARCHAR"),
    EngineFunction("kql_hash_text", ("VARCHAR",), "BIGINT"),
    EngineFunction("kql_hash_number", ("BIGINT",), "BIGINT"),
    EngineFunction("kql_series_outliers", (_SERIES, "VARCHAR", "DOUBLE"), _SERIES, frozenset({2})),
    EngineFunction(
        "kql_series_decompose", (_SERIES, "BIGINT", "VARCHAR", "BIGINT"), _struct("DOUBLE[] DOUBLE[] DOUBLE[] DOUBLE[]")
    ),
    EngineFunction("kql_series_forecast", (_SERIES, "BIGINT", "BIGINT", "VARCHAR"), _SERIES),
    EngineFunction(
        "kql_series_anomalies",
        (_SERIES, "DOUBLE", "BIGINT", "VARCHAR", "BIGINT", "VARCHAR"),
        _struct("DOUBLE[] DOUBLE[] DOUBLE[]"),
    ),
    EngineFunction("kql_ipv4_number", ("VARCHAR", "BIGINT"), "BIGINT"),
    EngineFunction("kql_ipv4_compare", ("VARCHAR", "VARCHAR", "BIGINT"), "BIGINT"),
    EngineFunction("kql_ipv4_in_any_range", ("VARCHAR", "VARCHAR[]"), "BOOLEAN"),
    EngineFunction("kql_ipv4_is_private", ("VARCHAR",), "BOOLEAN"),
    EngineFunction("kql_ipv4_suffix", ("VARCHAR",), "BIGINT"),
    EngineFunction("kql_format_ipv4", ("VARCHAR", "BIGINT", "BOOLEAN"), "VARCHAR"),
    EngineFunction("kql_ipv4_range_prefixes", ("VARCHAR", "VARCHAR"), "VARCHAR[]"),
    EngineFunction("kql_has_any_ipv4", ("VARCHAR", "VARCHAR[]"), "BOOLEAN"),
    EngineFunction("kql_has_any_ipv4_prefix", ("VARCHAR", "VARCHAR[]"), "BOOLEAN"),
    EngineFunction("kql_ipv6_text", ("VARCHAR", "BIGINT"), "VARCHAR"),
    EngineFunction("kql_ipv6_compare", ("VARCHAR", "VARCHAR", "BIGINT"), "BIGINT"),
    EngineFunction("kql_ipv6_in_any_range", ("VARCHAR", "VARCHAR[]"), "BOOLEAN"),
    EngineFunction("kql_erf", ("DOUBLE",), "DOUBLE"),
    EngineFunction("kql_erfc", ("DOUBLE",), "DOUBLE"),
    EngineFunction(
        "kql_series_fit_poly",
        (_SERIES, _SERIES, "BIGINT"),
        _struct("DOUBLE DOUBLE[] DOUBLE DOUBLE DOUBLE[]"),
        frozenset({1}),
    ),
    EngineFunction("kql_series_fft", (_SERIES, _SERIES), _struct("DOUBLE[] DOUBLE[]"), frozenset({1})),
    EngineFunction("kql_series_ifft", (_SERIES, _SERIES), _struct("DOUBLE[] DOUBLE[]"), frozenset({1})),
)

ENGINE_FUNCTION_NAMES = frozenset(function.name for function in ENGINE_FUNCTIONS)
# The variable of a connection that holds its number, and the type of that.
CONNECTION, CONNECTION_TYPE = "connection", "BIGINT"
