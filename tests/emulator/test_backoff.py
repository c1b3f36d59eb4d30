"""Pauses after failures."""

from emulator.backoff import Backoff


def test_a_pause_doubles_up_to_the_limit() -> None:
    backoff = Backoff(0.2, 30.0)
    assert [backoff.pause(failures) for failures in range(1, 11)] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30]


def test_no_number_of_failures_is_too_many() -> None:
    assert Backoff(0.2, 30.0).pause(100_000) == 30.0
