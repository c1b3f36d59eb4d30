"""How many processor cores DuckDB works on: one while all statements are small, all of them for what can use them.

DuckDB wakes another thread for every step of a statement, however little there is to do, and then waits for it. Over
60,000 rows endpoints take up to 1.26 times the CPU so (2026-11-29, `tests/bench/RESULTS.md`), and the core that another
request wants. The number of threads is a setting of the whole instance; to change it and back takes 0.4 ms of CPU,
which is why it goes down only after a while without a large statement.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from emulator.engine.session.workload import TableSizes, Workload
from emulator.sql.ast import Item, Select
from emulator.sql.build import call, lit
from emulator.sql.render import render
from emulator.sql.statements import SetOption

_QUIET_SECONDS = 1.0
_THREADS = "threads"
_NUMBER = render(Select((Item(call("current_setting", lit(_THREADS)), "number"),)))


class Cores:
    """The threads of one DuckDB instance, whose tables have `sizes`; safe to share between threads."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, sizes: TableSizes) -> None:
        self._sizes = sizes
        self._cursor = connection.cursor()
        ((self._number,),) = self._cursor.execute(_NUMBER).fetchall()
        self._lock = threading.Lock()
        self._is_one = self._number == 1
        self._users = 0
        self._small = 0
        self._quiet_from = time.monotonic()

    @contextmanager
    def fit(self, workload: Workload) -> Iterator[None]:
        """Let a statement work on as many cores as it can use.

        `LatestPrice` over 60,000 rows takes 1.7 times the CPU on all of them (2026-11-29).
        """
        if self._sizes.are_small(workload):
            self.rest()
            with self._lock:
                self._small += 1
            try:
                yield
            finally:
                with self._lock:
                    self._small -= 1
            return
        self.take()
        try:
            yield
        finally:
            self.give_back()

    def take(self) -> None:
        """Let statements use all cores until `give_back`."""
        with self._lock:
            self._users += 1
            if self._is_one and self._number > 1:
                self._set(self._number)
                self._is_one = False

    def give_back(self, *, has_written: bool = False) -> None:
        """Take back a `take`, after which much may have been written."""
        with self._lock:
            self._users -= 1
            self._quiet_from = time.monotonic() + _QUIET_SECONDS
        if has_written:
            self._sizes.expire()

    def rest(self) -> None:
        """Go on with one core, unless a statement runs, or a large one ran a moment ago."""
        if not self._may_rest:
            return
        with self._lock:
            if self._may_rest:
                self._set(1)
                self._is_one = True

    def close(self) -> None:
        """Close the connection that changes the setting."""
        with self._lock:
            self._cursor.close()

    @property
    def _may_rest(self) -> bool:
        # To end a thread DuckDB waits for what it works on, and everybody else would wait here. What reads no table,
        # and counts as small, may run for minutes.
        return not (self._is_one or self._users or self._small or time.monotonic() < self._quiet_from)

    def _set(self, number: int) -> None:
        self._cursor.execute(render(SetOption(_THREADS, lit(number))))
