"""DuckDB's errors in Kusto's words: what a user can cause has a fault of its own, all else is a bug of ours."""

import duckdb
import pyarrow as pa

from emulator.errors import EngineFault, KustoError, LimitFault, QueryTooDeep, SemanticFault

# While rows are streamed, DuckDB's errors arrive as those of Arrow's reader.
STORAGE_ERRORS = (duckdb.Error, pa.ArrowException, OSError)

# What a value that cannot be computed is to DuckDB.
VALUE_ERRORS = (duckdb.OutOfRangeException, duckdb.ConversionException, duckdb.InvalidInputException)


def kusto_fault(error: Exception) -> KustoError:
    """Return the fault for a failed query; DuckDB names the kind of an error at the start of its text."""
    text = str(error).strip().partition("\n")[0] or type(error).__name__
    kind, _, reason = text.partition(" Error: ")
    match kind:
        case "INTERRUPT":
            return LimitFault("The query was cancelled", "Aborted")
        case "Out of Memory":
            return LimitFault(
                "The query needs more memory than this Eventhouse may use",
                "E_RUNAWAY_QUERY",
                hint="filter or summarize earlier, or narrow the time range",
            )
        case "Parser" if reason.startswith("Max expression depth limit"):
            return QueryTooDeep(
                "The query is too deep: one of its expressions has more levels than the storage engine follows (1000)",
                "TH_QueryTooDeep",
                hint="join fewer values in one expression",
            )
        case "IO":
            return EngineFault(f"Storage failed: {text}", "TH0910")
        case "Out of Range" | "Conversion" | "Invalid Input":
            return SemanticFault(f"A value cannot be computed: {reason}", "SEM0053")
        case _:
            return EngineFault(
                f"The compiled query was refused by the storage engine: {text}",
                "TH0911",
                hint="this is a bug of the embedded Eventhouse, not of the query",
            )


def closed_fault() -> KustoError:
    """Return the fault of a request to an Eventhouse that was closed."""
    return KustoError("The Eventhouse is closed.", "TH_Closed")
