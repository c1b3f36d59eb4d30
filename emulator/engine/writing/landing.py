"""Rows from payloads into their tables: the batches of one commit, merged by table."""

from itertools import groupby

from emulator.engine.derived.steps import Pipelines
from emulator.engine.storage.rows import merged
from emulator.engine.storage.transaction import Transaction, find_table
from emulator.engine.writing.batch import Batch
from emulator.engine.writing.marks import advance
from emulator.engine.writing.writer import Apply, Job, Lost
from emulator.errors import KustoError


class TableChanged(KustoError):
    """The table got other columns while a payload for it was read: read it again."""

    permanent = False


def landing(pipelines: Pipelines) -> Apply:
    """Return what adds the rows of jobs to their tables, with all that follows from them."""

    def apply(transaction: Transaction, jobs: list[Job], lost: Lost) -> None:
        ordered = sorted(jobs, key=_destination)
        for (database, name), group in groupby(ordered, _destination):
            _land(transaction, Batch(transaction, pipelines, database, lost), database, name, list(group))
        for job in jobs:
            advance(transaction.statements, job.marks)
            if job.also is not None:
                job.also(transaction)

    return apply


def _land(transaction: Transaction, batch: Batch, database: str, name: str, jobs: list[Job]) -> None:
    table = find_table(transaction.database(database), name)
    if any(job.schema != table.schema for job in jobs):
        raise TableChanged(f"Table '{name}' was altered during the ingestion.", "TH_TableChanged")
    batch.add_rows(table, merged([rows for job in jobs for rows in job.rows]))


def _destination(job: Job) -> tuple[str, str]:
    return job.database, job.table
