"""SQL that is parsed once, however often it runs.

To parse it for every request takes the endpoints 1.14 to 1.53 times the CPU (2026-11-29, `tests/bench/RESULTS.md`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import duckdb

ResultSet: TypeAlias = duckdb.DuckDBPyConnection | duckdb.DuckDBPyRelation


@dataclass(slots=True)
class Statement:
    """One statement; safe to share between threads and connections."""

    sql: str
    _parsed: duckdb.Statement | None = field(default=None, compare=False, repr=False)

    def parsed(self, connection: duckdb.DuckDBPyConnection) -> duckdb.Statement:
        """Return the parsed text, which any connection of the process can run."""
        if self._parsed is None:
            (self._parsed,) = connection.extract_statements(self.sql)
        return self._parsed

    def run(
        self, connection: duckdb.DuckDBPyConnection, arguments: Mapping[str, object] | None, *, streams: bool = False
    ) -> ResultSet:
        """Run the statement; without `streams` its rows are there as a whole.

        DuckDB plans twice what it streams: the endpoints take 1.7 to 2.6 times the CPU so (2026-11-29).
        """
        if streams:
            return connection.sql(self.sql, params=arguments)
        return connection.execute(self.parsed(connection), arguments)
