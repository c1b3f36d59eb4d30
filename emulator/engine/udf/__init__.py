"""Functions that DuckDB lacks, in Python and numpy over Arrow columns."""

from emulator.engine.udf.registry import register

__all__ = ["register"]
