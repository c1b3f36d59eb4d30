"""The watch: it ends what is out of time or canceled, until that has ended, and nothing else."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from emulator.engine.session import budget
from emulator.engine.session.deadline import Watch
from emulator.errors import CancelFault, LimitFault
from emulator.work import Work

LONG, SHORT = 3_600.0, 0.05
PATIENCE = 30.0


@pytest.fixture
def watch() -> Iterator[Watch]:
    with closing(Watch()) as opened:
        yield opened


def expire(watch: Watch) -> bool:
    ended = threading.Event()
    work = Work(SHORT)
    with watch.interrupting(work, ended.set):
        return ended.wait(PATIENCE) and work.is_over


def test_a_short_deadline_beside_a_long_one_expires(watch: Watch) -> None:
    ended, long = threading.Event(), Work(LONG)
    with watch.interrupting(long, ended.set):
        assert expire(watch)
    assert not long.is_over
    assert not ended.is_set()


def test_a_deadline_that_was_put_off_does_not_expire(watch: Watch) -> None:
    ended, work = threading.Event(), Work(SHORT)
    with watch.interrupting(work, ended.set):
        work.allow(LONG)
        # By then the watch has looked at both.
        assert expire(watch)
    assert not ended.is_set()


def test_a_deadline_that_is_brought_near_is_one_of_a_step(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECONDS", "LEAST_SECONDS"):
        monkeypatch.setattr(budget, name, SHORT)
    ended, caller = threading.Event(), Work(LONG)
    steps = budget.Budget(caller, budget.Slow())
    with watch.interrupting(steps, ended.set):
        assert expire(watch)
        assert not ended.is_set()
        with pytest.raises(budget.BudgetEnded), steps.step("slow"):
            assert ended.wait(PATIENCE)
    assert not caller.is_over


def test_deadlines_expire_after_others_were_met(watch: Watch) -> None:
    for _ in range(3):
        with watch.interrupting(Work(LONG), lambda: None):
            pass
        assert expire(watch)
        ended = threading.Event()
        with watch.interrupting(Work(SHORT), ended.set):
            pass
        assert not ended.is_set()


def test_many_threads_have_deadlines_of_their_own(watch: Watch) -> None:
    expired: list[bool] = []
    threads = [threading.Thread(target=lambda: expired.append(expire(watch))) for _ in range(8)]
    for thread in threads:
        thread.start()
    ended = threading.Event()
    with watch.interrupting(Work(LONG), ended.set):
        for thread in threads:
            thread.join()
    assert expired == [True] * 8
    assert not ended.is_set()


@pytest.mark.parametrize("seconds", [LONG, None])
def test_what_is_canceled_is_ended_beside_others_that_go_on(watch: Watch, seconds: float | None) -> None:
    ended, other = threading.Event(), threading.Event()
    canceled = Work(seconds)
    with watch.interrupting(Work(seconds), other.set), watch.interrupting(canceled, ended.set):
        assert canceled.cancel()
        assert ended.wait(PATIENCE)
    assert not other.is_set()


def test_it_is_ended_again_until_it_has_ended(watch: Watch) -> None:
    calls = threading.Semaphore(0)
    work = Work(SHORT)
    with watch.interrupting(work, lambda: calls.release()):
        assert [calls.acquire(timeout=PATIENCE) for _ in range(3)] == [True] * 3


def test_what_has_ended_is_not_ended_once_more(watch: Watch) -> None:
    calls, work = threading.Semaphore(0), Work(LONG)
    with watch.interrupting(work, lambda: calls.release()):
        work.cancel()
        assert calls.acquire(timeout=PATIENCE)
    while calls.acquire(blocking=False):
        pass
    # Long enough for the thread to come back to it.
    assert expire(watch)
    assert not calls.acquire(blocking=False)


def test_what_has_to_end_already_does_not_begin(watch: Watch) -> None:
    canceled = Work(LONG)
    canceled.cancel("changed my mind")
    with pytest.raises(CancelFault), watch.interrupting(canceled, lambda: None):
        pytest.fail("it has begun")
    with pytest.raises(LimitFault), watch.interrupting(Work(0.0), lambda: None):
        pytest.fail("it has begun")


def test_what_is_closed_watches_no_longer() -> None:
    before = set(threading.enumerate())
    watch, ended = Watch(), threading.Event()
    with watch.interrupting(Work(LONG), ended.set):
        (thread,) = set(threading.enumerate()) - before
        watch.close()
        thread.join(PATIENCE)
    assert not thread.is_alive()
    assert not ended.is_set()


def test_what_cannot_be_ended_yet_is_ended_again_and_others_beside_it(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    calls = threading.Semaphore(0)

    def fail() -> None:
        calls.release()
        raise MemoryError

    work = Work(SHORT)
    with watch.interrupting(work, fail):
        assert [calls.acquire(timeout=PATIENCE) for _ in range(2)] == [True] * 2
        assert expire(watch)
    assert {record.getMessage() for record in caplog.records} == {"what is over could not be ended yet: MemoryError"}


def test_a_thread_that_could_not_begin_begins_with_the_next_request(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError), watch.interrupting(Work(LONG), lambda: None):
            pytest.fail("it has begun")
    assert expire(watch)
