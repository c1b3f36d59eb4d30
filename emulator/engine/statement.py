"""SQL that is parsed once, however often it runs: parsing a long text costs as much as planning it."""

from dataclasses import dataclass, field

import duckdb


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
