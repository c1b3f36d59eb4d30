"""High-water marks: how far a source has been read, kept in the transaction of the rows that were read from it."""

from collections.abc import Mapping

import duckdb

from emulator.errors import IngestionFault


class StaleMark(IngestionFault):
    """The rows up to this mark are stored already; read on from the mark that is kept."""


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table of marks where it does not exist."""
    connection.execute('CREATE TABLE IF NOT EXISTS "$marks" (name VARCHAR, position BIGINT)')


def mark(connection: duckdb.DuckDBPyConnection, name: str) -> int | None:
    """Return the position that a source is to be read on from, or None for one never read."""
    rows = connection.execute('SELECT position FROM "$marks" WHERE name = ?', (name,)).fetchall()
    return int(rows[0][0]) if rows else None


def advance(connection: duckdb.DuckDBPyConnection, marks: Mapping[str, int]) -> None:
    """Move marks forward; raise StaleMark for one that is there already, so that no rows are stored twice."""
    for name, position in marks.items():
        kept = mark(connection, name)
        if kept is None:
            connection.execute('INSERT INTO "$marks" VALUES (?, ?)', (name, position))
        elif position <= kept:
            raise StaleMark(f"The source '{name}' is stored up to {kept}, past {position}.", "TH_StaleMark")
        else:
            connection.execute('UPDATE "$marks" SET position = ? WHERE name = ?', (position, name))
