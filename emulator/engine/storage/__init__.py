"""The DuckDB relations behind tables, rows on their way into them, and the transaction they belong to."""
