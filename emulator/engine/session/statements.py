"""The statements of a connection: parsed once, and planned once where every batch can share the plan.

Making a plan costs more than running it on a small batch. DuckDB keeps the plan of a statement that was prepared
without its optimizer, so small batches run with such plans; large ones, and statements that search history, are
planned for what they find. To run a kept plan is a statement too, which the optimizer would spend its time on: it is
off while such statements follow each other.
"""
# ruff: noqa: S608 - every name goes through `identifier`, every value through a parameter or `lit`

from collections.abc import Callable, Mapping
from datetime import datetime

import duckdb
import numpy as np

from emulator.engine.derived.known_keys import Hashes
from emulator.engine.derived.memory import ViewMemory
from emulator.engine.session.cores import Cores
from emulator.engine.session.kept_plans import Plans
from emulator.engine.session.optimizer import Optimizer
from emulator.engine.session.workload import SMALL
from emulator.sql.build import lit
from emulator.sql.render import identifier

_CAPACITY = 2_048


class Statements:
    """What one connection has parsed, prepared and staged; the rows staged in a transaction go with its end.

    What is optimized may be large, and gets all `cores` until the transaction ends. `views` is what it remembers of
    views.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, cores: Cores) -> None:
        self._connection = connection
        self._cores = cores
        self._has_all_cores = False
        self._optimizer = Optimizer(connection)
        self.views = ViewMemory(lambda: self.connection)
        self._parsed: dict[str, duckdb.Statement] = {}
        self._plans = Plans(self._execute)
        self._defined: dict[str, str] = {}
        self._filled: set[str] = set()
        self._has_defined = False

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection, for statements that are to be optimized."""
        return self._optimizing(True)

    def begin(self) -> None:
        """Begin a transaction."""
        self._cores.rest()
        self._connection.begin()

    def define(self, name: str, definition: str, create: Callable[[], str] | None = None) -> None:
        """Make a temporary relation, unless this connection has it already with this definition.

        The definition is a `CREATE OR REPLACE`, or whatever `create` makes one from.
        """
        if self._defined.get(name) != definition:
            # A prepared statement would from now on be planned at every run, since the catalog has moved on.
            self._release()
            self.connection.execute(definition if create is None else create())
            self._defined[name] = definition
            self._has_defined = True

    def empty(self, name: str) -> None:
        """Remove what the transaction has staged in a temporary table, and count it as staged in from now on."""
        if name in self._filled:
            self._clear(name)
        self._filled.add(name)

    def stayed_empty(self, name: str) -> None:
        """Take back that a transaction has staged rows in a temporary table."""
        self._filled.discard(name)

    def run(self, sql: str, values: Mapping[str, datetime], rows: int | None = None) -> int:
        """Run a statement and return the rows it wrote; `rows` is what it reads at most, None for any number."""
        # As an array: a list of rows would take two turns at Python more.
        (counts,) = self._run(sql, values, rows).fetchnumpy().values()
        return int(counts.sum())

    def plain(self, sql: str, values: Mapping[str, object]) -> duckdb.DuckDBPyConnection:
        """Run a statement that has nothing to optimize."""
        return self._optimizing(False).execute(self._statement(sql), dict(values))

    def hashes(self, sql: str, rows: int | None) -> Hashes:
        """Run a statement and return the one column, of unsigned 64-bit numbers, that it answers with."""
        (column,) = self._run(sql, {}, rows).fetchnumpy().values()
        return np.asarray(column, np.uint64)

    def end_batch(self) -> None:
        """Remove all staged rows; rows that come and go within one transaction leave no trace in a table."""
        for name in sorted(self._filled):
            self._clear(name)
        self._filled.clear()

    def commit(self) -> None:
        """Commit the transaction."""
        self._connection.commit()

    def end_transaction(self) -> None:
        """Keep everything after a commit that changed rows alone, but for plans made before a catalog was committed."""
        self.views.end_transaction()
        if self._has_defined:
            self._release()
            self._has_defined = False
        self._give_back_cores()

    def roll_back(self) -> None:
        """Start anew after a rollback, which may have taken relations along."""
        self.views.roll_back()
        self._forget()

    def forget(self) -> None:
        """Start anew after a change of the catalog."""
        self.views.forget()
        self._forget()

    def _clear(self, name: str) -> None:
        self._run(f"DELETE FROM {identifier(name)}", {}, 0)

    def _run(self, sql: str, values: Mapping[str, datetime], rows: int | None) -> duckdb.DuckDBPyConnection:
        if rows is None or rows > SMALL:
            return self.connection.execute(self._statement(sql), dict(values) or None)
        # With a plan that is kept, made without the optimizer.
        times = {name: lit(value.isoformat(sep=" "), "TIMESTAMP") for name, value in values.items()}
        return self._execute(self._plans.execution(sql, times))

    def _optimizing(self, wanted: bool) -> duckdb.DuckDBPyConnection:
        if wanted and not self._has_all_cores:
            self._cores.take()
            self._has_all_cores = True
        self._optimizer.turn(on=wanted)
        return self._connection

    def _give_back_cores(self) -> None:
        if self._has_all_cores:
            self._cores.give_back()
            self._has_all_cores = False

    def _forget(self) -> None:
        self._release()
        self._parsed.clear()
        self._defined.clear()
        self._filled.clear()
        self._give_back_cores()

    def _statement(self, sql: str) -> duckdb.Statement:
        found = self._parsed.get(sql)
        if found is None:
            if len(self._parsed) >= _CAPACITY:
                self._parsed.clear()
            (found,) = self._connection.extract_statements(sql)
            self._parsed[sql] = found
        return found

    def _execute(self, text: str) -> duckdb.DuckDBPyConnection:
        return self._optimizing(False).execute(text)

    def _release(self) -> None:
        self._plans.release()
