"""The functions that the engine adds to DuckDB, called as they are."""
