"""The filter of known keys: never a key that it denies having, and few that it takes for another."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from emulator.engine.storage import known_keys
from emulator.engine.storage.known_keys import Hashes, KnownKeys, Span

START = datetime(2026, 1, 1)  # noqa: DTZ001 - ingestion times have no zone


def hashes(seed: int, count: int) -> Hashes:
    return np.random.default_rng(seed).integers(0, 2**64, count, np.uint64, endpoint=False)


def at(first: int, last: int | None = None) -> Span:
    return Span(START + timedelta(seconds=first), START + timedelta(seconds=first if last is None else last))


@pytest.fixture
def small_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a section have ten keys in all its bits, so that it never takes one for another."""
    monkeypatch.setattr(known_keys, "SECTION", 10)


@pytest.mark.slow
def test_every_key_that_was_added_is_found_however_the_filter_has_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_keys, "SECTION", 1_000)
    known, added = KnownKeys(), hashes(1, 50_000)
    for number, first in enumerate(range(0, len(added), 701)):
        known.add(added[first : first + 701], at(number))
    assert len(known) == len(added)
    for place in range(0, len(added), 97):
        found = known.spans(added[place : place + 1])
        came = at(place // 701).first
        assert [span.first <= came <= span.last for span in found] == [True]


@pytest.mark.slow
def test_of_a_million_new_keys_a_full_section_takes_few_for_known_ones() -> None:
    known, strangers = KnownKeys(), hashes(2, 2_000_000)
    known.add(hashes(1, known_keys.SECTION), at(0))
    taken = sum(bool(known.spans(strangers[place : place + 100])) for place in range(0, len(strangers), 100))
    assert 0 < taken < 20


@pytest.mark.slow
def test_a_key_takes_four_bytes() -> None:
    known = KnownKeys()
    known.add(hashes(1, 3 * known_keys.SECTION), at(0))
    assert [block._words.nbytes for block in known._blocks] == [4 * known_keys.SECTION, 8 * known_keys.SECTION]


def test_an_empty_filter_knows_nothing() -> None:
    known = KnownKeys()
    assert known.spans(hashes(1, 10)) == []
    known.add(hashes(1, 0), at(0))
    assert known.spans(hashes(1, 10)) == []


@pytest.mark.parametrize("at_once", [1, 7, 1 << 20])
def test_the_times_of_neighbouring_sections_are_one_span(
    small_sections: None, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(known_keys, "AT_ONCE", at_once)
    known, added = KnownKeys(), hashes(1, 95)
    for number, first in enumerate(range(0, len(added), 5)):
        known.add(added[first : first + 5], at(number))
    spans = [at(2 * section, 2 * section + 1) for section in range(9)]
    assert known.spans(hashes(2, 1_000)) == []
    assert [known.spans(added[place : place + 1]) for place in range(0, 90, 10)] == [[span] for span in spans]
    assert known.spans(added[[0, 11, 12, 35, 60, 94]]) == [at(0, 3), at(6, 7), at(12, 13), at(18)]
    assert known.spans(np.concatenate([hashes(2, 100), added])) == [at(0, 18)]


def test_a_span_that_was_told_stays_as_it_was(small_sections: None) -> None:
    known, added = KnownKeys(), hashes(1, 20)
    known.add(added[:4], at(0))
    told = known.spans(added)
    known.add(added[4:], at(5))
    assert told == [at(0)]
    assert known.spans(added) == [at(0, 5)]
    known.add(hashes(2, 1), at(9))
    assert known.spans(added[:4]) == [at(0, 5)]


def test_what_came_long_ago_is_forgotten_when_enough_is_left(small_sections: None) -> None:
    known, added = KnownKeys(), hashes(1, 90)
    for number in range(9):
        known.add(added[10 * number : 10 * number + 10], at(number))
    # Blocks of one, two, four sections and on.
    for before, keep, left, forgotten in (
        (100, 81, 90, None),
        (0, 0, 90, None),
        (1, 0, 80, 0),
        (2, 0, 80, 0),
        (100, 61, 80, 0),
        (100, 60, 60, 2),
        (7, 0, 20, 6),
        (100, 0, 0, 8),
    ):
        known.forget(at(before).first, keep)
        assert (len(known), known.forgotten) == (left, None if forgotten is None else at(forgotten).first)
        assert bool(known.spans(added[: 90 - left])) is False
        assert all(known.spans(added[place : place + 1]) for place in range(90 - left, 90))
    known.add(added[:1], at(20))
    assert known.spans(added) == [at(20)]
