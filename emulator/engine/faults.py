"""DuckDB's errors in Kusto's words: what a user can cause has a fault of its own, all else is a bug of ours."""

from datetime import timedelta

import duckdb

from emulator.errors import EngineFault, KustoError, LimitFault, SemanticFault


def kusto_fault(error: duckdb.Error) -> KustoError:
    """Return the fault for a failed query."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    match error:
        case duckdb.InterruptException():
            return LimitFault("The query was cancelled", "Aborted")
        case duckdb.OutOfMemoryException():
            return LimitFault(
                "The query needs more memory than this Eventhouse may use",
                "E_RUNAWAY_QUERY",
                hint="filter or summarize earlier, or narrow the time range",
            )
        case duckdb.IOException():
            return EngineFault(f"Storage failed: {text}", "TH0910")
        case duckdb.OutOfRangeException() | duckdb.ConversionException() | duckdb.InvalidInputException():
            return SemanticFault(f"A value cannot be computed: {text}", "SEM0053")
        case _:
            return EngineFault(
                f"The compiled query was refused by the storage engine: {text}",
                "TH0911",
                hint="this is a bug of the embedded Eventhouse, not of the query",
            )


def timeout_fault(timeout: timedelta) -> LimitFault:
    """Return the fault for a query that ran out of time."""
    return LimitFault(
        f"The query did not finish within its timeout of {timeout}",
        "E_QUERY_TIMEOUT",
        hint="narrow the query, or raise the option 'servertimeout' (at most 1h)",
    )
