"""The values that a request computes before its results, which then see them as parameters."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import duckdb

from emulator.binder.plan import OneRow, Project
from emulator.emit.context import Storage
from emulator.engine.lru import LruCache
from emulator.engine.running.prepared import Prepared, Run, prepare, running_on
from emulator.optimize.invariants import Invariant, Step
from emulator.sql.render import render
from emulator.sql.statements import Begin
from emulator.types import Column, Schema

# What a dashboard asks for again and again differs in few ways.
_KEPT_ROWS = 64
_LONGEST_ARGUMENTS = 4_096

_BEGIN = render(Begin(read_only=True))

_UNCOMPUTABLE = (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException)


@dataclass(frozen=True, slots=True)
class PreparedStep:
    """The statement of a step, its values in order, and for a timeless one the latest values by its arguments."""

    prepared: Prepared
    invariants: tuple[Invariant, ...]
    memory: LruCache[str, tuple[object, ...]] | None

    def add(self, row: tuple[object, ...], values: dict[str, object]) -> None:
        """Add the values to those of a request."""
        values.update(zip((each.name for each in self.invariants), row, strict=True))

    def arguments(self, values: Mapping[str, object]) -> str:
        """Return what the values of a timeless step depend on, zeros of both signs apart."""
        return repr([values[given.value] for given in self.prepared.parameters.values()])

    def recall(self, values: Mapping[str, object]) -> tuple[object, ...] | None:
        """Return the values that a request's own lead to, if they are known."""
        return None if self.memory is None else self.memory.get(self.arguments(values))

    def remember(self, values: Mapping[str, object], row: tuple[object, ...]) -> None:
        """Keep what a request's values lead to, where nothing else decides it and they are not too long."""
        if self.memory is not None and len(arguments := self.arguments(values)) <= _LONGEST_ARGUMENTS:
            self.memory.put(arguments, row)


@dataclass(frozen=True, slots=True)
class Prelude:
    """The statements that compute the invariants of a query, one row each."""

    steps: tuple[PreparedStep, ...]
    storage: Storage

    def recall(self, values: dict[str, object]) -> tuple[PreparedStep, ...]:
        """Add the values that are known to those of a request, and return the steps that are left to run."""
        left = []
        for step in self.steps:
            row = step.recall(values)
            if row is None:
                left.append(step)
            else:
                step.add(row, values)
        return tuple(left)

    def run(
        self,
        steps: Sequence[PreparedStep],
        cursor: duckdb.DuckDBPyConnection,
        values: dict[str, object],
        run: Run,
    ) -> Invariant | None:
        """Add the values of steps to the values of the request, within a snapshot.

        Return the first one that cannot be computed: only a statement that reads it has to fail.
        """
        for step in steps:
            try:
                row = _row(run, step.prepared, values)
            except _UNCOMPUTABLE:
                found = next((each for each in step.invariants if not self._is_computable(cursor, each, values)), None)
                _restart(cursor)
                return found or step.invariants[0]
            step.remember(values, row)
            step.add(row, values)
        return None

    def _is_computable(
        self, cursor: duckdb.DuckDBPyConnection, invariant: Invariant, values: dict[str, object]
    ) -> bool:
        schema = Schema((Column(invariant.name, invariant.expression.type),))
        alone = prepare(Project(OneRow(), schema, (invariant.expression,)), self.storage, for_result=False)
        _restart(cursor)
        try:
            _row(running_on(cursor), alone, values)
        except _UNCOMPUTABLE:
            return False
        return True


def prepare_prelude(steps: Sequence[Step], storage: Storage) -> Prelude:
    """Emit the steps of a query."""
    prepared = tuple(
        PreparedStep(
            prepare(step.plan, storage, for_result=False),
            step.invariants,
            LruCache(_KEPT_ROWS) if step.is_timeless else None,
        )
        for step in steps
    )
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


def _row(run: Run, prepared: Prepared, values: dict[str, object]) -> tuple[object, ...]:
    # The result is read to its end: it would keep the connection busy.
    with run(prepared, values, False) as answer:
        (row,) = answer.fetchall()
    return tuple(row)


def _restart(cursor: duckdb.DuckDBPyConnection) -> None:
    # An error ends the transaction that it happens in.
    cursor.rollback()
    _begin(cursor)


def _begin(cursor: duckdb.DuckDBPyConnection) -> None:
    cursor.execute(_BEGIN)
