"""The queries and commands that run, and those that have ended lately: what `.show queries` and its kin list.

They are kept in memory and are those of this process.
"""

import asyncio
import threading
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from emulator.errors import CancelFault, KustoError, ThrottledFault
from emulator.instants import utc_now
from emulator.work import Work

QUERY = "Query"
# show-queries-command.md: "The text of the query is truncated after 64 KB."
_SHOWN = 64 * 1024
# Of texts that have ended; those of an application repeat, and take their memory once.
_KEPT = 1000
_KEPT_CHARACTERS = 4 * 1024 * 1024


class Request:
    """One query or command; `kind` is `Query` or what kind of command it is, empty until that is parsed."""

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
        # It is known, and waits for its turn to begin.
        self.is_waiting = False
        self._final_state = ""
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
    def state(self) -> str:
        """How it stands, in the words of show-operations.md; those of queries have none for one that waits."""
        if self._final_state:
            return self._final_state
        return "Scheduled" if self.is_waiting and self.kind != QUERY else "InProgress"

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
        match failure:
            case None:
                self._final_state = "Completed"
            case CancelFault():
                self._final_state = "Canceled"
            case asyncio.CancelledError():
                self._final_state, self.failure = "Canceled", "Its client has left."
            case ThrottledFault():
                self._final_state = "Throttled"
            case _:
                self._final_state, self.failure = "Failed", type(failure).__name__
        if isinstance(failure, KustoError):
            self.failure = failure.message


_NAMING = threading.Lock()


class Requests:
    """All of an Eventhouse; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[Request, None] = {}
        self._announced: dict[Work, Request] = {}
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

    @contextmanager
    def announced(self, request: Request) -> Iterator[None]:
        """List a request that may have to wait, from now on as long as the block runs, and then as ended."""
        request.is_waiting = True
        self._announced[request.work] = request
        try:
            with self.listed(request):
                yield
        finally:
            del self._announced[request.work]

    @contextmanager
    def begun(self, request: Request) -> Iterator[Request]:
        """List a request as running; where its work was announced it is that request which no longer waits.

        That one may be ended for the moment, and begin once more.
        """
        known = self._announced.get(request.work.whole or request.work)
        if known is None or not known.is_waiting:
            with self.listed(request):
                yield request
            return
        known.is_waiting = False
        try:
            yield known
        finally:
            known.is_waiting = True

    def running(self) -> tuple[Request, ...]:
        """Return what runs or waits, in the order of beginning."""
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
