"""The filter of known keys: never a key that it denies having, and few that it takes for another."""

import numpy as np
import pytest

from emulator.engine.storage.known_keys import Hashes, KnownKeys


def hashes(seed: int, count: int) -> Hashes:
    return np.random.default_rng(seed).integers(0, 2**64, count, np.uint64, endpoint=False)


@pytest.mark.slow
def test_every_key_that_was_added_is_found_however_the_filter_has_grown() -> None:
    known, added = KnownKeys(), hashes(1, 200_000)
    for first in range(0, len(added), 7_001):
        known.add(added[first : first + 7_001])
    assert len(known) == len(added)
    assert all(known.may_hold_any(added[place : place + 1]) for place in range(0, len(added), 97))


@pytest.mark.slow
def test_few_keys_are_taken_for_known_ones() -> None:
    known, strangers = KnownKeys(), hashes(2, 5_000)
    known.add(hashes(1, 200_000))
    taken = sum(known.may_hold_any(strangers[place : place + 1]) for place in range(len(strangers)))
    assert 0 < taken < len(strangers) / 50


def test_an_empty_filter_knows_nothing() -> None:
    known = KnownKeys()
    assert not known.may_hold_any(hashes(1, 10))
    known.add(hashes(1, 0))
    assert not known.may_hold_any(hashes(1, 10))
