"""The queries and commands that run, and those that have ended lately: what `.show queries` and its kin list.

They are kept in memory and are those of this process.
"""

import threading
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from emulator.errors import CancelFault, KustoError
from emulator.instants import utc_now
from emulator.work import Work

QUERY = "Query"
# show-queries-command.md: "The text of the query is truncated after 64 KB."
_SHOWN = 64 * 1024
# Of texts that have ended; those of an application repeat, and take their memory once.
_KEPT = 1000
_KEPT_CHARACTERS = 4 * 1024 * 1024


class Request:
    """One query or command; `kind` is `Query` or what kind of command it is, which is known when that is parsed."""

    def __init__(
        self, work: Work, kind: str, text: str, database: str, client_id: str = "", application: str = ""
    ) -> None:
        self.work = work
        self.kind = kind
        self.text = text[:_SHOWN]
        self.database = database
        self.application = application
        self.started_on = utc_now()
        self.ended_on: datetime | None = None
        self.state = "InProgress"
        self.failure = ""
        # Another goes on with it, in the background.
        self.is_handed_on = False
        self._client_id = client_id or work.id
        self._id: uuid.UUID | None = None

    @property
    def id(self) -> uuid.UUID:
        """Its id here, made when somebody asks for it."""
        # Two who ask at once must hear the same.
        with _NAMING:
            if self._id is None:
                self._id = uuid.uuid4()
            return self._id

    @property
    def is_operation(self) -> bool:
        """Whether it is a command that does more than ask or cancel."""
        return self.kind != QUERY and not self.kind.startswith(("Show", "Cancel")) and not self.is_handed_on

    @property
    def client_id(self) -> str:
        """What its client calls it; made up from its id where the client has no name for it."""
        return self._client_id or f"unspecified;{self.id}"

    @property
    def updated_on(self) -> datetime:
        """When something was last heard of it."""
        return self.ended_on or utc_now()

    @property
    def duration(self) -> timedelta:
        """How long it has taken so far, or took."""
        return self.updated_on - self.started_on

    def end(self, failure: BaseException | None) -> None:
        """Note how it ended."""
        self.ended_on = utc_now()
        self.state = "Completed" if failure is None else "Canceled" if isinstance(failure, CancelFault) else "Failed"
        if failure is not None:
            self.failure = failure.message if isinstance(failure, KustoError) else type(failure).__name__


_NAMING = threading.Lock()


class Requests:
    """All of an Eventhouse; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[Request, None] = {}
        self._ended: deque[Request] = deque()
        self._characters = 0

    @contextmanager
    def listed(self, request: Request) -> Iterator[None]:
        """List a request as running, as long as the block runs, and then as ended."""
        with self._lock:
            self._running[request] = None
        try:
            yield
        except BaseException as error:
            request.end(error)
            raise
        else:
            request.end(None)
        finally:
            with self._lock:
                del self._running[request]
                self._keep(request)

    def running(self) -> tuple[Request, ...]:
        """Return what runs, in the order of beginning."""
        with self._lock:
            return tuple(self._running)

    def ended(self) -> tuple[Request, ...]:
        """Return what has ended lately, in the order of ending."""
        with self._lock:
            return tuple(self._ended)

    def _keep(self, request: Request) -> None:
        self._ended.append(request)
        self._characters += len(request.text)
        while len(self._ended) > _KEPT or self._characters > _KEPT_CHARACTERS:
            self._characters -= len(self._ended.popleft().text)
