"""Kusto's case-sensitive column names as DuckDB identifiers, which ignore case."""

from collections import Counter

from emulator.types import Schema


def physical_names(schema: Schema) -> tuple[str, ...]:
    """Return the DuckDB name of each column, in order.

    It is the name itself, unless another column differs only in case or the name starts with `$` (kept for hidden
    columns): then `$column_<n>` by position.
    """
    counts = Counter(column.name.lower() for column in schema)
    return tuple(
        column.name if counts[column.name.lower()] == 1 and _is_plain(column.name) else f"$column_{position}"
        for position, column in enumerate(schema)
    )


def _is_plain(name: str) -> bool:
    return name != "" and not name.startswith("$") and "\0" not in name
