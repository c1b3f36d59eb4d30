"""Commands and ingestion that end before their time: taken back whole, in turn or waiting for it, and nothing else."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from emulator import Eventhouse
from emulator.context import RequestProperties
from emulator.engine.ingestion.payload import Payload
from emulator.engine.storage.transaction import Transaction
from emulator.errors import CancelFault, KustoError, LimitFault
from emulator.work import Work
from tests.emulator.engine.endless import ENDLESS, PROMPT_SECONDS, canceled_soon, count
from tests.emulator.engine.test_concurrency import commits, held, queued

pytestmark = pytest.mark.slow

SOON = RequestProperties(options={"servertimeout": timedelta(seconds=0.2)})
DEFINITIONS = (
    ".create table T (Id: long, X: long)",
    ".create table Copies (Id: long, X: long)",
    '.alter table Copies policy update @\'[{"Source": "T", "Query": "T", "IsTransactional": true}]\'',
    ".create materialized-view Sums on table T { T | summarize count(), sum(X) by Id = Id % 3 }",
    ".create materialized-view Unique on table T { T | summarize take_any(*) by Id }",
    ".create materialized-view Names on table T { T | summarize dcount(X) by Id = Id % 2 }",
)


@pytest.fixture
def eventhouse() -> Iterator[Eventhouse]:
    opened = Eventhouse.open(None)
    for command in DEFINITIONS:
        opened.command(command)
    opened.ingest("T", rows(range(4)), format="json")
    yield opened
    opened.close()


def rows(ids: range) -> bytes:
    return "\n".join(json.dumps({"Id": id_, "X": 10 * id_}) for id_ in ids).encode()


def contents(eventhouse: Eventhouse) -> dict[str, list[tuple[object, ...]]]:
    texts = ("T", "Copies", "Sums", "Unique", "Names")
    return {name: sorted(eventhouse.query(name)[0].rows(), key=repr) for name in texts}


def as_recomputed(eventhouse: Eventhouse) -> dict[str, list[tuple[object, ...]]]:
    texts = {
        "T": "T",
        "Copies": "T",
        "Sums": "T | summarize count(), sum(X) by Id = Id % 3",
        "Unique": "T | summarize take_any(*) by Id",
        "Names": "T | summarize dcount(X) by Id = Id % 2",
    }
    return {name: sorted(eventhouse.query(text)[0].rows(), key=repr) for name, text in texts.items()}


def store(eventhouse: Eventhouse, ids: range, also: Callable[[Transaction], object], work: Work) -> int:
    """Ingest rows; `also` is called in their transaction, after all that follows from them."""
    core = eventhouse._core
    with core.works.carrying_out(work):
        return core.ingest(
            "NetDefaultDB", "T", Payload(rows(ids), "json"), also=lambda transaction: dropped(also(transaction))
        )


def dropped(_: object) -> None:
    """Return nothing."""


def test_what_is_canceled_in_its_transaction_is_taken_back_with_all_that_follows(eventhouse: Eventhouse) -> None:
    before, work = contents(eventhouse), Work()
    with pytest.raises(CancelFault):
        store(eventhouse, range(2, 8), lambda _: work.cancel(), work)
    assert contents(eventhouse) == before == as_recomputed(eventhouse)
    # Groups that were taken back are new again, and known ones are known.
    assert store(eventhouse, range(2, 8), lambda _: None, Work()) == 6
    assert count(eventhouse, "T") == 10
    assert contents(eventhouse) == as_recomputed(eventhouse)


def test_what_is_overdue_in_its_transaction_is_taken_back(eventhouse: Eventhouse) -> None:
    before, work = contents(eventhouse), Work(3_600.0)
    with pytest.raises(LimitFault, match="E_QUERY_TIMEOUT"):
        store(eventhouse, range(8), lambda _: work.allow(0.0), work)
    assert contents(eventhouse) == before


def test_what_is_canceled_amid_its_commit_counts(eventhouse: Eventhouse, monkeypatch: pytest.MonkeyPatch) -> None:
    session, work = eventhouse._core.writer._session, Work()
    commit = session.commit

    def commit_canceled() -> None:
        work.cancel()
        commit()

    monkeypatch.setattr(session, "commit", commit_canceled)
    assert eventhouse.ingest("T", rows(range(4, 6)), format="json", work=work) == 2
    assert count(eventhouse, "T") == 6


def test_one_of_several_in_a_commit_ends_alone(eventhouse: Eventhouse) -> None:
    before = commits(eventhouse, "T")
    release, leaves, canceled = threading.Event(), Work(), Work()
    holder = held(eventhouse, lambda _: None, release)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(store, eventhouse, range(10, 12), lambda _: canceled.cancel(), Work())
        queued(eventhouse, 1, release)
        second = pool.submit(store, eventhouse, range(20, 22), lambda _: None, canceled)
        queued(eventhouse, 2, release)
        third = pool.submit(store, eventhouse, range(30, 32), lambda _: None, leaves)
        queued(eventhouse, 3, release)
        leaves.cancel()
        with pytest.raises(CancelFault):
            third.result(PROMPT_SECONDS)
        queued(eventhouse, 2, release)
        release.set()
        assert first.result() == 2
        with pytest.raises(CancelFault):
            second.result()
    holder.join()
    found = [row[0] for row in eventhouse.query("T | sort by Id asc")[0].rows()]
    assert found == [0, 1, 2, 3, 10, 11]
    assert contents(eventhouse) == as_recomputed(eventhouse)
    assert commits(eventhouse, "T") == before + 1


@pytest.mark.parametrize("wait", ["command", "ingestion", "settle"])
def test_who_waits_for_the_writer_leaves_in_time(eventhouse: Eventhouse, wait: str) -> None:
    release, work = threading.Event(), Work(0.01)
    calls: dict[str, Callable[[], object]] = {
        "command": lambda: eventhouse.command(".create table Never (X: long)", work=work),
        "ingestion": lambda: eventhouse.ingest("T", rows(range(9)), format="json", work=work),
        "settle": lambda: settle(eventhouse, work),
    }
    holder = held(eventhouse, lambda _: None, release)
    with pytest.raises(LimitFault, match="E_QUERY_TIMEOUT"):
        calls[wait]()
    assert eventhouse._core.writer.waiting == 0
    release.set()
    holder.join()
    assert eventhouse.command(".show tables | project TableName | sort by TableName asc").records() == [
        {"TableName": "Copies"},
        {"TableName": "T"},
    ]
    assert count(eventhouse, "T") == 4


def settle(eventhouse: Eventhouse, work: Work) -> None:
    with eventhouse._core.works.carrying_out(work):
        eventhouse._core.writer.settle()


def test_an_error_of_one_job_that_is_no_fault_is_raised_where_it_belongs(eventhouse: Eventhouse) -> None:
    def fail(_: Transaction) -> None:
        raise ZeroDivisionError

    release = threading.Event()
    holder = held(eventhouse, lambda _: None, release)
    with ThreadPoolExecutor(2) as pool:
        good = pool.submit(store, eventhouse, range(10, 12), lambda _: None, Work())
        queued(eventhouse, 1, release)
        bad = pool.submit(store, eventhouse, range(20, 22), fail, Work())
        queued(eventhouse, 2, release)
        release.set()
        assert good.result(PROMPT_SECONDS) == 2
        with pytest.raises(ZeroDivisionError):
            bad.result(PROMPT_SECONDS)
    holder.join()
    assert count(eventhouse, "T") == 6


HEAVY = {
    "set": f".set New <| {ENDLESS}",
    "append": f".append T <| {ENDLESS} | project a, b = a",
    "set-or-append": f".set-or-append T <| {ENDLESS} | project a, b = a",
    "set-or-replace": f".set-or-replace T <| {ENDLESS} | project a, b = a",
    "backfill": """.create materialized-view with (backfill=true) New on table T {
        T | extend k = 1 | join kind=inner (range b from 1 to 3000000 step 1 | extend k = 1) on k
        | join kind=inner (range c from 1 to 1000 step 1 | extend k = 1) on k
        | where X + b * 7 + c < 0 | summarize count() by Id }""",
    "join": """.set New <| range a from 1 to 3000000 step 1 | extend k = 1
        | join kind=inner (range b from 1 to 1000 step 1 | extend k = 1) on k
        | join kind=inner (range c from 1 to 1000 step 1 | extend k = 1) on k
        | summarize count() by m = (a + b + c) % 7""",
    "piped": f".show tables | extend k = 1 | join kind=inner ({ENDLESS} | extend k = 1) on k",
    "script": f".execute database script with (ThrowOnErrors=true) <|\n.set New <| {ENDLESS}",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HEAVY)
@pytest.mark.parametrize("way", ["timeout", "cancel"])
def test_a_heavy_command_ends_in_time_and_leaves_nothing(eventhouse: Eventhouse, name: str, way: str) -> None:
    before, started = contents(eventhouse), time.monotonic()
    work = Work()
    if way == "timeout":
        with pytest.raises(LimitFault, match="E_QUERY_TIMEOUT"):
            eventhouse.command(HEAVY[name], properties=SOON)
    else:
        with canceled_soon(work), pytest.raises(CancelFault, match="Request is canceled: enough"):
            eventhouse.command(HEAVY[name], work=work)
    assert time.monotonic() - started < PROMPT_SECONDS
    assert contents(eventhouse) == before
    assert eventhouse.ingest("T", rows(range(2, 8)), format="json") == 6
    eventhouse.command(".set New <| print x = 1")
    assert count(eventhouse, "New") == 1
    assert contents(eventhouse) == as_recomputed(eventhouse)


# 60 GB to sort, where memory is 256 MB.
SPILLING = """.set New <| range a from 1 to 2000000000 step 1
    | extend s = strcat("a text of some length, ", tostring((a * 7919) % 2000000011)) | sort by s asc
    | extend n = row_number()"""


@pytest.mark.slow
def test_what_spills_ends_in_time_too(tmp_path: Path) -> None:
    opened, work = Eventhouse.open(tmp_path, memory=256 * 1024 * 1024), Work(60.0)
    with ThreadPoolExecutor(1) as pool:
        spilling = pool.submit(opened.command, SPILLING, work=work)
        while not list(tmp_path.rglob("duckdb_temp_*_storage_*")):
            assert not spilling.done()
            time.sleep(0.01)
        work.cancel("enough")
        with pytest.raises(CancelFault, match="Request is canceled: enough"):
            spilling.result(PROMPT_SECONDS)
    assert opened.command(".set New <| print x = 1").arrow.num_rows == 1
    opened.close()


@pytest.mark.slow
@pytest.mark.parametrize("transactional", ["true", "false"])
def test_an_update_policy_that_is_ended_has_not_failed(eventhouse: Eventhouse, transactional: str) -> None:
    query = f"T | extend k = 1 | join kind=inner ({ENDLESS} | extend k = 1) on k | project Id, X"
    eventhouse.command(".create table Slow (Id: long, X: long)")
    policy = json.dumps([{"Source": "T", "Query": query, "IsTransactional": transactional == "true"}])
    eventhouse.command(f".alter table Slow policy update ```{policy}```")
    before = contents(eventhouse)
    with pytest.raises(LimitFault, match="E_QUERY_TIMEOUT"):
        eventhouse.ingest("T", rows(range(2, 8)), format="json", work=Work(0.2))
    assert contents(eventhouse) == before
    assert eventhouse.command(".show ingestion failures").records() == []


# It takes hours of the writer's turn.
PAIRS = """SELECT count(*) FROM range(3000000) a, range(1000) b, range(1000) c
    WHERE a.range * 7 + b.range + c.range < 0"""


@pytest.mark.slow
def test_closing_ends_whatever_runs_and_loses_nothing(tmp_path: Path) -> None:
    opened = Eventhouse.open(tmp_path)
    opened.command(".create table T (Id: long, X: long)")
    opened.ingest("T", rows(range(4)), format="json")
    outcomes: list[object] = []

    def run(call: Callable[[], object]) -> None:
        try:
            outcomes.append(call())
        except KustoError as fault:
            outcomes.append((type(fault), fault.permanent))

    calls: list[Callable[[], object]] = [lambda: opened.query(ENDLESS)] * 5
    calls.append(lambda: opened.command(HEAVY["set-or-replace"]))
    calls.append(lambda: store(opened, range(9), lambda transaction: transaction.connection.execute(PAIRS), Work()))
    threads = [threading.Thread(target=run, args=(call,), daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    while not opened._core.writer._turn.locked():
        time.sleep(0.01)
    waiting = threading.Thread(
        target=run, args=(lambda: opened.ingest("T", rows(range(9)), format="json"),), daemon=True
    )
    waiting.start()
    queued(opened, 1, threading.Event())
    started = time.monotonic()
    opened.close()
    assert time.monotonic() - started < PROMPT_SECONDS
    for thread in (*threads, waiting):
        thread.join(PROMPT_SECONDS)
    assert outcomes == [(CancelFault, False)] * 8
    with pytest.raises(KustoError, match="TH_Closed"):
        opened.query("print 1")
    again = Eventhouse.open(tmp_path)
    assert count(again, "T") == 4
    again.close()
