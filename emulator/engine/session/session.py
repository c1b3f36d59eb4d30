"""The connection of the writer, and the three ways in which it runs a statement.

| way | for what | parsed | planned | optimizer | cores |
|---|---|---|---|---|---|
| `run` of any number of rows, `connection` | what may read much, or searches history | once | at every run | on | all |
| `run` of few rows | what reads nothing but a small batch | once | once: the plan is kept | off | as it is |
| `plain` | what has nothing to optimize, with values of any type | once | at every run | off | as it is |

Making a plan costs more than running it on a small batch: without kept plans a trade takes 2.7 times the CPU
(2026-11-29). DuckDB keeps only plans that it made without its optimizer. A kept plan is run by a statement too, on
which the optimizer would spend its time: it is off while such statements follow each other.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

import duckdb
import numpy as np
import numpy.typing as npt

from emulator.engine.faults import is_invalidated
from emulator.engine.lru import LruCache
from emulator.engine.session.cores import Cores
from emulator.engine.session.kept_plans import KeptPlans
from emulator.engine.session.optimizer import Optimizer
from emulator.engine.session.statement import Statement
from emulator.engine.session.workload import SMALL
from emulator.sql.ast import Item, Select
from emulator.sql.build import lit
from emulator.sql.render import render

_CAPACITY = 2_048
_ALIVE = render(Select((Item(lit(True), "alive"),)))


class Session:
    """A connection, what it has parsed and planned; what is optimized gets all `cores` until the transaction ends."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, cores: Cores) -> None:
        self._connection = connection
        self._cores = cores
        self._has_all_cores = False
        self._optimizer = Optimizer(connection)
        self._parsed: LruCache[str, Statement] = LruCache(_CAPACITY)
        self._plans = KeptPlans(self._execute)

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection, set for statements that are to be optimized."""
        if not self._has_all_cores:
            self._cores.take()
            self._has_all_cores = True
        self._optimizer.turn(on=True)
        return self._connection

    @property
    def bare(self) -> duckdb.DuckDBPyConnection:
        """The connection as it is set."""
        return self._connection

    def begin(self) -> None:
        """Begin a transaction."""
        self._cores.rest()
        self._connection.begin()

    def interrupt(self) -> None:
        """End the statement that runs; from any thread."""
        self._connection.interrupt()

    def run(self, sql: str, times: Mapping[str, datetime], rows: int | None = None) -> int:
        """Run a statement and return the rows it wrote; `rows` is what it reads at most, None for any number."""
        # As an array: a list of rows would take two turns at Python more.
        (counts,) = self.execute(sql, times, rows).fetchnumpy().values()
        return int(counts.sum())

    def hashes(self, sql: str, rows: int | None) -> npt.NDArray[np.uint64]:
        """Run a statement and return the one column, of unsigned 64-bit numbers, that it answers with."""
        (column,) = self.execute(sql, {}, rows).fetchnumpy().values()
        return np.asarray(column, np.uint64)

    def execute(self, sql: str, times: Mapping[str, datetime], rows: int | None) -> duckdb.DuckDBPyConnection:
        """Run a statement as `run` does, and return the connection with its result."""
        if rows is None or rows > SMALL:
            return self.connection.execute(self._statement(sql), dict(times) or None)
        literals = {name: lit(time.isoformat(sep=" "), "TIMESTAMP") for name, time in times.items()}
        return self._execute(self._plans.execution(sql, literals))

    def plain(self, sql: str, values: Mapping[str, object]) -> duckdb.DuckDBPyConnection:
        """Run a statement that has nothing to optimize."""
        self._optimizer.turn(on=False)
        return self._connection.execute(self._statement(sql), dict(values))

    def release_plans(self) -> None:
        """Forget the plans, which a change of a catalog has made stale: DuckDB would make them anew at every run."""
        self._plans.release()

    def commit(self) -> None:
        """Commit the transaction."""
        self._connection.commit()

    def roll_back(self) -> None:
        """Take back the transaction, and the plans made in it."""
        # A failed commit has rolled back already.
        with suppress(duckdb.TransactionException):
            self._connection.rollback()
        self.release_plans()
        self.give_back_cores()

    def give_back_cores(self) -> None:
        """Let the cores go that the transaction has used."""
        if self._has_all_cores:
            self._cores.give_back(has_written=True)
            self._has_all_cores = False

    def fold(self) -> None:
        """Fold the log into the file."""
        self._connection.checkpoint()

    def is_alive(self) -> bool:
        """Whether DuckDB still serves the connection."""
        try:
            self._connection.execute(_ALIVE)
        except duckdb.Error as error:
            return not is_invalidated(error)
        return True

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _execute(self, text: str) -> duckdb.DuckDBPyConnection:
        self._optimizer.turn(on=False)
        return self._connection.execute(text)

    def _statement(self, sql: str) -> duckdb.Statement:
        found = self._parsed.get(sql)
        if found is None:
            found = Statement(sql)
            self._parsed.put(sql, found)
        return found.parsed(self._connection)
