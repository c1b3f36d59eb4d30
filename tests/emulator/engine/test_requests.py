"""What runs is listed and canceled by its id, what has ended is listed with how it did."""

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from emulator import Eventhouse
from emulator.context import RequestProperties
from emulator.engine.requests import QUERY, Request, Requests
from emulator.errors import CancelFault, EntityNotFound, KustoError, LimitFault, SemanticFault
from emulator.work import Work
from tests.emulator.engine.endless import ENDLESS, PROMPT_SECONDS, count
from tests.emulator.engine.test_concurrency import held

MINE = RequestProperties(client_request_id="test;1", application="pytest")


@pytest.fixture
def eventhouse() -> Iterator[Eventhouse]:
    opened = Eventhouse.open(None)
    opened.command(".create table T (X: long)")
    yield opened
    opened.close()


def listed(eventhouse: Eventhouse, what: str) -> list[tuple[object, ...]]:
    return list(eventhouse.command(f".show {what}").rows())


@contextmanager
def running(eventhouse: Eventhouse, call: Callable[[], object]) -> Iterator[Future[object]]:
    """Run a call in another thread while the writer is held, so that a change of it waits."""
    release = threading.Event()
    holder = held(eventhouse, lambda _: None, release)
    try:
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(call)
            while not eventhouse._core.requests.running():
                release.wait(0.001)
            yield future
            release.set()
    finally:
        release.set()
        holder.join()


def operation_id(eventhouse: Eventhouse) -> object:
    ((id_,),) = listed(eventhouse, "operations | where State == 'InProgress' | project OperationId")
    return id_


@pytest.mark.slow
def test_what_has_ended_is_listed_with_how_it_did(eventhouse: Eventhouse) -> None:
    eventhouse.query("print 1", properties=MINE)
    with pytest.raises(SemanticFault) as raised:
        eventhouse.query("T | where Y > 1", database="NetDefaultDB")
    canceled = Work(id="gone")
    with pytest.raises(CancelFault):
        eventhouse._core.query("print 2", "NetDefaultDB", work=CanceledLater(canceled))
    assert listed(eventhouse, "queries | project Text, Database, State, FailureReason, Application") == [
        ("print 1", "NetDefaultDB", "Completed", "", "pytest"),
        ("T | where Y > 1", "NetDefaultDB", "Failed", raised.value.message, ""),
        ("print 2", "NetDefaultDB", "Canceled", "Request is canceled", ""),
    ]
    ((first, *_), (second, *_), (third, *_)) = listed(eventhouse, "queries | project ClientActivityId, RootActivityId")
    assert (first, str(second).partition(";")[0], third) == ("test;1", "unspecified", "gone")
    found = listed(eventhouse, "commands-and-queries | where CommandType !startswith 'Show' | project CommandType")
    assert found == [("TableCreate",), (QUERY,), (QUERY,), (QUERY,)]


class CanceledLater(Work):
    """Work whose owner leaves when it has begun."""

    def __init__(self, other: Work) -> None:
        super().__init__(id=other.id)
        self._left = 1

    def check(self) -> None:
        """Be there the first time."""
        if not self._left:
            self.cancel()
        self._left -= 1
        super().check()


@pytest.mark.slow
def test_a_command_that_waits_is_listed_and_canceled_by_its_id(eventhouse: Eventhouse) -> None:
    with running(eventhouse, lambda: eventhouse.command(".set-or-append T <| print 1", properties=MINE)) as future:
        id_ = operation_id(eventhouse)
        (shown,) = listed(eventhouse, f"operations {id_} | project Operation, State, Database")
        (both,) = listed(
            eventhouse, "running commands | where CommandType startswith 'Table' | project Text, Principal"
        )
        (answer,) = eventhouse.command(f".cancel operation {id_} with (reason = 'too dear')").rows()
        with pytest.raises(CancelFault, match="Request is canceled: too dear"):
            future.result(PROMPT_SECONDS)
    assert shown == ("TableSetOrAppend", "InProgress", "NetDefaultDB")
    assert both == (".set-or-append T <| print 1", "anonymous")
    assert (answer[0], answer[1], *answer[3:]) == (id_, "TableSetOrAppend", "Canceled successfully", "too dear")
    (again,) = eventhouse.command(f".cancel operation '{id_}'").rows()
    assert again[3:] == ("Cancel failed", "The operation is Canceled already.")
    assert count(eventhouse, "T") == 0
    assert listed(eventhouse, f"operations {id_} | project State, Status") == [
        ("Canceled", "Request is canceled: too dear")
    ]


@pytest.mark.slow
def test_nothing_is_canceled_by_an_id_that_nothing_has(eventhouse: Eventhouse) -> None:
    with pytest.raises(EntityNotFound, match="kind 'Operation'"):
        eventhouse.command(f".cancel operation {uuid.uuid4()}")
    with running(eventhouse, lambda: eventhouse.command(".set-or-append T <| print 1", properties=MINE)) as future:
        # A command is no query, whatever its client calls it.
        for id_ in ("nobody", "", "test;1"):
            found = eventhouse.command(f'.cancel query "{id_}"').records()
            assert found == [
                {
                    "ClientRequestId": id_,
                    "ReasonPhrase": "No running query has this id.",
                    "RunningQueryCanceled": False,
                }
            ]
    future.result(PROMPT_SECONDS)
    assert count(eventhouse, "T") == 1


@pytest.mark.slow
def test_an_async_command_goes_on_after_its_answer(eventhouse: Eventhouse) -> None:
    release = threading.Event()
    holder = held(eventhouse, lambda _: None, release)
    ((id_,),) = eventhouse.command(".set-or-append async T <| print 1", work=Work(1.0)).rows()
    assert operation_id(eventhouse) == id_
    release.set()
    holder.join()
    while eventhouse._core.requests.running():
        threading.Event().wait(0.001)
    assert listed(eventhouse, f"operations {id_} | project State") == [("Completed",)]
    assert count(eventhouse, "T") == 1


@pytest.mark.slow
def test_an_async_command_that_fails_at_once_says_so(eventhouse: Eventhouse) -> None:
    with pytest.raises(EntityNotFound, match="'Missing'"):
        eventhouse.command(".append async Missing <| print 1")
    found = listed(eventhouse, "operations | where Operation != 'TableCreate' | project Operation, State")
    assert found == [("TableAppend", "Failed")]


def test_as_many_as_are_remembered_are_listed() -> None:
    requests = Requests()
    for number in range(1_500):
        with requests.listed(Request(Work(), QUERY, f"{number}", "D")):
            pass
    ended = requests.ended()
    assert ([each.text for each in ended], requests.running()) == ([str(number) for number in range(500, 1_500)], ())
    with requests.listed(Request(Work(), QUERY, "x" * 200_000, "D")):
        pass
    assert len(requests.ended()[-1].text) == 65_536
    for _ in range(100):
        with requests.listed(Request(Work(), QUERY, "x" * 200_000, "D")):
            pass
    assert sum(len(each.text) for each in requests.ended()) <= 4 * 1024 * 1024


@pytest.mark.slow
def test_a_running_query_is_canceled_by_its_clients_id(eventhouse: Eventhouse) -> None:
    with ThreadPoolExecutor(2) as pool:
        other = Work()
        futures = [
            pool.submit(eventhouse.query, ENDLESS, properties=MINE),
            pool.submit(eventhouse.query, ENDLESS, work=other),
        ]
        while len(found := listed(eventhouse, "running queries | project ClientActivityId, State, Text")) < 2:
            threading.Event().wait(0.01)
        assert ("test;1", "InProgress", ENDLESS) in found
        (answer,) = eventhouse.command('.cancel query "test;1" with (reason = "no need")').rows()
        with pytest.raises(CancelFault, match="Request is canceled: no need"):
            futures[0].result(PROMPT_SECONDS)
        assert not futures[1].done()
        other.cancel()
        with pytest.raises(KustoError):
            futures[1].result(PROMPT_SECONDS)
    assert answer == ("test;1", "no need", True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "option",
    [
        "servertimeout = 1tick",
        "norequesttimeout = true",
        "truncationmaxsize = 1",
        "query_language = sql",
        "results_v2_fragment_primary_tables = true",
        "request_readonly = true",
    ],
)
def test_what_only_a_request_can_say_has_no_effect_in_its_text(eventhouse: Eventhouse, option: str) -> None:
    (answer,) = eventhouse.query(f"set {option}; range x from 1 to 3 step 1")
    assert list(answer.rows()) == [(1,), (2,), (3,)]
    with pytest.raises(LimitFault, match="E_QUERY_TIMEOUT"):
        eventhouse.query(
            f"set {option}; {ENDLESS}", properties=RequestProperties(options={"servertimeout": "00:00:00.05"})
        )
