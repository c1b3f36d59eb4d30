"""A connection for reading, set for the load of each statement."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import duckdb

from emulator.engine.running.prepared import Prepared
from emulator.engine.session.cores import Cores
from emulator.engine.session.kept_plans import KeptPlans
from emulator.engine.session.optimizer import Optimizer
from emulator.engine.session.statement import Answer
from emulator.engine.session.workload import Load, Sizes


class Reader:
    """A connection that one request at a time has; `cores` and `sizes` are those of its DuckDB instance."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, cores: Cores, sizes: Sizes) -> None:
        self.cursor = cursor
        self._cores = cores
        self._sizes = sizes
        self.optimizer = Optimizer(cursor)
        self._plans = KeptPlans(self._execute)
        self._version = 0

    def begin(self, version: int) -> None:
        """Begin a request at a version of the catalog; DuckDB would remake plans of another one at every run."""
        if version != self._version:
            self._plans.release()
            self._version = version

    @contextmanager
    def run(self, prepared: Prepared, values: Mapping[str, object], streams: bool) -> Iterator[Answer]:
        """Run a statement as its load wants it; one that reads few rows and came before, by a plan that is kept."""
        with self.fit(prepared.load):
            literals = prepared.literals(values) if self._keeps_plan(prepared) else None
            if literals is None:
                yield prepared.statement.run(self.cursor, prepared.arguments(values), streams=streams)
            else:
                yield self._execute(self._plans.execution(prepared.whole, literals))

    def _keeps_plan(self, prepared: Prepared) -> bool:
        return prepared.statement.has_run and not self.optimizer.is_on

    def _execute(self, text: str) -> Answer:
        self.optimizer.turn(on=False)
        return self.cursor.execute(text)

    @contextmanager
    def fit(self, load: Load) -> Iterator[None]:
        """Run a statement on as many cores as it can use, and without the optimizer where that takes longer."""
        self.optimizer.turn(on=not self._sizes.are_few(load))
        if self._sizes.are_small(load):
            self._cores.rest()
            yield
            return
        self._cores.take()
        try:
            yield
        finally:
            self._cores.give_back()
