"""What queued ingestion keeps: reports in their queues, and statuses of sources, each for its time."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import duckdb
import pytest

from emulator.engine import failures
from emulator.engine.queued import store
from emulator.engine.queued.message import Pending
from emulator.engine.queued.store import ReportQueue
from tests.emulator.engine.test_queued import message

NOW = datetime(2026, 1, 5, 12)  # noqa: DTZ001 - what is kept is naive UTC
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def opened() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(":memory:", config={"threads": 1})
    failures.create(connection)
    store.create(connection)
    store.create(connection)
    yield connection
    connection.close()


@pytest.fixture
def kept(opened: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables, empty again afterwards."""
    opened.begin()
    yield opened
    opened.rollback()


def numbers(found: list[store.Report]) -> list[object]:
    return [json.loads(each.document) for each in found]


def test_messages_wait_in_their_order_until_they_are_done(kept: duckdb.DuckDBPyConnection) -> None:
    waiting = [Pending(number, message(f"T{number}"), 10 * number) for number in (3, 1, 2)]
    for each in waiting:
        store.add_message(kept, each)
    in_order = [waiting[1], waiting[2], waiting[0]]
    assert store.messages(kept) == in_order
    store.remove_messages(kept, [1, 3, 9])
    assert store.messages(kept) == [waiting[2]]


def test_a_report_is_hidden_while_it_is_taken_and_removed_by_its_receipt(kept: duckdb.DuckDBPyConnection) -> None:
    for number in range(3):
        store.add_report(kept, ReportQueue.FAILED, number, NOW)
    store.add_report(kept, ReportQueue.SUCCEEDED, 9, NOW)
    assert numbers(store.peek_reports(kept, ReportQueue.SUCCEEDED, 5, NOW)) == [9]
    assert store.peek_reports(kept, ReportQueue.FAILED, 5, NOW - MINUTE) == []
    first, second = store.take_reports(kept, ReportQueue.FAILED, 2, NOW, MINUTE)
    assert numbers([first, second]) == [0, 1]
    assert (first.inserted, first.visible, first.dequeued) == (NOW, NOW + MINUTE, 1)
    assert first.receipt != second.receipt
    assert numbers(store.peek_reports(kept, ReportQueue.FAILED, 5, NOW)) == [2]
    assert store.remove_report(kept, ReportQueue.FAILED, first.id, "another") is False
    assert store.remove_report(kept, ReportQueue.SUCCEEDED, first.id, first.receipt) is False
    assert store.remove_report(kept, ReportQueue.FAILED, first.id, first.receipt) is True
    assert store.remove_report(kept, ReportQueue.FAILED, first.id, first.receipt) is False
    # The other one comes again, in its place, as it was left.
    again = store.peek_reports(kept, ReportQueue.FAILED, 5, NOW + MINUTE)
    assert (again[0], numbers(again)) == (second, [1, 2])
    (taken, _) = store.take_reports(kept, ReportQueue.FAILED, 5, NOW + MINUTE, MINUTE)
    assert (taken.id, taken.dequeued) == (second.id, 2)


def test_the_latest_status_of_a_source_is_kept(kept: duckdb.DuckDBPyConnection) -> None:
    assert store.status(kept, "a") is None
    store.set_status(kept, "a", {"n": 1}, NOW)
    store.set_status(kept, "b", {"n": 2}, NOW)
    store.set_status(kept, "a", {"n": 3}, NOW)
    assert [store.status(kept, source) for source in ("a", "b", "c")] == [{"n": 3}, {"n": 2}, None]


def test_what_is_old_or_too_many_is_forgotten(kept: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [NOW - timedelta(days=7, seconds=1), NOW - timedelta(days=7), NOW - MINUTE, NOW]
    for number, moment in enumerate(moments):
        store.add_report(kept, ReportQueue.FAILED, number, moment)
        store.set_status(kept, f"s{number}", {}, moment)
    store.prune(kept, NOW)
    assert numbers(store.peek_reports(kept, ReportQueue.FAILED, 9, NOW)) == [1, 2, 3]
    assert [store.status(kept, f"s{number}") is None for number in range(4)] == [True, False, False, False]
    # One more than are kept marks the bound, and stays with those as old as it is.
    monkeypatch.setattr(store, "REPORTS_KEPT", 1)
    store.prune(kept, NOW)
    assert numbers(store.peek_reports(kept, ReportQueue.FAILED, 9, NOW)) == [2, 3]
    assert [store.status(kept, f"s{number}") is None for number in range(4)] == [True, True, False, False]
