"""What becomes of a batch of queued messages: stored together, each alone, tried later or given up."""

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from emulator.engine.core import Core
from emulator.engine.failures import Failure
from emulator.engine.ingestion.payload import Payload
from emulator.engine.queued import worker as module
from emulator.engine.queued.batching import BatchingLimits
from emulator.engine.queued.blobs import BlobStore
from emulator.engine.queued.message import IngestionMessage, Pending
from emulator.engine.queued.worker import ATTEMPTS, Worker
from emulator.engine.writing.jobs import Job
from emulator.errors import CancelFault, EngineFault, IngestionFault, KustoError, OutOfResources
from emulator.types import Column, KqlType, Scalar, Schema
from emulator.work import Work

X = Schema((Column("X", KqlType(Scalar.LONG)),))
PASSING, FINAL = EngineFault("the disk stutters", "TH_Later"), IngestionFault("no such number", "BadRequest")


class Tables:
    """Reads payloads into rows, which are their lines, and stores them; faults come for batches with certain blobs."""

    def __init__(self, folder: Path) -> None:
        self.blobs = BlobStore(folder)
        self.faults: dict[str, Exception] = {}
        self.existing: list[str] = []
        self.done: list[tuple[object, ...]] = []
        self.schemas = [X]
        self.works = SimpleNamespace(carrying_out=self._carrying_out)
        self.writer = SimpleNamespace(add=self._add, change=self._change)
        self.catalog = None
        self.change_fault: KustoError | None = None
        self.reads: list[tuple[str, str, Payload]] = []

    @contextmanager
    def _carrying_out(self, work: Work) -> Iterator[None]:
        assert 0 < (work.seconds_left or 0) <= 600
        yield

    @contextmanager
    def cursor(self) -> Iterator[None]:
        yield None

    def read(self, database: str, table: str, payload: Payload) -> Job:
        self.reads.append((database, table, payload))
        schema = self.schemas.pop(0) if len(self.schemas) > 1 else self.schemas[0]
        return Job(database, table, schema, (cast("Any", payload.data.decode()),))

    def _add(self, job: Job) -> None:
        stored = [str(rows) for rows in job.rows]
        for blob, fault in self.faults.items():
            if blob in stored:
                raise fault
        self.done.append(("stored", *stored))
        assert job.also is not None
        job.also(cast("Any", SimpleNamespace(connection=self, time="now")))

    def _change(self, action: Callable[[object], object]) -> None:
        if self.change_fault is not None:
            raise self.change_fault
        action(SimpleNamespace(connection=self, time="now"))


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tables:
    made = Tables(tmp_path)

    def noted(what: str) -> Callable[..., None]:
        return lambda _connection, *given, **named: made.done.append((what, *given, *named.values()))

    store = SimpleNamespace(
        remove_messages=noted("removed"), add_tags=noted("tagged"), existing_tags=lambda *_given: made.existing
    )
    monkeypatch.setattr(module, "store", store)
    for name in ("succeeded", "skipped", "failed", "record_failure"):
        monkeypatch.setattr(module, name, noted(name))
    monkeypatch.setattr(module, "uuid4", lambda: "operation")
    monkeypatch.setattr(module, "find_table", lambda *_given: SimpleNamespace(relation="r"))
    monkeypatch.setattr(module, "find_database", lambda *_given: None)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 100.0))
    return made


def worker_of(tables: Tables) -> Worker:
    made = Worker(cast("Core", tables), tables.blobs, BatchingLimits())
    made._is_stopping = False
    return made


def pending(tables: Tables, number: int, data: bytes = b"", **more: object) -> Pending:
    blob = f"b{number}"
    tables.blobs.put(blob, data or blob.encode())
    tables.blobs.hold(blob)
    message = IngestionMessage("s", "D", "T", "csv", path="p", blob=blob)
    return Pending(number, replace(message, **more))  # type: ignore[arg-type]  # by name


def waiting(worker: Worker) -> list[tuple[int, int, float]]:
    """Return what waits: its number, the attempts so far, and in how many seconds the next may be."""
    found = [each for batch in worker._batches._waiting.values() for each in batch]
    return [(each.number, each.attempts, round(each.not_before - 100.0, 6)) for each in found]


def has(tables: Tables, *numbers: int) -> list[bool]:
    return [tables.blobs._file(f"b{number}").exists() for number in numbers]


def test_a_batch_is_stored_together_and_its_blobs_go_where_nobody_keeps_them(tables: Tables) -> None:
    run = [
        pending(tables, 1, tags=("a", "ingest-by:b"), retain_blob=False),
        pending(tables, 2, tags=("c",), mapping="m", ignore_first_record=True),
    ]
    worker = worker_of(tables)
    worker._ingest(run)
    assert tables.done == [
        ("stored", "b1", "b2"),
        ("removed", [1, 2]),
        ("tagged", ["a", "ingest-by:b", "c"], "now"),
        ("succeeded", run[0].message, "now"),
        ("succeeded", run[1].message, "now"),
    ]
    assert tables.reads == [("D", "T", Payload(b"b1", "csv")), ("D", "T", Payload(b"b2", "csv", "m", None, True))]
    assert (waiting(worker), has(tables, 1, 2), tables.blobs._used) == ([], [False, True], {})


def test_of_a_batch_that_fails_each_message_is_tried_alone(tables: Tables) -> None:
    tables.faults = {"b2": FINAL}
    worker = worker_of(tables)
    run = [pending(tables, number, retain_blob=False) for number in (1, 2, 3)]
    worker._ingest(run)
    now, operation = cast("Any", "now"), cast("Any", "operation")
    failure = Failure(now, "D", "T", "no such number", path="p", code="BadRequest", operation=operation)
    assert [each for each in tables.done if each[0] in ("stored", "record_failure", "failed")] == [
        ("stored", "b1"),
        ("record_failure", failure),
        ("failed", run[1].message, failure, True),
        ("stored", "b3"),
    ]
    # What could not be stored is kept for whoever wants to look.
    assert (waiting(worker), has(tables, 1, 2, 3)) == ([], [False, True, False])


@pytest.mark.parametrize(
    ("attempts", "left"),
    [(0, [(1, 1, 0.2)]), (1, [(1, 2, 0.4)]), (7, [(1, 8, 25.6)]), (8, [(1, 9, 30.0)]), (ATTEMPTS - 1, [])],
)
def test_what_may_pass_is_tried_ten_times(tables: Tables, attempts: int, left: list[tuple[int, int, float]]) -> None:
    tables.faults = {"b1": PASSING}
    worker = worker_of(tables)
    worker._ingest([replace(pending(tables, 1), attempts=attempts)])
    assert waiting(worker) == left
    given_up = [each[-1] for each in tables.done if each[0] == "failed"]
    assert given_up == ([] if left else [False])


def test_the_hint_of_a_failure_is_kept(tables: Tables) -> None:
    tables.faults = {"b1": IngestionFault("odd", hint="even")}
    worker_of(tables)._ingest([pending(tables, 1)])
    (failure,) = [each[1] for each in tables.done if each[0] == "record_failure"]
    assert cast("Failure", failure).details == "odd Hint: even"


def test_while_the_machine_lacks_something_attempts_do_not_count(
    tables: Tables, caplog: pytest.LogCaptureFixture
) -> None:
    tables.faults = {"b1": OutOfResources("no room", "TH_DiskFull")}
    worker = worker_of(tables)
    for attempts, expected in ((0, (1, 1, 0.2)), (4, (1, 5, 3.2)), (50, (1, 5, 3.2))):
        worker._batches._waiting.clear()
        worker._ingest([replace(pending(tables, 1), attempts=attempts)])
        assert waiting(worker) == [expected]
    assert [record.getMessage() for record in caplog.records] == ["queued ingestion waits: no room"]
    tables.faults = {}
    worker._ingest([pending(tables, 1)])
    tables.faults = {"b1": OutOfResources("again no room", "TH_DiskFull")}
    worker._ingest([pending(tables, 1)])
    assert caplog.records[-1].getMessage() == "queued ingestion waits: again no room"


@pytest.mark.parametrize(
    ("data", "refusal", "fault"),
    [
        (b"x", "no such blob", "no such blob"),
        (b"", "", "The blob is empty."),
    ],
)
def test_a_blob_that_is_none_is_a_failure(tables: Tables, data: bytes, refusal: str, fault: str) -> None:
    each = pending(tables, 1, data, refusal=refusal)
    if not data:
        tables.blobs.put("b1", b"")
    worker_of(tables)._ingest([each])
    (failure,) = [each[1] for each in tables.done if each[0] == "record_failure"]
    assert cast("Failure", failure).details == fault


@pytest.mark.parametrize(("number", "attempts"), [(errno.EMFILE, 1), (errno.ENOMEM, 1), (errno.EIO, 1)])
def test_a_blob_that_cannot_be_read_now_is_read_later(
    tables: Tables, number: int, attempts: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_key: str) -> bytes:
        raise OSError(number, "in the way")

    each = pending(tables, 1)
    monkeypatch.setattr(tables.blobs, "read", refuse)
    worker = worker_of(tables)
    worker._ingest([each])
    assert [(one, count) for one, count, _ in waiting(worker)] == [(1, attempts)]
    lacking = ["queued ingestion waits: The blob cannot be read now: in the way"]
    assert [record.getMessage() for record in caplog.records] == ([] if number == errno.EIO else lacking)


def test_a_table_that_changes_while_its_payloads_are_read_is_tried_again(tables: Tables) -> None:
    tables.schemas = [X, Schema(), X]
    worker = worker_of(tables)
    worker._ingest([pending(tables, 1), pending(tables, 2)])
    assert [each for each in tables.done if each[0] == "stored"] == [("stored", "b1"), ("stored", "b2")]


def test_tags_that_are_there_already_skip_a_message(tables: Tables) -> None:
    tables.existing = ["a"]
    each = pending(tables, 1, if_not_exists=("a",), retain_blob=False)
    worker_of(tables)._ingest([each])
    assert tables.done == [("removed", [1]), ("skipped", each.message, ["a"], "now")]
    assert has(tables, 1) == [False]
    # Who does not ask is not told.
    tables.done.clear()
    worker_of(tables)._ingest([pending(tables, 2)])
    assert tables.done[0] == ("stored", "b2")


def test_what_cannot_even_be_given_up_is_tried_again(tables: Tables) -> None:
    tables.faults, tables.change_fault = {"b1": FINAL}, EngineFault("busy")
    worker = worker_of(tables)
    worker._ingest([pending(tables, 1)])
    assert (waiting(worker), tables.done) == ([(1, 1, 0.2)], [])


def test_by_closing_it_stays_in_the_queue(tables: Tables) -> None:
    tables.faults = {"b1": CancelFault("the Eventhouse closes")}
    worker = worker_of(tables)
    worker._ingest([pending(tables, 1)])
    worker.close()
    worker._ingest([pending(tables, 2)])
    assert (waiting(worker), tables.done) == ([], [])


def test_what_nobody_has_foreseen_does_not_stop_the_queue(tables: Tables, caplog: pytest.LogCaptureFixture) -> None:
    tables.faults = {"b1": ZeroDivisionError("odd")}
    worker = worker_of(tables)
    worker._ingest([pending(tables, 1)])
    assert [record.getMessage() for record in caplog.records] == ["a queued ingestion failed"]
    assert waiting(worker) == [(1, 1, 0.2)]


def test_messages_that_ask_for_tags_are_taken_one_by_one(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    worker, runs = worker_of(tables), list[list[int]]()
    batch = [pending(tables, number, if_not_exists=("a",) if number in (3, 4) else ()) for number in range(1, 6)]

    def ingest(run: Sequence[Pending]) -> None:
        runs.append([each.number for each in run])
        worker._is_stopping = len(runs) == 4

    monkeypatch.setattr(worker, "_ingest", ingest)
    monkeypatch.setattr(worker._batches, "take", lambda _now: batch)
    worker._run()
    assert runs == [[1, 2], [3], [4], [5]]
