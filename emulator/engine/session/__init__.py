"""One DuckDB connection: what it has parsed, planned and staged, how its statements run, and when they have to end."""
