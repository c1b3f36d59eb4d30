"""The operations that `.show operations` lists: commands of this process, the latest ones, kept in memory."""

import threading
import uuid
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Operation:
    """One finished command."""

    id: uuid.UUID
    kind: str
    started_on: datetime
    duration: timedelta
    state: str
    status: str = ""


class Operations:
    """The latest operations; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest: deque[Operation] = deque(maxlen=_KEPT)

    def add(self, operation: Operation) -> None:
        """Remember an operation."""
        with self._lock:
            self._latest.append(operation)

    def all(self) -> tuple[Operation, ...]:
        """Return the operations, oldest first."""
        with self._lock:
            return tuple(self._latest)
