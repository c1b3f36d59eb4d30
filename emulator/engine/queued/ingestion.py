"""Queued ingestion of one Eventhouse, as its wire needs it: blobs, a queue to add to, outcomes to read."""

import threading
import time
import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from emulator.engine.core import Core
from emulator.engine.queued import access, outcomes, store
from emulator.engine.queued.batching import BatchingLimits
from emulator.engine.queued.blobs import BlobNotFound, BlobStore
from emulator.engine.queued.message import IngestionMessage, Pending
from emulator.engine.queued.store import Report, ReportQueue
from emulator.engine.queued.worker import Worker
from emulator.engine.storage.transaction import Transaction
from emulator.errors import EngineFault
from emulator.instants import utc_now

MESSAGES_KEPT = 50_000
_PRUNED_EVERY = 256


class QueuedIngestion:
    """The queue and what belongs to it; safe to share between threads."""

    def __init__(self, core: Core, folder: Path | None, limits: BatchingLimits | None = None) -> None:
        self._core = core
        core.writer.change(_set_up)
        self.blobs = BlobStore(None if folder is None else folder / "blobs")
        self._worker = Worker(core, self.blobs, limits or BatchingLimits())
        self._lock = threading.Lock()
        with core.cursor() as cursor:
            self.access = access.open_access(cursor)
            left = store.messages(cursor)
        self._number = max((each.number for each in left), default=0)
        for each in left:
            # What a former process left has waited long enough.
            self._worker.add(each)

    def add(self, message: IngestionMessage) -> uuid.UUID:
        """Queue a message, unless it is here already; on return it is durable.

        Raises EngineFault while too many wait.
        """
        if self._worker.waiting >= MESSAGES_KEPT:
            raise EngineFault("Too many messages wait for their ingestion.", "ServerBusy")
        with self._lock:
            self._number += 1
            number = self._number
        try:
            size = self.blobs.find(message.blob).size if message.blob else 0
        except BlobNotFound as error:
            size = 0
            message = replace(message, blob="", refusal=f"{error.message} It may have been removed as unused.")
        pending = Pending(number, message, size, since=time.monotonic())

        def keep(transaction: Transaction) -> bool:
            if outcomes.is_known(transaction.connection, message):
                return False
            store.add_message(transaction.connection, pending)
            outcomes.queued(transaction.connection, message, transaction.time)
            if number % _PRUNED_EVERY == 0:
                store.prune(transaction.connection, transaction.time)
            return True

        if self._core.writer.change(keep):
            self._worker.add(pending)
        return uuid.uuid4()

    def peek(self, queue: ReportQueue, limit: int) -> list[Report]:
        """Return the oldest reports of a queue without taking them."""
        with self._core.cursor() as cursor:
            return store.peek_reports(cursor, queue, limit, utc_now())

    def take(self, queue: ReportQueue, limit: int, hidden: timedelta) -> list[Report]:
        """Return the oldest reports of a queue, hidden from others for a while."""
        return self._core.writer.change(
            lambda transaction: store.take_reports(transaction.connection, queue, limit, utc_now(), hidden)
        )

    def remove(self, queue: ReportQueue, id_: uuid.UUID, receipt: str) -> bool:
        """Remove a report that was taken; say whether it was there."""
        return self._core.writer.change(
            lambda transaction: store.remove_report(transaction.connection, queue, id_, receipt)
        )

    def status(self, source_id: str) -> dict[str, object] | None:
        """Return what is known of a source, or None."""
        with self._core.cursor() as cursor:
            return store.status(cursor, source_id)

    def close(self) -> None:
        """Finish the batch in progress; what waits is ingested after the next opening."""
        self._worker.close()
        self.blobs.close()


def _set_up(transaction: Transaction) -> None:
    store.create(transaction.connection)
    access.create(transaction.connection)
