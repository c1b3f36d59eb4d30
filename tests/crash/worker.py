"""A process that does everything at once with an Eventhouse until it is killed, and tells what it tries and has done.

Each line is written by one call of the operating system, so that a kill leaves no half one: `try` before, `done` after
the Eventhouse has acknowledged.
"""

import os
import threading
import time
import traceback
from collections.abc import Callable
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

from emulator.engine.data_folder import log
from emulator.engine.eventhouse import Eventhouse
from emulator.engine.queued.batching import BatchingLimits
from emulator.engine.queued.message import IngestionMessage
from emulator.engine.writing.marks import Stretch

ROWS_PER_BATCH = 20
ROWS_REPLACED = 2_000
DATABASE = "Crash"
SOURCE = "crash/source"
BATCHING = BatchingLimits(age=0.1, flush_age=0.05)
READY = "ready"
# In a life of a second the log would never reach its usual 64 MB, and no kill would meet its folding.
_FOLDED_AT = 1 << 19
_PAUSE_SECONDS = 0.1

TABLES = (
    ".create table Rows (Batch: string, Row: long, Size: long)",
    ".create table Large (Batch: string, Row: long, Size: long)",
    ".create table Replaced (Generation: long, Row: long)",
    """.alter table Large policy update
       @'[{"Source": "Rows", "Query": "Rows | where Row >= 10", "IsTransactional": true}]'""",
)
# What stands in a view is what its query finds, at every moment.
VIEWS = {
    "Unique": ("table Rows", "Rows | summarize take_any(*) by Batch, Row"),
    "PerRow": ("materialized-view Unique", "Unique | summarize sum(Size), count() by Row"),
    "Ways": ("table Rows", "Rows | summarize dcount(Row), max(Size) by Way = tostring(split(Batch, '/')[0])"),
}
BACKFILLED = ("table Rows", "Rows | summarize Rows = count(), Sum = sum(Size) by Batch")


def main(folder: Path, life: int, told: Connection) -> None:
    """Work with the Eventhouse of a folder for ever."""
    log.FOLDED_AT = _FOLDED_AT

    def tell(*words: object) -> None:
        os.write(told.fileno(), (" ".join(map(str, words)) + "\n").encode())

    eventhouse = Eventhouse.open(folder, database=DATABASE, batching=BATCHING)
    tell(READY)
    deeds: tuple[Callable[[Eventhouse, int, Callable[..., None]], None], ...] = (
        ingest, ingest, ingest_marked, queue, append, replace, backfill,
    )  # fmt: skip

    def work(deed: Callable[[Eventhouse, int, Callable[..., None]], None], number: int) -> None:
        try:
            deed(eventhouse, number, tell)
        except BaseException:  # noqa: BLE001 - the process ends with it
            # One that is refused must not go unnoticed beside the others.
            traceback.print_exc()
            os._exit(1)

    threads = [threading.Thread(target=work, args=(deed, 10 * life + place)) for place, deed in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def prepare(folder: Path) -> None:
    """Make the database that the work is about."""
    eventhouse = Eventhouse.open(folder, database=DATABASE)
    for table in TABLES:
        eventhouse.command(table)
    for name, (source, query) in VIEWS.items():
        eventhouse.command(f".create materialized-view {name} on {source} {{ {query} }}")
    eventhouse.close()


def payload(batch: str) -> bytes:
    """Return the rows of a batch as CSV."""
    return "".join(f"{batch},{row},{row * row}\n" for row in range(ROWS_PER_BATCH)).encode()


def ingest(eventhouse: Eventhouse, life: int, tell: Callable[..., None]) -> None:
    """Stream batches."""
    for number in count():
        batch = f"streamed/{life}/{number}"
        tell("try", batch)
        eventhouse.ingest("Rows", payload(batch), format="csv")
        tell("done", batch)


def ingest_marked(eventhouse: Eventhouse, life: int, tell: Callable[..., None]) -> None:
    """Stream the batches of a source that is read on from its mark, as a data connection does."""
    since = eventhouse.mark(SOURCE)
    while True:
        until = (since or 0) + 1
        batch = f"marked/{until}"
        tell("try", batch)
        eventhouse.ingest("Rows", payload(batch), format="csv", marks={SOURCE: Stretch(since, until)})
        tell("done", batch)
        since = until


def queue(eventhouse: Eventhouse, life: int, tell: Callable[..., None]) -> None:
    """Hand batches to queued ingestion, of which the acknowledgement is the queue's."""
    for number in count():
        batch = f"queued/{life}/{number}"
        tell("try", batch)
        eventhouse.queued.blobs.put(batch, payload(batch))
        eventhouse.queued.add(IngestionMessage(batch, DATABASE, "Rows", "csv", path=batch, blob=batch))
        tell("done", batch)


def append(eventhouse: Eventhouse, life: int, tell: Callable[..., None]) -> None:
    """Append what a query finds."""
    for number in count():
        batch = f"appended/{life}/{number}"
        tell("try", batch)
        eventhouse.command(
            f".set-or-append Rows <| range Row from 0 to {ROWS_PER_BATCH - 1} step 1"
            f" | project Batch = '{batch}', Row, Size = Row * Row"
        )
        tell("done", batch)


def replace(eventhouse: Eventhouse, life: int, tell: Callable[..., None]) -> None:
    """Replace a table by its next generation."""
    table = eventhouse.query("Replaced | summarize coalesce(max(Generation), 0)")[0]
    for generation in count(int(table.arrow.column(0)[0].as_py()) + 1):
        tell("try", "generation", generation)
        eventhouse.command(
            f".set-or-replace Replaced <| range Row from 1 to {ROWS_REPLACED} step 1"
            f" | project Generation = {generation}, Row"
        )
        tell("done", "generation", generation)


def backfill(eventhouse: Eventhouse, life: int, tell: Callable[..., None]) -> None:
    """Make a view of all rows, and drop it."""
    source, query = BACKFILLED
    tell("try", "no view")
    eventhouse.command(".drop materialized-view Backfilled ifexists")
    while True:
        # Each definition makes the plans of everyone else stale: without a pause there is little else to die in.
        time.sleep(_PAUSE_SECONDS)
        tell("try", "view")
        eventhouse.command(f".create materialized-view with (backfill=true) Backfilled on {source} {{ {query} }}")
        tell("done", "view")
        tell("try", "no view")
        eventhouse.command(".drop materialized-view Backfilled")
        tell("done", "no view")
