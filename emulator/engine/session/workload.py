"""What statements have to do, judged by the plans they come from and the sizes of the tables they read."""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import duckdb

from emulator.binder.plan import (
    Aggregate,
    Expand,
    Filter,
    Join,
    Limit,
    MakeSeries,
    Materialized,
    OneRow,
    Plan,
    Project,
    Range,
    Scan,
    Sort,
    Union,
    Values,
)
from emulator.engine.relation_names import parts_name
from emulator.optimize.walk import nodes

# DuckDB gives a table to its threads by row groups of so many rows (docs: "Tuning Workloads", Parallelism).
_ROW_GROUP = 122_880
# Above this DuckDB's optimizer earns what it costs.
SMALL = 4_096
# How old the sizes of tables may be.
_SIZES_SECONDS = 1.0
_SIZES = "SELECT table_name, estimated_size FROM duckdb_tables() WHERE NOT temporary"

_MULTIPLYING = Expand | Join | MakeSeries | Range
# What takes the rows of its inputs one after the other, or in groups, whether it is optimized or not.
_PLAIN = Aggregate | Filter | Limit | Materialized | OneRow | Project | Scan | Sort | Union | Values


@dataclass(frozen=True, slots=True)
class Load:
    """What a statement has to do with the relations that it reads.

    `multiplies`: it can make many rows of few; `is_plain`: it does nothing that DuckDB's optimizer has to turn into
    something else first, such as a join.
    """

    reads: frozenset[str]
    multiplies: bool
    is_plain: bool

    @classmethod
    def of(cls, plan: Plan, reads: Iterable[str]) -> "Load":
        """Return the load of a plan that reads some relations."""
        found = tuple(nodes(plan))
        return cls(
            frozenset(reads),
            multiplies=any(isinstance(node, _MULTIPLYING) for node in found),
            is_plain=all(isinstance(node, _PLAIN) for node in found),
        )


class Sizes:
    """The numbers of rows of an instance's tables, about a second old at most; safe to share between threads."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._cursor = connection.cursor()
        self._lock = threading.Lock()
        self._rows: Mapping[str, int] = {}
        self._until = 0.0

    def are_small(self, load: Load) -> bool:
        """Tell whether DuckDB could not share the work among its threads."""
        return not load.multiplies and all(rows < _ROW_GROUP for rows in self._of(load))

    def are_few(self, load: Load) -> bool:
        """Tell whether to optimize a statement takes longer than to run it as it is written."""
        return load.is_plain and all(rows <= SMALL for rows in self._of(load))

    def expire(self) -> None:
        """Look anew the next time: a large statement may have changed much."""
        self._until = 0.0

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._cursor.close()

    def _of(self, load: Load) -> Iterator[int]:
        rows = self._current() if load.reads else {}
        # A table that is not known yet was made a moment ago, perhaps with rows.
        return (rows.get(each, rows.get(parts_name(each), _ROW_GROUP)) for each in load.reads)

    def _current(self) -> Mapping[str, int]:
        if time.monotonic() >= self._until:
            with self._lock:
                if time.monotonic() >= self._until:
                    self._until = time.monotonic() + _SIZES_SECONDS
                    self._rows = dict(self._cursor.execute(_SIZES).fetchall())
        return self._rows
