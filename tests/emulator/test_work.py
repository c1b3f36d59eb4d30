"""A piece of work: when it has to end, with which words, and who is told."""

import threading
from contextlib import suppress

import pytest

from emulator.errors import CancelFault, LimitFault
from emulator.work import Work, WorkEnded, check_work, doing, joined


def test_work_in_time_goes_on() -> None:
    work = Work(3_600.0, "client;1")
    work.check()
    assert (work.id, work.is_over, work.is_canceled) == ("client;1", False, False)


def test_work_without_a_limit_has_all_the_time() -> None:
    assert Work().seconds_left == float("inf")
    Work().check()


def test_overdue_work_says_how_long_it_might_have_taken() -> None:
    with pytest.raises(LimitFault) as raised:
        Work(0.0).check()
    assert (raised.value.code, raised.value.permanent) == ("E_QUERY_TIMEOUT", False)
    assert raised.value.message == "The request did not finish within its timeout of 0:00:00"


def test_more_time_counts_from_the_start() -> None:
    work = Work(0.0)
    work.allow(3_600.0)
    work.check()
    work.allow(0.0)
    assert work.is_over


@pytest.mark.parametrize(
    ("reason", "message"), [("", "Request is canceled"), ("too dear", "Request is canceled: too dear")]
)
def test_canceled_work_says_why(reason: str, message: str) -> None:
    work = Work(0.0)
    assert work.cancel(reason)
    with pytest.raises(CancelFault) as raised:
        work.check()
    assert (raised.value.message, raised.value.code) == (message, "E_QUERY_CANCELLED")


def test_only_the_first_cancellation_counts() -> None:
    work = Work()
    assert [work.cancel("first"), work.cancel("second")] == [True, False]
    assert work.fault().message == "Request is canceled: first"


def test_who_waits_for_the_cancellation_is_called_once() -> None:
    work, calls = Work(), list[str]()
    gone = lambda: calls.append("gone")  # noqa: E731 - the same object twice
    work.when_canceled(lambda: calls.append("early"))
    work.when_canceled(gone)
    work.forget(gone)
    work.forget(gone)
    work.cancel()
    work.cancel()
    work.when_canceled(lambda: calls.append("late"))
    assert calls == ["early", "late"]


def test_a_thread_asks_for_the_work_it_does() -> None:
    check_work()
    canceled = Work()
    canceled.cancel()
    with pytest.raises(CancelFault), doing(canceled):
        check_work()
    with doing(canceled), doing(Work()):
        check_work()
    check_work()


def test_no_stage_takes_the_end_for_a_fault_of_its_text() -> None:
    overdue = Work(0.0)

    def stage() -> None:
        with suppress(Exception):
            check_work()
        pytest.fail("it was taken for a fault")

    with pytest.raises(LimitFault), doing(overdue):
        stage()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_joined_work_is_over_with_the_first(number: int) -> None:
    works = [Work(3_600.0) for _ in range(number)]
    with joined(works) as work:
        before = work.is_over
        works[-1].cancel()
        assert (before, work.is_over) == (False, True)
    with joined([*works[:-1], Work(0.0)]) as work:
        assert work.is_over


def test_joined_work_is_forgotten_afterwards() -> None:
    works = [Work(), Work()]
    with joined(works) as work:
        pass
    works[0].cancel()
    assert not work.is_over


def test_what_a_thread_does_is_not_what_another_does() -> None:
    canceled = Work()
    canceled.cancel()
    faults: list[WorkEnded] = []

    def ask() -> None:
        try:
            check_work()
        except WorkEnded as ended:
            faults.append(ended)

    with doing(canceled):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert faults == []


def test_one_who_fails_to_hear_of_the_cancellation_keeps_nobody_from_it() -> None:
    work, calls = Work(), list[str]()

    def fail() -> None:
        raise MemoryError

    work.when_canceled(fail)
    work.when_canceled(lambda: calls.append("called"))
    with pytest.raises(MemoryError):
        work.cancel()
    assert (calls, work.is_canceled) == (["called"], True)
