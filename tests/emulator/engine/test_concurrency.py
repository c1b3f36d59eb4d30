"""Readers beside the writer, and writers beside each other."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import pytest

from emulator import Eventhouse
from emulator.engine import core
from emulator.engine.running.execute import execute
from emulator.engine.storage.transaction import Transaction
from emulator.errors import EntityNotFound, IngestionFault, KustoError
from emulator.result import ResultTable

pytestmark = pytest.mark.slow


@pytest.fixture
def eventhouse() -> Iterator[Eventhouse]:
    opened = Eventhouse.open(None)
    opened.command(".create table T (Batch: long, X: long)")
    opened.command(".create materialized-view V on table T { T | summarize count(), sum(X) by Batch }")
    yield opened
    opened.close()


def payload(batch: int, rows: int = 10) -> bytes:
    return "\n".join(json.dumps({"Batch": batch, "X": x}) for x in range(rows)).encode()


def held(eventhouse: Eventhouse, action: Callable[[Transaction], object], release: threading.Event) -> threading.Thread:
    """Start a change that does something and holds the writer until it is released."""
    entered = threading.Event()

    def change(transaction: Transaction) -> None:
        action(transaction)
        entered.set()
        release.wait()

    thread = threading.Thread(target=eventhouse._core.writer.change, args=(change,))
    thread.start()
    entered.wait()
    return thread


def queued(eventhouse: Eventhouse, jobs: int, release: threading.Event) -> None:
    """Wait until that many batches wait for the writer, and release it if they never do."""
    for _ in range(10_000):
        if eventhouse._core.writer.waiting == jobs:
            return
        release.wait(0.001)
    release.set()
    pytest.fail("the batches did not reach the writer")


def test_batches_of_many_threads_all_arrive_whole(eventhouse: Eventhouse) -> None:
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda batch: eventhouse.ingest("T", payload(batch), format="json"), range(40)))
    assert counts == [10] * 40
    for relation in ("T | summarize count(), sum(X) by Batch", "V"):
        found = eventhouse.query(f"{relation} | summarize count(), sum(count_), sum(sum_X)")[0].records()
        assert found == [{"count_": 40, "sum_count_": 400, "sum_sum_X": 40 * 45}]


def test_waiting_batches_commit_together_and_a_bad_one_fails_alone(eventhouse: Eventhouse) -> None:
    eventhouse.command(".create table Gone (Batch: long, X: long)")
    release = threading.Event()
    holder = held(eventhouse, lambda transaction: transaction.drop_table("NetDefaultDB", "Gone"), release)
    with ThreadPoolExecutor(6) as pool:
        good = [pool.submit(eventhouse.ingest, "T", payload(batch), format="json") for batch in range(4)]
        queued(eventhouse, 4, release)
        bad = pool.submit(eventhouse.ingest, "Gone", payload(9), format="json")
        queued(eventhouse, 5, release)
        release.set()
        assert [future.result() for future in good] == [10] * 4
        with pytest.raises(EntityNotFound, match="'Gone'"):
            bad.result()
    holder.join()
    assert commits(eventhouse, "T") == 4
    release.clear()
    holder = held(eventhouse, lambda _: None, release)
    with ThreadPoolExecutor(4) as pool:
        good = [pool.submit(eventhouse.ingest, "T", payload(batch), format="json") for batch in range(4)]
        queued(eventhouse, 4, release)
        release.set()
    holder.join()
    assert commits(eventhouse, "T") == 5
    assert eventhouse.query("V | summarize sum(count_)")[0].records() == [{"sum_count_": 80}]


def commits(eventhouse: Eventhouse, table: str) -> int:
    relation = eventhouse._core.catalog.databases["NetDefaultDB"].tables[table].relation
    with eventhouse._core.cursor() as cursor:
        times = cursor.table(relation).project('"$IngestionTime"').distinct().fetchall()
    return len(times)


def tables(eventhouse: Eventhouse) -> list[object]:
    return [row["TableName"] for row in eventhouse.command(".show tables").records()]


def values(eventhouse: Eventhouse) -> tuple[object, ...]:
    """Return the values of the one column that every shape of the table has."""
    return tuple(row["X"] for row in eventhouse.query("T | sort by X asc")[0].records())


def test_readers_do_not_wait_for_the_writer(eventhouse: Eventhouse) -> None:
    eventhouse.ingest("T", payload(1), format="json")
    release = threading.Event()
    holder = held(eventhouse, lambda _: None, release)
    assert eventhouse.query("T | count")[0].records() == [{"Count": 10}]
    assert tables(eventhouse) == ["T"]
    release.set()
    holder.join()


def test_a_query_sees_all_of_a_batch_or_nothing(eventhouse: Eventhouse) -> None:
    stop = threading.Event()
    seen: list[tuple[object, ...]] = []

    def read() -> None:
        while not stop.is_set():
            query = "T | summarize R = count() | extend V = toscalar(V | summarize sum(count_))"
            seen.extend(eventhouse.query(query)[0].rows())

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for batch in range(30):
            eventhouse.ingest("T", payload(batch), format="json")
        stop.set()
        for reader in readers:
            reader.result()
    assert seen
    assert all(rows == (view or 0) for rows, view in seen)
    assert {rows for rows, _ in seen} <= set(range(0, 301, 10))


def test_a_column_added_while_a_payload_is_read(eventhouse: Eventhouse) -> None:
    core = eventhouse._core
    taken = core.writer.add
    altered: list[str] = []

    def add_after_alter(job: object) -> None:
        if not altered:
            altered.append("once")
            eventhouse.command(".alter-merge table T (New: string)")
        taken(job)  # type: ignore[arg-type] # what it was given

    core.writer.add = add_after_alter  # type: ignore[method-assign] # to come between reading and storing
    assert eventhouse.ingest("T", payload(1, 2), format="json") == 2
    assert eventhouse.query("T | where isempty(New) | count")[0].records() == [{"Count": 2}]


def test_queries_beside_schema_changes_answer_or_fail_in_words(eventhouse: Eventhouse) -> None:
    eventhouse.ingest("T", payload(1), format="json")
    stop = threading.Event()

    def read() -> set[tuple[object, ...]]:
        found: set[tuple[object, ...]] = set()
        while not stop.is_set():
            found.add(values(eventhouse))
        return found

    with ThreadPoolExecutor(2) as pool:
        reader = pool.submit(read)
        for number in range(12):
            eventhouse.command(f".alter table T (X: long, Batch: long, C{number}: string)")
        stop.set()
        assert reader.result() == {tuple(range(10))}


def test_a_query_is_asked_again_for_as_long_as_the_schema_changes_under_it(
    eventhouse: Eventhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    eventhouse.ingest("T", payload(1), format="json")
    changes = iter(range(7))

    def change_then_execute(*arguments: Any, **named: Any) -> tuple[ResultTable, ...]:
        for number in islice(changes, 1):
            eventhouse.command(f".alter table T (X: long, C{number}: string)")
        return execute(*arguments, **named)

    monkeypatch.setattr(core, "execute", change_then_execute)
    assert values(eventhouse) == tuple(range(10))
    assert list(changes) == []


def test_a_failed_command_leaves_nothing_behind(eventhouse: Eventhouse) -> None:
    version = eventhouse._core.catalog.version
    with pytest.raises(KustoError, match="column 'X'"):
        eventhouse.command(".create-merge tables New (A: int), T (X: string)")
    assert eventhouse._core.catalog.version == version
    assert tables(eventhouse) == ["T"]
    with pytest.raises(IngestionFault):
        eventhouse.ingest("T", b"{", format="json")
    assert eventhouse.query("T | count")[0].records() == [{"Count": 0}]
