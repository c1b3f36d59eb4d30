"""High-water marks: how far a source has been read, kept in the transaction of the rows that were read from it."""

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from emulator.engine.session.session import Session
from emulator.errors import IngestionFault, KustoError
from emulator.sql.ast import Select
from emulator.sql.build import columns
from emulator.sql.record_table import RecordTable
from emulator.sql.render import render
from emulator.sql.statements import Assignment, Update

_MARKS = RecordTable("$marks", {"name": "VARCHAR", "position": "BIGINT"})
_READ = render(Select(columns(("position",)), _MARKS.rows, _MARKS.matches("name")))
_ADD = render(_MARKS.insertion)
_MOVE = render(Update(_MARKS.rows, (Assignment("position", _MARKS.given("position")),), where=_MARKS.matches("name")))


class StaleMark(IngestionFault):
    """The mark is not where the rows begin: they are stored already, or rows before them are not."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a payload holds of a source: read on from `since`, the mark as it was (None for none), up to `until`."""

    since: int | None
    until: int


# A stretch with which nothing is ever stored, and the code of the fault that says so, once all that follows from the
# rows has been computed.
IMMOVABLE = Stretch(1, 1)
IMMOVABLE_CODE = "TH_MarkImmovable"


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table of marks where it does not exist."""
    connection.execute(render(_MARKS.creation))


def mark(connection: duckdb.DuckDBPyConnection, name: str) -> int | None:
    """Return the position that a source is to be read on from, or None for one never read."""
    return _position(connection.execute(_READ, {"name": name}))


def advance(session: Session, stretches: Mapping[str, Stretch]) -> None:
    """Move marks forward.

    Raises StaleMark for one that is not where its stretch begins. So of two attempts to store the same events only one
    succeeds, in whichever order and cut they come.
    """
    for name, stretch in stretches.items():
        if stretch.until <= (stretch.since or 0):
            message = f"The mark of '{name}' cannot move from {stretch.since} to {stretch.until}."
            raise KustoError(message, IMMOVABLE_CODE)
        kept = _position(session.plain(_READ, {"name": name}))
        if kept != stretch.since:
            at = "not stored yet" if kept is None else f"stored up to {kept}"
            raise StaleMark(
                f"The source '{name}' is {at}, so that nothing goes on from {stretch.since}.",
                "TH_StaleMark",
                hint="read the mark, and go on from there",
            )
        session.plain(_ADD if kept is None else _MOVE, {"name": name, "position": stretch.until})


def _position(result: duckdb.DuckDBPyConnection) -> int | None:
    rows = result.fetchall()
    return int(rows[0][0]) if rows else None
