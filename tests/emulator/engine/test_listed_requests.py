"""What `.show` and `.cancel` answer of requests that a test begins and ends by hand; no Eventhouse is opened."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from emulator.engine import requests as module
from emulator.engine.commands import cancel
from emulator.engine.commands.shown import requests as shown
from emulator.engine.core import Core
from emulator.engine.requests import QUERY, Request, Requests
from emulator.errors import CancelFault, EntityNotFound, SemanticFault
from emulator.result import ResultTable
from emulator.syntax.commands import CancelOperation, CancelQuery, ShowOperations
from emulator.syntax.parse_command import parse_command
from emulator.text import NOWHERE
from emulator.work import Work

BEGUN = datetime(2024, 3, 1, 15)  # noqa: DTZ001 - naive UTC, as the engine keeps it


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(at=BEGUN)
    monkeypatch.setattr(module, "utc_now", lambda: clock.at)
    return clock


@pytest.fixture
def requests() -> Requests:
    return Requests()


@pytest.fixture
def begin(requests: Requests, now: SimpleNamespace) -> Iterator[Callable[..., Request]]:
    """Return what begins a request of a kind that runs until the test ends."""
    with ExitStack() as stack:

        def begun(kind: str, text: str, client: str = "", work: Work | None = None) -> Request:
            request = Request(work or Work(), kind, text, "D", client, "app")
            stack.enter_context(requests.listed(request))
            return request

        yield begun


def ended(requests: Requests, kind: str, text: str, fault: Exception | None = None) -> Request:
    request = Request(Work(), kind, text, "D", f"of {text}", "app")
    try:
        with requests.listed(request):
            if fault is not None:
                raise fault
    except (CancelFault, SemanticFault, ZeroDivisionError):
        pass
    return request


def core(requests: Requests) -> Core:
    return cast("Core", SimpleNamespace(requests=requests))


def records(answer: ResultTable, *names: str) -> list[tuple[object, ...]]:
    return [tuple(record[name] for name in names or record) for record in answer.records()]


def operations_of(*ids: str) -> ShowOperations:
    return ShowOperations(ids, "", NOWHERE)


def canceling(text: str) -> CancelQuery:
    command = parse_command(text)
    assert isinstance(command, CancelQuery)
    return command


def test_a_query_is_canceled_by_its_clients_id_or_its_own(
    requests: Requests, begin: Callable[..., Request], now: SimpleNamespace
) -> None:
    first, second, command = (
        begin(QUERY, "print 1", "a;1"),
        begin(QUERY, "print 2", "a;1"),
        begin("TableAppend", ".x", "a;1"),
    )
    answer = cancel.cancel_query(core(requests), canceling('.cancel query "a;1" with (reason = "too dear")'))
    assert records(answer) == [("a;1", "too dear", True)]
    assert [each.work.is_over for each in (first, second, command)] == [True, True, False]
    again = cancel.cancel_query(core(requests), canceling('.cancel query "a;1"'))
    assert records(again) == [("a;1", "It ends already.", False)]
    third = begin(QUERY, "print 3")
    own = cancel.cancel_query(core(requests), canceling(f'.cancel query "{third.id}"'))
    assert records(own) == [(str(third.id), "Query cancelled by the user's request", True)]
    nobody = cancel.cancel_query(core(requests), canceling('.cancel query "b"'))
    assert records(nobody) == [("b", "No running query has this id.", False)]
    with pytest.raises(CancelFault, match="too dear"):
        first.work.check()


def test_a_command_is_canceled_by_its_id_while_it_runs(requests: Requests, begin: Callable[..., Request]) -> None:
    running, done = begin("TableAppend", ".append"), ended(requests, "TableCreate", ".create")
    query = begin(QUERY, "print 1")

    def asked(id_: object, reason: str = "") -> list[tuple[object, ...]]:
        command = parse_command(f".cancel operation {id_}{reason}")
        assert isinstance(command, CancelOperation)
        return records(cancel.cancel_operation(core(requests), command))

    head = (str(running.id), "TableAppend", BEGUN)
    assert asked(str(running.id).upper(), ' with (reason = "no")') == [(*head, "Canceled successfully", "no")]
    assert asked(running.id) == [(*head, "Cancel failed", "The operation ends already.")]
    assert asked(done.id) == [
        (str(done.id), "TableCreate", BEGUN, "Cancel failed", "The operation is Completed already.")
    ]
    for id_ in (query.id, uuid.uuid4()):
        with pytest.raises(EntityNotFound) as caught:
            asked(id_)
        assert (caught.value.message, caught.value.hint) == (
            f"Entity '{id_}' of kind 'Operation' was not found.",
            "`.show operations` lists those of this process",
        )


def test_what_runs_and_what_has_ended_is_listed_apart(
    requests: Requests, begin: Callable[..., Request], now: SimpleNamespace
) -> None:
    begin(QUERY, "running query")
    begin("TableAppend", "running command")
    begin("ShowTables", "running question")
    ended(requests, QUERY, "query", SemanticFault("no such column"))
    ended(requests, "TableCreate", "command", CancelFault("Request is canceled"))
    ended(requests, "ShowTables", "question", ZeroDivisionError())
    here = core(requests)

    def texts(answer: ResultTable) -> list[object]:
        return [text for (text,) in records(answer, "Text")]

    assert texts(shown.queries(here)) == ["query"]
    assert texts(shown.running_queries(here)) == ["running query"]
    assert texts(shown.commands(here)) == ["command", "question"]
    assert texts(shown.running_commands(here)) == ["running command", "running question"]
    assert texts(shown.commands_and_queries(here)) == ["query", "command", "question"]
    assert records(shown.commands_and_queries(here), "State", "FailureReason") == [
        ("Failed", "no such column"),
        ("Canceled", "Request is canceled"),
        ("Failed", "ZeroDivisionError"),
    ]
    operations = shown.show_operations(here, operations_of())
    assert records(operations, "Operation", "State") == [("TableCreate", "Canceled"), ("TableAppend", "InProgress")]
    assert [each.kind for each in shown.operations(here)] == ["TableCreate", "TableAppend"]


def test_each_request_is_told_in_full(requests: Requests, now: SimpleNamespace) -> None:
    request = Request(Work(), "TableCreate", ".create", "D", "mine", "app")
    with requests.listed(request):
        now.at = BEGUN + timedelta(seconds=1.5)
        assert (request.updated_on, request.duration) == (now.at, timedelta(seconds=1.5))
    now.at = BEGUN + timedelta(hours=1)
    assert (request.ended_on, request.duration) == (BEGUN + timedelta(seconds=1.5), timedelta(seconds=1.5))
    id_, last = str(request.id), BEGUN + timedelta(seconds=1.5)
    here = core(requests)
    assert records(shown.show_operations(here, operations_of(id_))) == [
        (
            id_, "TableCreate", "Node_0", BEGUN, last, 15_000_000, "Completed", "", id_, False, "D",
            "anonymous", "anonymous", None,
        )
    ]  # fmt: skip
    assert records(shown.show_operations(here, operations_of(str(uuid.uuid4())))) == []
    (command,) = shown.commands(here).records()
    (both,) = shown.commands_and_queries(here).records()
    expected = {
        "ClientActivityId": "mine",
        "CommandType": "TableCreate",
        "Text": ".create",
        "Database": "D",
        "StartedOn": BEGUN,
        "LastUpdatedOn": last,
        "Duration": 15_000_000,
        "State": "Completed",
        "RootActivityId": id_,
        "User": "anonymous",
        "FailureReason": "",
        "Application": "app",
        "Principal": "anonymous",
        "WorkloadGroup": "default",
    }
    for found in (command, both):
        assert {name: found[name] for name in expected} == expected


def test_a_request_without_a_clients_id_has_one_of_its_own() -> None:
    request = Request(Work(), QUERY, "print 1", "D")
    assert request.client_id == f"unspecified;{request.id}"
    assert Request(Work(id="its work's"), QUERY, "print 1", "D").client_id == "its work's"
    assert (request.is_operation, Request(Work(), "CancelQuery", "", "D").is_operation) == (False, False)
    handed = Request(Work(), "TableAppend", "", "D")
    assert handed.is_operation
    handed.is_handed_on = True
    assert not handed.is_operation


def test_a_text_is_kept_up_to_64_kilobytes() -> None:
    assert Request(Work(), QUERY, "x" * 65_536, "D").text == "x" * 65_536
    assert Request(Work(), QUERY, "x" * 65_537, "D").text == "x" * 65_536
