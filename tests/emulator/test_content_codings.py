"""Gzip without its bombs."""

import gzip
import zlib

import pytest

from emulator.content_codings import GzipTooLarge, gunzip

MEMBER = gzip.compress(b"some text\n" * 1_000)


def test_members_follow_one_another_and_what_is_behind_them_is_passed_over() -> None:
    assert gunzip(MEMBER * 3 + gzip.compress(b"") + b"\0\0", 10**6) == b"some text\n" * 3_000
    twice = gzip.compress(gzip.compress(b"twice"))
    assert gunzip(gunzip(twice, 10**6), 10**6) == b"twice"


def test_more_than_the_limit_is_refused_however_it_is_cut() -> None:
    assert len(gunzip(MEMBER * 10, 100_000)) == 100_000
    for data in (MEMBER * 11, gzip.compress(bytes(100_001)), MEMBER * 10 + gzip.compress(b"x")):
        with pytest.raises(GzipTooLarge, match="more than 100000 bytes"):
            gunzip(data, 100_000)


def test_many_small_members_cost_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    # What is given beyond the end of a member is copied; the whole rest each time would be 150 GB.
    given: list[int] = []
    real = zlib.decompressobj

    class Stream:
        def __init__(self, window: int) -> None:
            self._stream = real(window)

        def decompress(self, data: bytes, most: int) -> bytes:
            given.append(len(data))
            return self._stream.decompress(data, most)

        def __getattr__(self, name: str) -> object:
            return getattr(self._stream, name)

    monkeypatch.setattr(zlib, "decompressobj", Stream)
    empty = gzip.compress(b"")
    assert gunzip(empty * 5_000, 10) == b""
    assert sum(given) <= 5_000 * 512
    monkeypatch.setattr("emulator.content_codings.MOST_MEMBERS", 5_000)
    with pytest.raises(GzipTooLarge, match="more than 5000 members"):
        gunzip(empty * 5_001, 10)


def test_what_is_cut_or_damaged_says_so() -> None:
    for cut in (1, 8, 9, len(MEMBER) - 3):
        with pytest.raises(EOFError):
            gunzip(MEMBER[:-cut], 10**6)
    with pytest.raises(zlib.error):
        gunzip(MEMBER[:20] + b"\xff" * 20 + MEMBER[40:], 10**6)
