"""What statements have to do, judged by the plans they come from and the sizes of the tables they read."""

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb

from emulator.binder.plan import Join, Plan, Scan
from emulator.engine.relation_names import parts_name
from emulator.engine.session.join_sides import JoinSides
from emulator.optimize.walk import nodes
from emulator.sql.ast import ColumnRef, FunctionRef, Select
from emulator.sql.build import call, columns, not_
from emulator.sql.render import render

# DuckDB gives a table to its threads by row groups of so many rows (docs: "Tuning Workloads", Parallelism).
_ROW_GROUP = 122_880
# Up to so many rows a batch is stored by kept plans, made without DuckDB's optimizer. With it a batch of 100 trades
# takes 2.0 times the CPU, one of 1,000 1.4, of 4,000 1.16 and of 8,000 1.13 (2026-11-29, `tests/bench/RESULTS.md`).
SMALL = 4_096
# How old the sizes of tables may be.
_SIZES_SECONDS = 1.0
_SIZES = render(
    Select(
        columns(("table_name", "estimated_size")),
        FunctionRef(call("duckdb_tables"), "t"),
        not_(ColumnRef("temporary")),
    )
)
# A join may make a row of every pair. Up to so many are less work than waking threads for every step: with all cores
# for every join, the history of a year over 60,000 rows takes 1.18 x the CPU time, a rolling average 1.18 x.
_PAIRS = 4 * _ROW_GROUP


@dataclass(frozen=True, slots=True)
class Workload:
    """What a statement has to do with the relations that it reads; `joined` are those on both sides of each join."""

    reads: frozenset[str]
    joined: tuple[tuple[frozenset[str], frozenset[str]], ...] = ()

    @classmethod
    def of(cls, plan: Plan, reads: Iterable[str]) -> "Workload":
        """Return the workload of a plan that reads some relations."""
        joins = (node for node in nodes(plan) if isinstance(node, Join))
        return cls(frozenset(reads), tuple((_scanned(join.left), _scanned(join.right)) for join in joins))


def _scanned(plan: Plan) -> frozenset[str]:
    return frozenset(node.stored.identity for node in nodes(plan) if isinstance(node, Scan))


class TableSizes:
    """The numbers of rows of an instance's tables, about a second old at most; safe to share between threads."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._cursor = connection.cursor()
        self._lock = threading.Lock()
        self._rows: Mapping[str, int] = {}
        self._until = 0.0

    def are_small(self, workload: Workload) -> bool:
        """Tell whether a statement is too small for DuckDB to share it among its threads with gain."""
        return all(self._rows_of(each) < _ROW_GROUP for each in workload.reads) and all(
            sum(map(self._rows_of, left)) * sum(map(self._rows_of, right)) < _PAIRS for left, right in workload.joined
        )

    def are_large(self, joins: JoinSides) -> bool:
        """Tell whether both sides of a join may have many rows."""
        return joins.are_large(self._rows_of)

    def expire(self) -> None:
        """Look anew the next time: a large change may have made a table large."""
        self._until = 0.0

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._cursor.close()

    def _rows_of(self, relation: str) -> int:
        rows = self._current()
        # A table that is not known yet was made a moment ago, perhaps with rows.
        return rows.get(relation, rows.get(parts_name(relation), _ROW_GROUP))

    def _current(self) -> Mapping[str, int]:
        if time.monotonic() >= self._until:
            with self._lock:
                if time.monotonic() >= self._until:
                    self._until = time.monotonic() + _SIZES_SECONDS
                    self._rows = dict(self._cursor.execute(_SIZES).fetchall())
        return self._rows
