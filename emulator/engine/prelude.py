"""The values that a request computes before its results, which then see them as parameters."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import duckdb

from emulator.binder.plan import OneRow, Project
from emulator.emit.context import Storage
from emulator.engine.cores import Fit, as_it_is
from emulator.engine.prepared import Prepared, prepare
from emulator.optimize.invariants import Invariant, Step
from emulator.types import Column, Schema

_UNCOMPUTABLE = (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException)


@dataclass(frozen=True, slots=True)
class Prelude:
    """The statements that compute the invariants of a query, one row each."""

    steps: tuple[tuple[Prepared, tuple[Invariant, ...]], ...]
    storage: Storage

    def run(
        self, cursor: duckdb.DuckDBPyConnection, values: dict[str, object], fit: Fit = as_it_is
    ) -> Invariant | None:
        """Add the values of all invariants to the values of the request, within a snapshot.

        Return the first one that cannot be computed: only a statement that reads it has to fail.
        """
        for prepared, invariants in self.steps:
            try:
                with fit(prepared.load):
                    row = _row(cursor, prepared, values)
                values.update(zip((each.name for each in invariants), row, strict=True))
            except _UNCOMPUTABLE:
                found = next((each for each in invariants if not self._is_computable(cursor, each, values)), None)
                _restart(cursor)
                return found or invariants[0]
        return None

    def _is_computable(
        self, cursor: duckdb.DuckDBPyConnection, invariant: Invariant, values: dict[str, object]
    ) -> bool:
        schema = Schema((Column(invariant.name, invariant.expression.type),))
        alone = prepare(Project(OneRow(), schema, (invariant.expression,)), self.storage, for_result=False)
        _restart(cursor)
        try:
            _row(cursor, alone, values)
        except _UNCOMPUTABLE:
            return False
        return True


def prepare_prelude(steps: Sequence[Step], storage: Storage) -> Prelude:
    """Emit the steps of a query."""
    prepared = tuple((prepare(step.plan, storage, for_result=False), step.invariants) for step in steps)
    return Prelude(prepared, storage)


@contextmanager
def snapshot(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let several statements see the same rows."""
    _begin(cursor)
    try:
        yield
    except BaseException:
        with suppress(duckdb.Error):
            cursor.rollback()
        raise
    cursor.commit()


def _row(cursor: duckdb.DuckDBPyConnection, prepared: Prepared, values: dict[str, object]) -> tuple[object, ...]:
    # The result is read to its end: it would keep the connection busy.
    (row,) = cursor.execute(prepared.statement.parsed(cursor), prepared.arguments(values)).fetchall()
    return tuple(row)


def _restart(cursor: duckdb.DuckDBPyConnection) -> None:
    # An error ends the transaction that it happens in.
    cursor.rollback()
    _begin(cursor)


def _begin(cursor: duckdb.DuckDBPyConnection) -> None:
    cursor.execute("BEGIN TRANSACTION READ ONLY")
