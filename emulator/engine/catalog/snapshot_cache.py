"""What is compiled once per schema version: kept for the latest snapshot of each database."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from emulator.engine.catalog.records import Database

T = TypeVar("T")


class SnapshotCache(Generic[T]):
    """Values by name, as `make` makes them of a snapshot; safe to share between threads."""

    def __init__(self, make: Callable[[Database, str], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[Database, dict[str, T]]] = {}

    def get(self, database: Database, name: str) -> T:
        """Return the value of a name, made when it is first asked for in a snapshot."""
        with self._lock:
            snapshot, kept = self._kept.get(database.name, (None, {}))
            if snapshot is not database:
                kept = {}
                self._kept[database.name] = (database, kept)
            if name not in kept:
                kept[name] = self._make(database, name)
            return kept[name]
