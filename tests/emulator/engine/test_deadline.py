"""Deadlines: each ends what it was given to end, whatever others came before it or were over in time."""

import threading

from emulator.engine.session.deadline import deadline

LONG, SHORT = 3_600.0, 0.05
PATIENCE = 30.0


def expire() -> bool:
    ended = threading.Event()
    with deadline(SHORT, ended.set) as watched:
        return ended.wait(PATIENCE) and watched.expired


def test_a_short_deadline_beside_a_long_one_expires() -> None:
    ended = threading.Event()
    with deadline(LONG, ended.set) as long:
        assert expire()
    assert not long.expired
    assert not ended.is_set()


def test_deadlines_expire_after_others_were_met() -> None:
    for _ in range(3):
        with deadline(LONG, lambda: None):
            pass
        assert expire()
        with deadline(SHORT, lambda: None) as met:
            pass
        assert not met.expired


def test_many_threads_have_deadlines_of_their_own() -> None:
    expired: list[bool] = []
    threads = [threading.Thread(target=lambda: expired.append(expire())) for _ in range(8)]
    for thread in threads:
        thread.start()
    with deadline(LONG, lambda: None) as long:
        for thread in threads:
            thread.join()
    assert expired == [True] * 8
    assert not long.expired
