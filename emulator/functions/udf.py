"""Names and types of the functions that the engine adds to DuckDB, for what SQL cannot say; no implementation here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineFunction:
    """A vectorized function by its DuckDB types; JSON travels as text."""

    name: str
    parameters: tuple[str, ...]
    result: str


_SERIES = "DOUBLE[]"

ENGINE_FUNCTIONS: tuple[EngineFunction, ...] = (
    EngineFunction("kql_series_fir", (_SERIES, _SERIES, "BOOLEAN", "BOOLEAN"), _SERIES),
    EngineFunction("kql_series_iir", (_SERIES, _SERIES, _SERIES), _SERIES),
    EngineFunction("kql_text_bag_merge", ("VARCHAR",), "VARCHAR"),
    EngineFunction("kql_text_bag_remove_keys", ("VARCHAR", "VARCHAR[]"), "VARCHAR"),
    EngineFunction("kql_text_bag_set_key", ("VARCHAR", "VARCHAR", "VARCHAR"), "VARCHAR"),
    EngineFunction("kql_bag_has_key", ("VARCHAR", "VARCHAR"), "BOOLEAN"),
    EngineFunction("kql_text_bag_zip", ("VARCHAR", "VARCHAR"), "VARCHAR"),
    EngineFunction("kql_text_zip", ("VARCHAR",), "VARCHAR"),
    EngineFunction("kql_canonical_json", ("VARCHAR",), "VARCHAR"),
)
