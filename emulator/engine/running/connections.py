"""The connections that read one DuckDB instance."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import duckdb

from emulator.engine.faults import closed_fault, kusto_fault


class ReadConnections:
    """Connections as `new` makes them, each lent to one request at a time and used again after it."""

    def __init__(self, new: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        self._new = new
        self._lock = threading.Lock()
        self._idle: list[duckdb.DuckDBPyConnection] = []
        self._closed = threading.Event()

    @contextmanager
    def lend(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a connection, or raise KustoError, after `close` or where none can be made."""
        with self._lock:
            if self._closed.is_set():
                raise closed_fault()
            idle = self._idle.pop() if self._idle else None
        lent = self._made() if idle is None else idle
        try:
            yield lent
        except BaseException:
            if _is_reset(lent):
                self._take_back(lent)
            else:
                lent.close()
            raise
        self._take_back(lent)

    def _made(self) -> duckdb.DuckDBPyConnection:
        try:
            return self._new()
        except duckdb.Error as error:
            raise kusto_fault(error) from error

    def _take_back(self, lent: duckdb.DuckDBPyConnection) -> None:
        with self._lock:
            if self._closed.is_set():
                lent.close()
            else:
                self._idle.append(lent)

    def close(self) -> None:
        """Close the connections that nobody has; the others are closed when they come back."""
        with self._lock:
            self._closed.set()
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


def _is_reset(connection: duckdb.DuckDBPyConnection) -> bool:
    """Take back what a request that failed has left open, a transaction or a result; return whether that was possible.

    A new connection would cost 20 ms of CPU, mostly for its macros: who cancels often would cost all others that.
    """
    try:
        with suppress(duckdb.TransactionException):
            connection.begin()
        connection.rollback()
    except duckdb.Error:
        return False
    return True
