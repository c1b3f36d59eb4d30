"""A connection for reading, set for the load of each statement."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from emulator.engine.cores import Cores
from emulator.engine.loads import Load, Sizes
from emulator.engine.optimizer import Optimizer


class Reader:
    """A connection that one request at a time has; `cores` and `sizes` are those of its DuckDB instance."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, cores: Cores, sizes: Sizes) -> None:
        self.cursor = cursor
        self._cores = cores
        self._sizes = sizes
        self.optimizer = Optimizer(cursor)

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
