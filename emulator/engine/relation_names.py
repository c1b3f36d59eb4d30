"""The names that the engine gives to DuckDB objects; none of them can be the name of a KQL entity or column."""

INGESTION_TIME = "$IngestionTime"
"""The hidden column of every table and view: when a row was stored."""

GROUP_KEY = "$key"
"""The column of a materialized view's parts with the hash of the group's keys."""


def parts_name(relation: str) -> str:
    """Return the DuckDB table behind the DuckDB view of a materialized view."""
    return f"{relation}$parts"


def batch_name(relation: str) -> str:
    """Return the temporary relation that holds the rows a transaction adds to a relation."""
    return f"$batch_{relation}"
