"""A policy or view that takes too long fails for itself, and who ingests elsewhere does not wait for it."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from emulator import Eventhouse
from emulator.backoff import Backoff
from emulator.engine import eventhouse as eventhouse_module
from emulator.engine.derived.materialization import materialize
from emulator.engine.queued import worker as queue_worker
from emulator.engine.queued.batching import BatchingLimits
from emulator.engine.queued.message import IngestionMessage, Pending
from emulator.engine.session import budget
from emulator.engine.session.budget import StepLimits
from emulator.engine.writing import materializing
from emulator.errors import CancelFault, KustoError, LimitFault
from emulator.eventhubs.data_connection.dead_letters import DeadLetter, DeadLetters
from emulator.eventhubs.data_connection.storing import Destination, PartitionStore, Source
from emulator.eventhubs.hubs.messages import Event
from emulator.work import Work
from tests.emulator.engine.endless import canceled_soon
from tests.emulator.engine.test_queued import wait_until

pytestmark = pytest.mark.slow

# A row with this word meets numbers for hours, any other none.
ENDLESS = """P | where a == "slow" | extend k = 1
| join kind=inner (range x from 1 to 2000 step 1 | extend k = 1) on k
| join kind=inner (range y from 1 to 2000 step 1 | extend k = 1) on k
| join kind=inner (range z from 1 to 2000 step 1 | extend k = 1) on k
| join kind=inner (range w from 1 to 2000 step 1 | extend k = 1) on k
| summarize n = sum(hash(x * y + z * w)) by a | project n"""
ENDLESS_VIEW = """P | where a == "slow"
| mv-expand i = range(1, 1000000) to typeof(long) | mv-expand j = range(1, 100000) to typeof(long)
| summarize c = count() by a"""
TOO_LONG = (
    "It took too long: update policies and materialized views have 1 s for all the rows of an ingestion, "
    "and 50 µs more for each"
)
AT = datetime(2026, 3, 2, 15, tzinfo=UTC)
# What is not ended by its budget fails its test, rather than to stop all of them.
PATIENCE = 60.0


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "SECONDS", 1.0)
    monkeypatch.setattr(budget, "LEAST_SECONDS", 0.5)
    monkeypatch.setattr(materializing, "BACKOFF", Backoff(3600.0, 3600.0))
    monkeypatch.setattr(eventhouse_module, "COMMAND_TIMEOUT", timedelta(seconds=PATIENCE))


@pytest.fixture
def eventhouse() -> Iterator[Eventhouse]:
    opened = Eventhouse.open(None)
    for name, columns in {
        "P": "a: string, n: long",
        "PT": "n: long",
        "Quick": "a: string, n: long",
        "O": "n: long",
    }.items():
        opened.command(f".create table {name} ({columns})")
    opened.command(f".create function PF() {{ {ENDLESS} }}")
    policy(opened, "Quick", "P")
    yield opened
    opened.close()


def policy(eventhouse: Eventhouse, target: str, query: str, *, is_transactional: bool = False) -> None:
    text = json.dumps([{"Source": "P", "Query": query, "IsTransactional": is_transactional}])
    eventhouse.command(f".alter table {target} policy update ```{text}```")


def store(eventhouse: Eventhouse, table: str, text: bytes, work: Work | None = None) -> int:
    return eventhouse.ingest(table, text, format="csv", work=work)


def rows(eventhouse: Eventhouse, text: str) -> list[tuple[object, ...]]:
    return sorted(eventhouse.query(text)[0].rows(), key=repr)


def failures(eventhouse: Eventhouse) -> list[tuple[object, ...]]:
    text = ".show ingestion failures | project Table, Details, FailureKind, OriginatesFromUpdatePolicy"
    return list(eventhouse.command(text).rows())


def health(eventhouse: Eventhouse) -> list[tuple[object, ...]]:
    text = ".show materialized-views | project Name, LastRunResult, IsHealthy, IsEnabled"
    return list(eventhouse.command(text).rows())


def test_a_slow_policy_loses_its_rows_alone(eventhouse: Eventhouse) -> None:
    policy(eventhouse, "PT", "PF()")
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(store, eventhouse, "P", b"slow,5")
        other = pool.submit(store, eventhouse, "O", b"1")
        assert (slow.result(), other.result()) == (1, 1)
    assert store(eventhouse, "P", b"good,6") == 1
    assert rows(eventhouse, "P") == rows(eventhouse, "Quick") == [("good", 6), ("slow", 5)]
    assert (rows(eventhouse, "PT"), rows(eventhouse, "O")) == ([], [(1,)])
    assert failures(eventhouse) == [("PT", TOO_LONG, "Permanent", True)]


def test_several_slow_policies_and_a_slow_view_lose_their_rows_alone(eventhouse: Eventhouse) -> None:
    policy(eventhouse, "PT", "PF()")
    eventhouse.command(".create table PT2 (n: long)")
    policy(eventhouse, "PT2", "PF() | extend n = n + 1")
    eventhouse.command(f".create materialized-view V on table P {{ {ENDLESS_VIEW} }}")
    assert store(eventhouse, "P", b"slow,5") == 1
    assert rows(eventhouse, "P") == rows(eventhouse, "Quick") == [("slow", 5)]
    assert sorted(failures(eventhouse)) == [("PT", TOO_LONG, "Permanent", True), ("PT2", TOO_LONG, "Permanent", True)]
    assert health(eventhouse) == [("V", "Failed", False, True)]


def test_a_slow_transactional_policy_fails_the_ingestion_alone(eventhouse: Eventhouse) -> None:
    policy(eventhouse, "PT", "PF()", is_transactional=True)
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(store, eventhouse, "P", b"slow,5")
        other = pool.submit(store, eventhouse, "O", b"1")
        assert other.result() == 1
        with pytest.raises(KustoError) as refused:
            slow.result()
    fault = refused.value
    assert (fault.message, fault.code, fault.permanent, fault.hint) == (
        f"The update policy of table 'PT' failed: {TOO_LONG}",
        "E_QUERY_TIMEOUT",
        False,
        "its query is: PF()",
    )
    assert (rows(eventhouse, "P"), rows(eventhouse, "Quick"), rows(eventhouse, "PT")) == ([], [], [])
    assert rows(eventhouse, "O") == [(1,)]
    assert store(eventhouse, "P", b"good,6") == 1
    assert rows(eventhouse, "P") == rows(eventhouse, "Quick") == [("good", 6)]


def test_an_event_for_a_slow_transactional_policy_becomes_a_dead_letter(eventhouse: Eventhouse) -> None:
    policy(eventhouse, "PT", "PF()", is_transactional=True)
    letters = DeadLetters(None)
    table = PartitionStore(eventhouse, Destination("P"), Source("c", "hub", "monday", "0"), letters)
    events = [
        Event(n, str(n), AT, None, json.dumps({"a": a, "n": n}).encode())
        for n, a in enumerate(("good", "slow", "good"))
    ]

    async def stored() -> list[str]:
        """Store as a connection does, which begins again after a fault; return the codes of the faults."""
        codes: list[str] = []
        while (mark := await table.ask() or 0) < len(events):
            try:
                await table.store(events[mark:])
            except KustoError as fault:
                codes.append(fault.code)
        return codes

    assert asyncio.run(stored()) == ["E_QUERY_TIMEOUT"] * 4
    assert rows(eventhouse, "P") == rows(eventhouse, "Quick") == [("good", 0), ("good", 2)]
    reason = f"The update policy of table 'PT' failed: {TOO_LONG}"
    assert letters.latest() == (
        DeadLetter("hub", "0", 1, "1", AT.isoformat(), None, reason, '{"a": "slow", "n": 1}', "utf-8"),
    )


def test_a_slow_view_falls_behind_and_catches_up_when_it_can(eventhouse: Eventhouse) -> None:
    eventhouse.command(f".create materialized-view V on table P {{ {ENDLESS_VIEW} }}")
    eventhouse.command(".create materialized-view Counts on table P { P | summarize count() by a }")
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(store, eventhouse, "P", b"slow,5")
        other = pool.submit(store, eventhouse, "O", b"1")
        assert (slow.result(), other.result()) == (1, 1)
    store(eventhouse, "P", b"good,6")
    assert rows(eventhouse, "P") == rows(eventhouse, "Quick") == [("good", 6), ("slow", 5)]
    assert (rows(eventhouse, "V"), rows(eventhouse, "Counts")) == ([], [("good", 1), ("slow", 1)])
    assert health(eventhouse) == [("V", "Failed", False, True), ("Counts", "Completed", True, True)]
    shown = eventhouse.command(".show materialized-view V failures | project Name, Details")
    assert list(shown.rows()) == [("V", TOO_LONG)]
    # So it does not hold the others up when it tries again by itself.
    core = eventhouse._core
    with core.works.carrying_out(Work(PATIENCE)), pytest.raises(LimitFault) as late:
        core.writer.change(partial(materialize, database="NetDefaultDB", name="V"))
    assert (late.value.message, late.value.code) == (TOO_LONG, "E_QUERY_TIMEOUT")
    assert health(eventhouse)[0] == ("V", "Failed", False, True)
    quick = "P | where a == 'slow' | mv-expand i = range(1, 10) to typeof(long) | summarize c = count() by a"
    eventhouse.command(f".alter materialized-view V on table P {{ {quick} }}")
    assert rows(eventhouse, "V") == [("slow", 10)]
    assert health(eventhouse)[0] == ("V", "Completed", True, True)


@pytest.mark.parametrize("is_transactional", [True, False])
def test_the_end_of_the_caller_is_not_that_of_the_policy(
    eventhouse: Eventhouse, monkeypatch: pytest.MonkeyPatch, is_transactional: bool
) -> None:
    monkeypatch.setattr(budget, "SECONDS", 2 * PATIENCE)
    policy(eventhouse, "PT", "PF()", is_transactional=is_transactional)
    with pytest.raises(LimitFault, match=r"did not finish within its timeout of 0:00:00\.300000"):
        store(eventhouse, "P", b"slow,5", Work(0.3))
    work = Work()
    with canceled_soon(work), pytest.raises(CancelFault, match="enough"):
        store(eventhouse, "P", b"slow,5", work)
    assert (rows(eventhouse, "P"), failures(eventhouse)) == ([], [])


@pytest.mark.parametrize("command", ["enable", "alter"])
def test_views_over_one_that_an_administrator_lets_catch_up_have_all_the_time_of_the_command(
    eventhouse: Eventhouse, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    eventhouse.command(
        ".create materialized-view Unique on table P { P | extend m = n + 1 | summarize take_any(*) by n }"
    )
    eventhouse.command(
        ".create materialized-view Counts on materialized-view Unique { Unique | summarize count() by a }"
    )
    store(eventhouse, "P", b"good,1")
    if command == "enable":
        eventhouse.command(".disable materialized-view Unique")
    store(eventhouse, "P", b"good,9223372036854775807" if command == "alter" else b"good,2")
    for name in ("SECONDS", "LEAST_SECONDS"):
        monkeypatch.setattr(budget, name, 0.0)
    if command == "enable":
        eventhouse.command(".enable materialized-view Unique")
    else:
        query = "P | extend m = n - 1 | summarize take_any(*) by n"
        eventhouse.command(f".alter materialized-view Unique on table P {{ {query} }}")
    assert rows(eventhouse, "Counts") == [("good", 2)]
    assert health(eventhouse) == [("Unique", "Completed", True, True), ("Counts", "Completed", True, True)]


def test_queued_rows_that_a_transactional_policy_is_too_slow_for_are_tried_and_then_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue_worker, "_BACKOFF", Backoff(0.01, 0.02))
    steps = StepLimits(seconds=0.2, seconds_per_row=1e-6)
    tried: list[str] = []
    with closing(Eventhouse.open(None, batching=BatchingLimits(age=0.2), steps=steps)) as opened:
        opened.command(".create table P (a: string, n: long)")
        opened.command(".create table PT (n: long)")
        policy(opened, "PT", ENDLESS, is_transactional=True)
        later = queue_worker.Worker._try_later

        def noted(worker: queue_worker.Worker, pending: Pending, attempts: int | None = None) -> None:
            tried.append(pending.message.path)
            later(worker, pending, attempts)

        monkeypatch.setattr(queue_worker.Worker, "_try_later", noted)
        for name, payload in {"a": b"good,1\n", "b": b"slow,2\n", "c": b"good,3\n"}.items():
            opened.queued.blobs.put(name, payload)
            opened.queued.add(IngestionMessage(name, "NetDefaultDB", "P", "csv", blob=name, path=name))
        done = {"Succeeded", "Failed"}
        wait_until(lambda: all((opened.queued.status(name) or {}).get("Status") in done for name in "abc"))
        assert [(opened.queued.status(name) or {}).get("Status") for name in "abc"] == [
            "Succeeded",
            "Failed",
            "Succeeded",
        ]
        assert (rows(opened, "P"), tried) == ([("good", 1), ("good", 3)], ["b"] * 9)
        told = opened.command(".show ingestion failures | project Table, IngestionSourcePath, Details").rows()
        reason = TOO_LONG.replace("1 s", "0.2 s").replace("50 µs", "1 µs")
        assert [(table, path, str(text).partition(" Hint:")[0]) for table, path, text in told] == [
            ("P", "b", f"The update policy of table 'PT' failed: {reason}")
        ]
        # The rows are not lost: they lie where they came.
        assert opened.queued.blobs.read("b") == b"slow,2\n"
