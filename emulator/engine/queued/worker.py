"""The thread that turns queued messages into rows: batch after batch, each message exactly once.

A message leaves the queue in the transaction that adds its rows, or records why there are none. A death at any moment
therefore neither loses nor repeats it.
"""

import errno
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from uuid import uuid4

from emulator.backoff import Backoff
from emulator.engine.core import Core
from emulator.engine.failures import Failure, record_failure
from emulator.engine.ingestion.payload import Payload
from emulator.engine.queued import store
from emulator.engine.queued.batching import Batches, BatchingLimits
from emulator.engine.queued.blobs import BlobStore
from emulator.engine.queued.message import IngestionMessage, Pending
from emulator.engine.queued.outcomes import failed, skipped, succeeded
from emulator.engine.storage.transaction import Transaction, find_database, find_table
from emulator.engine.writing.jobs import Job
from emulator.errors import CancelFault, EngineFault, IngestionFault, KustoError, OutOfResources
from emulator.options import COMMAND_TIMEOUT
from emulator.work import Work

ATTEMPTS = 10
# A batch that takes no longer than this is finished by closing.
_GRACE_SECONDS = 0.5
_BACKOFF = Backoff(0.2, 30.0)
_LACKING = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
# While the machine lacks something, attempts do not count beyond this one, which sets the pause of some seconds.
_UNCOUNTED = 4
_LOG = logging.getLogger(__name__)


class Worker:
    """Ingests what waits, from the first `add` to `close`."""

    def __init__(self, core: Core, blobs: BlobStore, limits: BatchingLimits) -> None:
        self._core = core
        self._blobs = blobs
        self._limits = limits
        self._batches = Batches(self._limits_of)
        self._changed = threading.Condition()
        self._is_stopping = False
        self._is_lacking = False
        self._work = Work()
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """How many messages wait for their batch."""
        with self._changed:
            return len(self._batches)

    def add(self, pending: Pending) -> None:
        """Let a message that is durable wait for its batch."""
        if pending.message.blob:
            self._blobs.hold(pending.message.blob)
        with self._changed:
            self._batches.add(pending)
            if self._thread is None and not self._is_stopping:
                self._thread = threading.Thread(target=self._run, name="queued-ingestion", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Finish the batch in progress if that takes a moment, and stop; what waits stays in the queue."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(_GRACE_SECONDS)
            self._work.cancel("the Eventhouse closes")
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._is_stopping and not (batch := self._batches.take(time.monotonic())):
                    due = self._batches.next_due()
                    self._changed.wait(None if due is None else max(0.0, due - time.monotonic()))
                if self._is_stopping:
                    return
            # A message that asks for tags first must see those of the messages before it.
            for is_alone, run in groupby(batch, lambda pending: bool(pending.message.if_not_exists)):
                together = list(run)
                for each in [[one] for one in together] if is_alone else [together]:
                    if not self._is_stopping:
                        self._ingest(each)

    def _limits_of(self, database: str, table: str) -> BatchingLimits:
        with suppress(KustoError):
            snapshot = self._core.database(database)
            return self._limits.under(snapshot.policy_of(find_table(snapshot, table), "ingestionbatching"))
        return self._limits

    def _ingest(self, run: Sequence[Pending]) -> None:
        """Store the messages of a run together; where that fails, each on its own."""
        with self._changed:
            if self._is_stopping:
                return
            self._work = work = Work(COMMAND_TIMEOUT.total_seconds())
        try:
            with self._core.works.carrying_out(work):
                self._store(run)
        except CancelFault:
            # By closing: it stays in the queue, and is ingested after the next opening.
            return
        except Exception as caught:  # noqa: BLE001 - the outermost place of the thread: the queue must go on
            error = _as_fault(caught)
            if len(run) > 1:
                for each in run:
                    self._ingest([each])
            elif isinstance(error, OutOfResources):
                self._wait_for_resources(run[0], error)
            elif error.permanent or run[0].attempts + 1 >= ATTEMPTS:
                self._give_up(run[0], error)
            else:
                self._try_later(run[0])

    def _store(self, run: Sequence[Pending]) -> None:
        found = self._existing_tags(run[0].message)
        if found:
            return self._finish(
                run,
                lambda transaction: skipped(transaction.connection, run[0].message, found, transaction.time),
                is_success=True,
            )
        jobs = [self._read(each.message) for each in run]
        if any(job.schema != jobs[0].schema for job in jobs):
            raise EngineFault("The table was altered while its payloads were read.", "TH_TableChanged")
        job = replace(jobs[0], rows=tuple(rows for job in jobs for rows in job.rows))
        job.also = lambda transaction: self._record(run, transaction)
        self._core.writer.add(job)
        self._is_lacking = False
        self._release(run, is_success=True)
        return None

    def _existing_tags(self, message: IngestionMessage) -> list[str]:
        if not message.if_not_exists:
            return []
        table = find_table(find_database(self._core.catalog, message.database), message.table)
        with self._core.cursor() as cursor:
            return store.existing_tags(cursor, table.relation, message.if_not_exists)

    def _read(self, message: IngestionMessage) -> Job:
        if message.refusal:
            raise IngestionFault(message.refusal, "BadRequest_InvalidBlob")
        try:
            data = self._blobs.read(message.blob)
        except OSError as error:
            if error.errno in _LACKING:
                raise OutOfResources(f"The blob cannot be read now: {error.strerror}", "TH_OutOfResources") from error
            raise EngineFault(f"The blob cannot be read: {error.strerror}", "TH_BlobUnreadable") from error
        if not data:
            raise IngestionFault("The blob is empty.", "BadRequest_EmptyBlob")
        payload = Payload(data, message.format, message.mapping, message.inline_mapping, message.ignore_first_record)
        return self._core.read(message.database, message.table, payload)

    def _record(self, run: Sequence[Pending], transaction: Transaction) -> None:
        messages = [each.message for each in run]
        store.remove_messages(transaction.connection, [each.number for each in run])
        store.add_tags(transaction.connection, [tag for each in messages for tag in each.tags], transaction.time)
        for message in messages:
            succeeded(transaction.connection, message, transaction.time)

    def _give_up(self, pending: Pending, error: KustoError) -> None:
        message = pending.message

        def record(transaction: Transaction) -> None:
            details = error.message + (f" Hint: {error.hint}" if error.hint else "")
            failure = Failure(
                transaction.time, message.database, message.table, details,
                path=message.path, code=error.code, operation=uuid4(),
            )  # fmt: skip
            record_failure(transaction.connection, failure)
            failed(transaction.connection, message, failure, is_permanent=error.permanent)

        self._finish([pending], record, is_success=False)

    def _finish(self, run: Sequence[Pending], record: Callable[[Transaction], None], *, is_success: bool) -> None:
        def act(transaction: Transaction) -> None:
            store.remove_messages(transaction.connection, [each.number for each in run])
            record(transaction)

        try:
            self._core.writer.change(act)
        except KustoError:
            for each in run:
                self._try_later(each)
        else:
            self._release(run, is_success=is_success)

    def _wait_for_resources(self, pending: Pending, error: KustoError) -> None:
        """Try again without counting: what was acknowledged waits for as long as the machine has no room for it."""
        if not self._is_lacking:
            _LOG.warning("queued ingestion waits: %s", error.message)
        self._is_lacking = True
        self._try_later(pending, attempts=min(pending.attempts, _UNCOUNTED))

    def _try_later(self, pending: Pending, attempts: int | None = None) -> None:
        attempts = pending.attempts if attempts is None else attempts
        pause = _BACKOFF.pause(attempts + 1)
        again = replace(pending, attempts=attempts + 1, not_before=time.monotonic() + pause)
        with self._changed:
            self._batches.put_back([again])

    def _release(self, run: Sequence[Pending], *, is_success: bool) -> None:
        for each in run:
            if each.message.blob:
                self._blobs.release(each.message.blob, delete=is_success and not each.message.retain_blob)


def _as_fault(error: Exception) -> KustoError:
    if isinstance(error, KustoError):
        return error
    _LOG.error("a queued ingestion failed", exc_info=error)
    return EngineFault("The ingestion failed inside the embedded Eventhouse; its log has the cause.", "TH_Internal")
