"""Typed plan to SQL for DuckDB; it never looks at the AST and never guesses a type."""
