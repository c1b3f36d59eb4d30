"""The values that a request computes before its results, which then see them as parameters."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from emulator.emit.context import Storage
from emulator.engine.prepared import Prepared, prepare
from emulator.optimize.invariants import Invariant, Step

BEGIN = "BEGIN TRANSACTION READ ONLY"


@dataclass(frozen=True, slots=True)
class Prelude:
    """The statements that compute the invariants of a query, one row each."""

    steps: tuple[tuple[Prepared, tuple[Invariant, ...]], ...]

    def run(self, cursor: duckdb.DuckDBPyConnection, values: dict[str, object]) -> bool:
        """Add the values of all invariants to the values of the request.

        Return False where one of them cannot be computed: then only a statement that reads it needs to fail.
        """
        for prepared, invariants in self.steps:
            try:
                # The result is read to its end: it would keep the connection busy.
                (row,) = cursor.execute(prepared.statement.parsed(cursor), prepared.arguments(values)).fetchall()
            except (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException):
                cursor.rollback()
                cursor.execute(BEGIN)
                return False
            values.update(zip((each.name for each in invariants), row, strict=True))
        return True


def prepare_prelude(steps: Sequence[Step], storage: Storage) -> Prelude:
    """Emit the steps of a query."""
    return Prelude(tuple((prepare(step.plan, storage, for_result=False), step.invariants) for step in steps))
