"""How many processor cores DuckDB works on: one while all statements are small, all of them for what can use them.

DuckDB wakes another thread for every step of a statement, however little there is to do, and then waits for it. For a
statement of a few milliseconds that costs a tenth of its time, and the core that another request wants. The number of
threads is a setting of the whole instance; to change it takes half a millisecond, which is why it goes down only after
a while without a large statement.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TypeAlias

import duckdb

from emulator.binder.plan import Expand, Join, MakeSeries, Plan, Range
from emulator.engine.catalog import parts_name
from emulator.optimize.walk import nodes

# DuckDB gives a table to its threads by row groups of so many rows (docs: "Tuning Workloads", Parallelism).
_ROW_GROUP = 122_880
_QUIET_SECONDS = 1.0
# How old the sizes of relations may be.
_SIZES_SECONDS = 1.0
_SIZES = "SELECT table_name, estimated_size FROM duckdb_tables() WHERE NOT temporary"


@dataclass(frozen=True, slots=True)
class Load:
    """What a statement has to do: the relations it reads, and whether it can make many rows of few."""

    reads: frozenset[str]
    multiplies: bool

    @classmethod
    def of(cls, plan: Plan, reads: Iterable[str]) -> "Load":
        """Return the load of a plan that reads some relations."""
        return cls(frozenset(reads), any(isinstance(node, Expand | Join | MakeSeries | Range) for node in nodes(plan)))


Fit: TypeAlias = Callable[[Load], AbstractContextManager[None]]


def as_it_is(_: Load) -> AbstractContextManager[None]:
    """Run a statement on the cores that DuckDB works on already."""
    return nullcontext()


class Cores:
    """The threads of one DuckDB instance; safe to share between threads."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._cursor = connection.cursor()
        ((self._number,),) = self._cursor.execute("SELECT current_setting('threads')").fetchall()
        self._lock = threading.Lock()
        self._is_one = self._number == 1
        self._users = 0
        self._quiet_from = time.monotonic()
        self._sizes: Mapping[str, int] = {}
        self._sizes_until = 0.0

    @contextmanager
    def fit(self, load: Load) -> Iterator[None]:
        """Run a statement on as many cores as it can use."""
        if self._is_small(load):
            self.rest()
            yield
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

    def give_back(self) -> None:
        """Take back a `take`."""
        with self._lock:
            self._users -= 1
            self._quiet_from = time.monotonic() + _QUIET_SECONDS

    def rest(self) -> None:
        """Go on with one core, unless a large statement runs or ran a moment ago."""
        if self._is_one or self._users or time.monotonic() < self._quiet_from:
            return
        with self._lock:
            # To end a thread DuckDB waits for what it works on, so there must be no large statement.
            if not self._is_one and not self._users:
                self._set(1)
                self._is_one = True

    def close(self) -> None:
        """Close the connection that changes the setting."""
        with self._lock:
            self._cursor.close()

    def _is_small(self, load: Load) -> bool:
        if load.multiplies:
            return False
        sizes = self._current_sizes() if load.reads else {}
        # A table that is not known yet was made a moment ago, perhaps with rows.
        found = (sizes.get(each, sizes.get(parts_name(each), _ROW_GROUP)) for each in load.reads)
        return all(size < _ROW_GROUP for size in found)

    def _current_sizes(self) -> Mapping[str, int]:
        if time.monotonic() >= self._sizes_until:
            with self._lock:
                if time.monotonic() >= self._sizes_until:
                    self._sizes = dict(self._cursor.execute(_SIZES).fetchall())
                    self._sizes_until = time.monotonic() + _SIZES_SECONDS
        return self._sizes

    def _set(self, number: int) -> None:
        self._cursor.execute(f"SET threads = {number}")
