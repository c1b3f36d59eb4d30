"""The thread in which materialized views that are behind try to catch up: there only while any is."""

import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from emulator.backoff import Backoff
from emulator.engine.derived.materialization import materialize, views_behind
from emulator.engine.works import Works
from emulator.engine.writing.writer import Writer
from emulator.errors import KustoError
from emulator.options import COMMAND_TIMEOUT
from emulator.work import Work

BACKOFF = Backoff(1.0, 60.0)
# Ingestion waits while a view catches up: one that cannot takes no more than a twentieth of the writer's time.
_REST_PER_ATTEMPT = 19.0
_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class _Attempts:
    """How often a view has tried in vain, and when it may again."""

    due: float
    failed: int = 0


class Materializing:
    """Lets views catch up, after pauses that grow; `wake` begins it where one is behind, `stop` and `join` end it."""

    def __init__(self, writer: Writer, works: Works) -> None:
        self._writer = writer
        self._works = works
        self._changed = threading.Condition()
        self._work: Work | None = None
        self._is_stopping = False
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Look for views that are behind."""
        with self._changed:
            if self._is_stopping:
                return
            if self._thread is None and views_behind(self._writer.catalog):
                thread = threading.Thread(target=self._run, name="materialization", daemon=True)
                # Where the machine has none to give, the next commit asks again: this one is done.
                with suppress(RuntimeError):
                    thread.start()
                    self._thread = thread
            self._changed.notify()

    def stop(self) -> None:
        """Begin nothing more, and end what runs; it is taken back."""
        with self._changed:
            self._is_stopping = True
            if self._work is not None:
                self._work.cancel("the Eventhouse closes")
            self._changed.notify()

    def join(self, seconds: float) -> None:
        """Wait for the end, so long at most."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _run(self) -> None:
        attempts: dict[str, _Attempts] = {}
        while True:
            with self._changed:
                behind = views_behind(self._writer.catalog)
                if self._is_stopping or not behind:
                    self._thread = None
                    return
                now = time.monotonic()
                attempts = {each: attempts.get(each) or _Attempts(now + BACKOFF.first) for each in behind}
                relation = min(attempts, key=lambda each: attempts[each].due)
                if attempts[relation].due > now:
                    self._changed.wait(attempts[relation].due - now)
                    continue
                self._work = work = Work(COMMAND_TIMEOUT.total_seconds())
            self._try(*behind[relation], work)
            mine, ended = attempts[relation], time.monotonic()
            mine.failed += 1
            mine.due = ended + max(BACKOFF.pause(mine.failed), _REST_PER_ATTEMPT * (ended - now))

    def _try(self, database: str, name: str, work: Work) -> None:
        try:
            with self._works.carrying_out(work):
                self._writer.change(partial(materialize, database=database, name=name))
        except KustoError as error:
            _LOG.info("materialized view '%s' of database '%s' is still behind: %s", name, database, error.message)
        except Exception:  # noqa: BLE001 - the outermost place of the thread: the other views must go on
            _LOG.exception("materialized view '%s' of database '%s' cannot catch up", name, database)
