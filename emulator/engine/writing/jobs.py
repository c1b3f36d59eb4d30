"""Rows from payloads into their tables: the jobs of one commit, merged by table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from emulator.engine.derived.steps import Pipelines
from emulator.engine.storage.rows import Rows, merged
from emulator.engine.storage.transaction import Transaction, find_table
from emulator.engine.writing.batch import Batch
from emulator.engine.writing.marks import Stretch, advance
from emulator.errors import KustoError
from emulator.types import Schema
from emulator.work import Work


class TableChanged(KustoError):
    """The table got other columns while a payload for it was read: read it again."""

    permanent = False


@dataclass(slots=True, eq=False)
class Job:
    """Rows on their way into a table, in the columns of `schema`; `marks` say what they are of their sources.

    `also` is what else commits together with the rows, `work` what they are stored for.
    """

    database: str
    table: str
    schema: Schema
    rows: tuple[Rows, ...]
    marks: Mapping[str, Stretch] = field(default_factory=dict)
    also: Callable[[Transaction], None] | None = None
    work: Work = field(default_factory=Work)
    is_done: bool = False
    fault: Exception | None = field(default=None)

    @property
    def count(self) -> int:
        """How many rows it has."""
        return sum(map(len, self.rows))


def store(transaction: Transaction, pipelines: Pipelines, jobs: Sequence[Job]) -> None:
    """Add the rows of jobs to their tables, with all that follows from them, and move their marks."""
    for (database, name), group in groupby(sorted(jobs, key=_destination), _destination):
        of_table = list(group)
        table = find_table(transaction.database(database), name)
        if any(job.schema != table.schema for job in of_table):
            raise TableChanged(f"Table '{name}' was altered during the ingestion.", "TH_TableChanged")
        batch = Batch(transaction, pipelines, database)
        batch.add_rows(table, merged([rows for job in of_table for rows in job.rows]))
    for job in jobs:
        advance(transaction.session, job.marks)
        if job.also is not None:
            job.also(transaction)


def _destination(job: Job) -> tuple[str, str]:
    return job.database, job.table
