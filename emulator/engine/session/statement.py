"""SQL that is parsed once, however often it runs: parsing a long text costs as much as planning it."""

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
        """Run the statement; without `streams` its rows are there as a whole, which takes less time for some."""
        if streams:
            return connection.sql(self.sql, params=arguments)
        return connection.execute(self.parsed(connection), arguments)
