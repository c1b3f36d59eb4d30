"""Rows that were computed before the turn to store them.

They are in a database in memory that all connections of the instance see. DuckDB moves what exceeds its memory into its
temporary files, and logs nothing: what the process leaves behind is gone when it ends.
"""

from collections.abc import Mapping
from itertools import count

import duckdb

from emulator.sql.ast import From, Rendered, Select, Star, TableRef
from emulator.sql.render import render
from emulator.sql.statements import Attach, CreateTableAs, Drop

_DATABASE = "$computed"
_WITHIN = (_DATABASE, "main")
_NUMBERS = count(1)


def attach(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the place for computed rows in an instance that was opened."""
    connection.execute(render(Attach(_DATABASE)))


class ComputedRows:
    """A table for the rows of one query."""

    def __init__(self) -> None:
        self._name = f"rows{next(_NUMBERS)}"

    def source(self, alias: str) -> From:
        """Return where they are read."""
        return TableRef((*_WITHIN, self._name), alias)

    @property
    def query(self) -> str:
        """The SELECT of the rows."""
        return render(Select((Star(),), self.source("r")))

    def fill(self, connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, object]) -> None:
        """Compute the rows; those of a transaction that is rolled back are gone with it."""
        connection.execute(render(CreateTableAs(self._name, Rendered(sql), within=_WITHIN)), dict(values) or None)

    def drop(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Forget the rows, if there are any."""
        connection.execute(render(Drop("TABLE", self._name, if_exists=True, within=_WITHIN)))
