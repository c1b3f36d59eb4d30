"""Deadlines: each ends what it was given to end, whatever others came before it or were over in time."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from emulator.engine.session.deadline import Watch

LONG, SHORT = 3_600.0, 0.05
PATIENCE = 30.0


@pytest.fixture
def watch() -> Iterator[Watch]:
    with closing(Watch()) as opened:
        yield opened


def expire(watch: Watch) -> bool:
    ended = threading.Event()
    with watch.deadline(SHORT, ended.set) as watched:
        return ended.wait(PATIENCE) and watched.expired


def test_a_short_deadline_beside_a_long_one_expires(watch: Watch) -> None:
    ended = threading.Event()
    with watch.deadline(LONG, ended.set) as long:
        assert expire(watch)
    assert not long.expired
    assert not ended.is_set()


def test_deadlines_expire_after_others_were_met(watch: Watch) -> None:
    for _ in range(3):
        with watch.deadline(LONG, lambda: None):
            pass
        assert expire(watch)
        with watch.deadline(SHORT, lambda: None) as met:
            pass
        assert not met.expired


def test_many_threads_have_deadlines_of_their_own(watch: Watch) -> None:
    expired: list[bool] = []
    threads = [threading.Thread(target=lambda: expired.append(expire(watch))) for _ in range(8)]
    for thread in threads:
        thread.start()
    with watch.deadline(LONG, lambda: None) as long:
        for thread in threads:
            thread.join()
    assert expired == [True] * 8
    assert not long.expired


def test_what_is_closed_watches_no_longer() -> None:
    before = set(threading.enumerate())
    watch, ended = Watch(), threading.Event()
    with watch.deadline(LONG, ended.set):
        (thread,) = set(threading.enumerate()) - before
        watch.close()
        thread.join(PATIENCE)
    assert not thread.is_alive()
    assert not ended.is_set()
