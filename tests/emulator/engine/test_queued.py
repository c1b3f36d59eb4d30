"""Queued ingestion without its wire: when batches are sealed, what is retried, how much disk blobs may take."""

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from emulator.backoff import Backoff
from emulator.engine.eventhouse import Eventhouse
from emulator.engine.queued import worker
from emulator.engine.queued.access import LIFETIME, Access, AccessDenied
from emulator.engine.queued.batching import Batches, BatchingLimits
from emulator.engine.queued.blobs import BlobLimits, BlobNotFound, BlobsFull, BlobStore, InvalidBlocks
from emulator.engine.queued.ingestion import MESSAGES_KEPT, QueuedIngestion
from emulator.engine.queued.message import IngestionMessage, Pending, ReportLevel, from_text, to_text
from emulator.errors import KustoError
from tests.disks import DISKS

LIMITS = BatchingLimits(age=5.0, flush_age=2.0, items=3, size=100)


def message(table: str = "T", **more: Any) -> IngestionMessage:
    return IngestionMessage("id", "NetDefaultDB", table, "csv", **more)


def pending(number: int, since: float, *, size: int = 1, not_before: float = 0.0, **more: Any) -> Pending:
    return Pending(number, message(**more), size, since, not_before=not_before)


def batches(*waiting: Pending, limits: BatchingLimits = LIMITS) -> Batches:
    made = Batches(lambda _database, _table: limits)
    for each in waiting:
        made.add(each)
    return made


def taken(waiting: Batches, now: float) -> list[int]:
    return [each.number for each in waiting.take(now)]


def test_a_batch_is_sealed_by_the_age_of_its_first_message() -> None:
    waiting = batches(pending(1, 10.0), pending(2, 14.0))
    assert waiting.next_due() == 15.0
    assert taken(waiting, 14.9) == []
    assert taken(waiting, 15.0) == [1, 2]
    assert waiting.next_due() is None


def test_a_message_to_flush_seals_its_batch_early() -> None:
    waiting = batches(pending(1, 10.0), pending(2, 10.5, flush_immediately=True), pending(3, 10.6, table="Other"))
    assert taken(waiting, 12.4) == []
    assert taken(waiting, 12.5) == [1, 2]
    assert taken(waiting, 1_000.0) == [3]


def test_a_flush_is_never_later_than_the_policy() -> None:
    waiting = batches(pending(1, 10.0, flush_immediately=True), limits=BatchingLimits(age=1.0, flush_age=2.0))
    assert taken(waiting, 11.0) == [1]


def test_a_batch_is_sealed_by_number_and_by_size() -> None:
    waiting = batches(*(pending(number, 0.0) for number in range(1, 5)))
    assert taken(waiting, 0.0) == [1, 2, 3]
    assert taken(waiting, 0.0) == []
    waiting = batches(pending(1, 0.0, size=60), pending(2, 0.0, size=60), pending(3, 0.0, size=500))
    assert [taken(waiting, 5.0) for _ in range(3)] == [[1], [2], [3]]


@pytest.mark.parametrize(("sizes", "due"), [((40, 60), 0.0), ((40, 59), 14.0), ((1, 1, 1), 0.0), ((100,), 0.0)])
def test_a_batch_is_sealed_when_its_size_is_reached(sizes: tuple[int, ...], due: float) -> None:
    assert batches(*(pending(number, 9.0, size=size) for number, size in enumerate(sizes))).next_due() == due


def test_a_message_put_back_waits_before_those_after_it() -> None:
    waiting = batches(pending(2, 0.0))
    waiting.put_back([pending(1, 0.0, not_before=7.0)])
    assert taken(waiting, 6.0) == []
    assert taken(waiting, 7.0) == [1, 2]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("null", LIMITS),
        ('{"MaximumBatchingTimeSpan": "00:05:00", "MaximumNumberOfItems": 500, "MaximumRawDataSizeMB": 1024}', LIMITS),
        ('{"MaximumBatchingTimeSpan": "00:00:01", "MaximumNumberOfItems": 2}', BatchingLimits(1.0, 2.0, 2, 100)),
        ('{"MaximumRawDataSizeMB": 1}', BatchingLimits(5.0, 2.0, 3, 100)),
        ('{"MaximumBatchingTimeSpan": "soon", "MaximumNumberOfItems": 0}', LIMITS),
    ],
)
def test_a_policy_narrows_the_limits(policy: str, expected: BatchingLimits) -> None:
    assert LIMITS.under(policy) == expected


def test_a_message_is_stored_as_it_is() -> None:
    whole = message(
        path="http://x/y", blob="a/b", refusal="no", mapping="m", inline_mapping="[]", ignore_first_record=True,
        tags=("a", "ingest-by:b"), if_not_exists=("b",), flush_immediately=True, retain_blob=False,
        report_level=ReportLevel.ALL, digest="d",
    )  # fmt: skip
    assert from_text(to_text(whole)) == whole


def test_a_signature_holds_for_its_resource_its_letters_and_its_time() -> None:
    access, now = Access(b"key"), datetime(2026, 1, 5, tzinfo=UTC)
    query = dict(parse_qsl(urlsplit(access.signed("blobs", "r", now)).query))
    access.check("blobs", query, "r", now + LIFETIME)
    for checks, resource, given, letter, moment in (
        (access, "other", query, "r", now),
        (access, "blobs", query, "w", now),
        (access, "blobs", {**query, "sp": "rw"}, "w", now),
        (access, "blobs", query, "r", now + LIFETIME + timedelta(seconds=1)),
        (access, "blobs", {}, "r", now),
        (Access(b"other key"), "blobs", query, "r", now),
    ):
        with pytest.raises(AccessDenied):
            checks.check(resource, given, letter, moment)


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path, BlobLimits(size=1000, total=2000, unused_seconds=100, sweep_seconds=1e9))


def age(folder: Path, seconds: float) -> None:
    for path in folder.iterdir():
        moment = time.time() - seconds
        os.utime(path, (moment, moment))


def test_names_of_blobs_are_no_paths(blobs: BlobStore, tmp_path: Path) -> None:
    for name in ("../x", "/etc/x", "a/b/c", "ü" * 300, "x\0y"):
        blobs.put(name, name.encode())
        assert blobs.read(name) == name.encode()
    assert not (tmp_path.parent / "x").exists()


def test_blocks_become_a_blob_in_the_order_of_the_list(blobs: BlobStore, tmp_path: Path) -> None:
    for block, data in (("1", b"one"), ("2", b"two"), ("3", b"left out")):
        blobs.put_block("x", block, data)
    with pytest.raises(InvalidBlocks, match="4"):
        blobs.commit_blocks("x", ["1", "4"])
    assert blobs.commit_blocks("x", ["2", "1", "2"]).size == 9
    assert blobs.read("x") == b"twoonetwo"
    assert blobs.read("x", 3, 3) == b"one"
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"twoonetwo"]


def test_blobs_have_limits_of_size(blobs: BlobStore) -> None:
    blobs.put_block("x", "1", bytes(800))
    blobs.put_block("x", "2", bytes(800))
    with pytest.raises(KustoError, match="larger than 1000"):
        blobs.put("y", bytes(1001))
    with pytest.raises(KustoError, match="larger than 1000"):
        blobs.commit_blocks("x", ["1", "2"])
    with pytest.raises(BlobsFull):
        blobs.put("y", bytes(800))


def test_a_blob_in_use_stays_and_an_unused_one_goes(blobs: BlobStore, tmp_path: Path) -> None:
    for key in ("used twice", "used", "unused"):
        blobs.put(key, b"x")
    blobs.hold("used twice")
    blobs.hold("used twice")
    blobs.hold("used")
    age(tmp_path, 101)
    blobs.release("used", delete=True)
    blobs.release("used twice", delete=True)
    blobs.sweep()
    assert blobs.find("used twice").size == 1
    for gone in ("used", "unused"):
        with pytest.raises(BlobNotFound, match=gone):
            blobs.find(gone)


def test_the_time_of_a_retained_blob_runs_from_its_release(blobs: BlobStore, tmp_path: Path) -> None:
    blobs.put("x", b"x")
    blobs.hold("x")
    age(tmp_path, 101)
    blobs.release("x", delete=False)
    blobs.sweep()
    assert blobs.find("x").size == 1


def wait_until(holds: Callable[[], object]) -> None:
    for _ in range(3000):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen within a minute")


@pytest.mark.slow
def test_a_passing_fault_is_tried_again(tmp_path: Path) -> None:
    eventhouse = Eventhouse.open(tmp_path, batching=BatchingLimits(age=0.0))
    try:
        eventhouse.command(".create table T (N: long)")
        eventhouse.queued.blobs.put("x", b"1\n")
        (file,) = (tmp_path / "blobs").iterdir()
        file.rename(tmp_path / "aside")
        # A folder cannot be read like a file; a link to one is replaced by the file in one step.
        file.symlink_to(tmp_path)
        eventhouse.queued.add(message(blob="x", path="x", retain_blob=False))
        wait_until(lambda: eventhouse.queued.status("id") is not None)
        assert eventhouse.query("T | count")[0].records() == [{"Count": 0}]
        (tmp_path / "aside").replace(file)
        wait_until(lambda: (eventhouse.queued.status("id") or {}).get("Status") == "Succeeded")
        assert eventhouse.query("T")[0].records() == [{"N": 1}]
        assert len(eventhouse.command(".show ingestion failures")) == 0
    finally:
        eventhouse.close()


@pytest.mark.slow
def test_a_blob_that_could_not_be_ingested_is_kept_to_be_looked_at() -> None:
    eventhouse = Eventhouse.open(None, batching=BatchingLimits(age=0.0))
    try:
        eventhouse.queued.blobs.put("x", b"1\n")
        eventhouse.queued.add(message("Nowhere", blob="x", retain_blob=False))
        wait_until(lambda: (eventhouse.queued.status("id") or {}).get("Status") == "Failed")
        assert eventhouse.queued.blobs.read("x") == b"1\n"
    finally:
        eventhouse.close()


@pytest.mark.slow
def test_a_row_that_cannot_be_computed_fails_its_own_message_and_none_for_a_view() -> None:
    eventhouse = Eventhouse.open(None, batching=BatchingLimits(age=0.0))
    payloads = {"a": b"1\n", "b": b"%d\n" % (2**62), "c": b"%d\n%d\n%d\n" % ((2**62 - 1,) * 3), "d": b"4\n"}
    try:
        for command in (
            ".create table T (N: long)",
            ".create table Doubled (N: long)",
            ".create materialized-view V on table T { T | summarize sum(N) }",
            """.alter table Doubled policy update
            @'[{"Source": "T", "Query": "T | project N = N * 2", "IsTransactional": true}]'""",
        ):
            eventhouse.command(command)
        for name, payload in payloads.items():
            eventhouse.queued.blobs.put(name, payload)
            eventhouse.queued.add(IngestionMessage(name, "NetDefaultDB", "T", "csv", blob=name, path=name))
        done = {"Succeeded", "Failed"}
        wait_until(lambda: all((eventhouse.queued.status(name) or {}).get("Status") in done for name in payloads))
        outcomes = [(eventhouse.queued.status(name) or {}).get("Status") for name in payloads]
        assert outcomes == ["Succeeded", "Failed", "Succeeded", "Succeeded"]
        numbers = [1, 4, *[2**62 - 1] * 3]
        assert [row["N"] for row in eventhouse.query("T | order by N asc")[0].records()] == numbers
        doubled = eventhouse.query("Doubled | order by N asc")[0].records()
        assert [row["N"] for row in doubled] == [2 * number for number in numbers]
        assert eventhouse.command(".show ingestion failures | project Table, Details").records() == [
            {
                "Table": "T",
                "Details": "The update policy of table 'Doubled' failed: A value cannot be computed: "
                f"{2**62} * 2 is beyond the range of long Hint: its query is: T | project N = N * 2",
            }
        ]
        shown = eventhouse.command(".show materialized-view V | project LastRunResult, IsHealthy").records()
        assert shown == [{"LastRunResult": "Failed", "IsHealthy": False}]
    finally:
        eventhouse.close()


@pytest.mark.slow
def test_a_message_waits_for_the_next_opening(tmp_path: Path) -> None:
    for opening in (1, 2, 3):
        eventhouse = Eventhouse.open(tmp_path, batching=BatchingLimits(age=3600.0))
        if opening == 1:
            eventhouse.command(".create table T (N: long)")
            eventhouse.queued.blobs.put("x", b"1\n")
            eventhouse.queued.add(message(blob="x", path="x"))
        else:
            wait_until(lambda: (eventhouse.queued.status("id") or {}).get("Status") == "Succeeded")  # noqa: B023 - called at once
        assert eventhouse.query("T | count")[0].records() == [{"Count": int(opening > 1)}]
        eventhouse.close()


@pytest.mark.slow
def test_what_was_acknowledged_waits_for_room_however_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "ATTEMPTS", 6)
    monkeypatch.setattr(worker, "_BACKOFF", Backoff(0.01, 0.02))
    tried: list[int] = []
    try_later = worker.Worker._try_later

    def counted(self: worker.Worker, pending: Pending, attempts: int | None = None) -> None:
        tried.append(pending.number)
        try_later(self, pending, attempts)

    monkeypatch.setattr(worker.Worker, "_try_later", counted)
    with DISKS["disk"](tmp_path / "disk", "2m") as disk:
        eventhouse = Eventhouse.open(disk.folder / "data", batching=BatchingLimits(age=0.5))
        try:
            eventhouse.command(".create table T (N: string)")
            rows = [os.urandom(16).hex() for _ in range(10_000)]
            eventhouse.queued.blobs.put("x", "\n".join(rows).encode())
            eventhouse.queued.add(message(blob="x", path="x"))
            disk.fill()
            with pytest.raises(BlobsFull, match="No space left on device"):
                eventhouse.queued.blobs.put("y", bytes(100_000))
            wait_until(lambda: len(tried) > 10)
            assert (eventhouse.queued.status("id") or {}).get("Status") == "Queued"
            disk.free()
            wait_until(lambda: (eventhouse.queued.status("id") or {}).get("Status") == "Succeeded")
            assert eventhouse.query("T | count")[0].records() == [{"Count": 10_000}]
            assert len(eventhouse.command(".show ingestion failures")) == 0
        finally:
            eventhouse.close()


def test_as_many_messages_wait_as_are_kept_and_no_more() -> None:
    kept: list[int] = []
    queue: Any = object.__new__(QueuedIngestion)
    queue._number, queue._lock = 0, threading.Lock()
    queue._core = SimpleNamespace(writer=SimpleNamespace(change=lambda _keep: True))
    queue._worker = SimpleNamespace(waiting=MESSAGES_KEPT - 1, add=lambda pending: kept.append(pending.number))
    queue.add(message())
    queue._worker.waiting = MESSAGES_KEPT
    with pytest.raises(KustoError) as caught:
        queue.add(message())
    assert str(caught.value) == "Internal error: ServerBusy: Too many messages wait for their ingestion."
    assert kept == [1]
