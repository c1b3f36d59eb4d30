"""A set of hashes that can be asked, without a search, which keys were certainly never there, and when others came."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Hashes: TypeAlias = npt.NDArray[np.uint64]

# Keys of a section, which has 32 bits for each: 4 MB. A search reads the rows of a section, in 3 ms for one hash and 11
# for a thousand. With larger sections it would take longer, with smaller ones there would be more of them to ask.
SECTION = 1 << 20
# A hash sets four bits in each of three words (a blocked Bloom filter: Putze, Sanders and Singler, 2007). A section
# takes four of a million new keys for known ones: of batches of 1,000 trades every fifth is searched for in one section
# where there are 50. With 24 bits a key it would be 35 in a million, with all bits in one word 310.
_WORD_BITS = 19
_WORDS = 1 << _WORD_BITS
_FACTORS = np.array([1, 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)
_TO_WORD = np.uint64(64 - _WORD_BITS)
_TO_BITS = tuple(np.uint64(64 - _WORD_BITS - 6 * number) for number in (1, 2, 3, 4))
_BIT = np.uint64(63)
_ONE = np.uint64(1)
# Sections are made so many at once at most, the first by itself: their memory counts from when they are made, and is
# used from when they are filled.
_LARGEST_BLOCK = 8
# Hashes that are looked at together, so that what is computed of them stays in the processor's cache: one is added in
# 47 ns, of 2^17 together in 157.
AT_ONCE = 1 << 15


@dataclass(slots=True)
class Span:
    """Ingestion times, from the `first` to the `last`."""

    first: datetime
    last: datetime

    def cover(self, other: "Span") -> None:
        """Have the times of another too."""
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)


class KnownKeys:
    """A filter over 64-bit hashes that are evenly spread, and come in the order of their ingestion times.

    It takes 4 bytes for each, grows by sections, and forgets none but by `forget`; `forgotten` is up to when it has.
    """

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self.forgotten: datetime | None = None

    def __len__(self) -> int:
        return sum(block.count for block in self._blocks)

    def add(self, hashes: Hashes, span: Span) -> None:
        """Hold these hashes, of rows of these times, from now on."""
        while len(hashes):
            if not self._blocks or self._blocks[-1].room == 0:
                self._blocks.append(_Block(min(_LARGEST_BLOCK, 1 << len(self._blocks))))
            hashes = hashes[self._blocks[-1].add(hashes, span) :]

    def spans(self, hashes: Hashes) -> list[Span]:
        """Return when hashes like these were added: spans apart from each other, none if certainly none was."""
        found: list[Span] = []
        is_next = False
        for span, has_any in zip(self._sections(), self._have_any(hashes), strict=True):
            if has_any and is_next:
                found[-1].cover(span)
            elif has_any:
                found.append(Span(span.first, span.last))
            is_next = has_any
        return found

    def forget(self, before: datetime, keep: int) -> None:
        """Let go of what came before a time, but for so many of the latest hashes at least, by whole blocks."""
        while self._blocks and self._blocks[0].last < before and len(self) - self._blocks[0].count >= keep:
            self.forgotten = self._blocks.pop(0).last

    def _sections(self) -> Iterator[Span]:
        for block in self._blocks:
            yield from block.spans

    def _have_any(self, hashes: Hashes) -> list[bool]:
        found = [np.zeros(len(block.spans), np.bool_) for block in self._blocks]
        for first in range(0, len(hashes), AT_ONCE):
            words, bits = _places(hashes[first : first + AT_ONCE])
            for block, sections in zip(self._blocks, found, strict=True):
                sections[block.having(words, bits)] = True
        return [bool(has_any) for sections in found for has_any in sections]


class _Block:
    """Sections in one array, so that a batch asks all of them at once."""

    def __init__(self, sections: int) -> None:
        self.count = 0
        self.spans: list[Span] = []
        self._capacity = sections * SECTION
        self._words = np.zeros((sections, _WORDS), np.uint64)

    @property
    def room(self) -> int:
        return self._capacity - self.count

    @property
    def last(self) -> datetime:
        return max(span.last for span in self.spans)

    def add(self, hashes: Hashes, span: Span) -> int:
        """Add the first of the hashes, for which the current section has room, and return how many."""
        section, used = divmod(self.count, SECTION)
        if used:
            self.spans[-1].cover(span)
        else:
            self.spans.append(Span(span.first, span.last))
        head = hashes[: min(AT_ONCE, SECTION - used)]
        words, bits = _places(head)
        np.bitwise_or.at(self._words[section], words.ravel(), bits.ravel())
        self.count += len(head)
        return len(head)

    def having(self, words: Hashes, bits: Hashes) -> npt.NDArray[np.intp]:
        """Return the sections that may have one of the hashes, by their places."""
        used = self._words[: len(self.spans)]
        # Of new hashes one in thirty passes the first word of a section; only for those the others are looked at.
        sections, columns = np.nonzero((used[:, words[0]] & bits[0]) == bits[0])
        for word, wanted in zip(words[1:], bits[1:], strict=True):
            if not len(columns):
                break
            has = (used[sections, word[columns]] & wanted[columns]) == wanted[columns]
            sections, columns = sections[has], columns[has]
        return sections


def _places(hashes: Hashes) -> tuple[Hashes, Hashes]:
    """Return the words in which hashes set bits, and those bits: arrays of a row for each of the three words."""
    mixed = np.multiply.outer(_FACTORS, hashes)
    first, *others = ((_ONE << ((mixed >> shift) & _BIT)) for shift in _TO_BITS)
    for other in others:
        first |= other
    return mixed >> _TO_WORD, first
