"""A set of hashes that can be asked, without a search, whether a key was certainly never there."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Hashes: TypeAlias = npt.NDArray[np.uint64]

# Four probes and at least 16 bits a hash: one new hash in 400 is taken for a known one (Bloom, 1970).
_PROBES = 4
_BITS = 16
_FIRST_CAPACITY = 1 << 14


class KnownKeys:
    """A Bloom filter over 64-bit hashes that are evenly spread; it grows, and never forgets a hash."""

    def __init__(self) -> None:
        self._layers: list[_Layer] = []

    def __len__(self) -> int:
        return sum(layer.count for layer in self._layers)

    def add(self, hashes: Hashes) -> None:
        """Hold these hashes from now on."""
        while len(hashes):
            if not self._layers or self._layers[-1].room == 0:
                self._layers.append(_Layer(max(_FIRST_CAPACITY, 2 * len(self), _next_power(len(hashes)))))
            layer = self._layers[-1]
            head, hashes = hashes[: layer.room], hashes[layer.room :]
            layer.add(head)

    def may_hold_any(self, hashes: Hashes) -> bool:
        """Return False only where none of the hashes was ever added."""
        return any(layer.may_hold_any(hashes) for layer in self._layers)


class _Layer:
    def __init__(self, capacity: int) -> None:
        size = _next_power(capacity * _BITS)
        self.count = 0
        self._capacity = capacity
        self._last = np.uint64(size - 1)
        self._bits = np.zeros(size // 8, np.uint8)

    @property
    def room(self) -> int:
        return self._capacity - self.count

    def add(self, hashes: Hashes) -> None:
        for position in self._positions(hashes):
            np.bitwise_or.at(self._bits, position >> np.uint64(3), _bit(position))
        self.count += len(hashes)

    def may_hold_any(self, hashes: Hashes) -> bool:
        held = np.ones(len(hashes), np.bool_)
        for position in self._positions(hashes):
            held &= (self._bits[position >> np.uint64(3)] & _bit(position)) != 0
        return bool(held.any())

    def _positions(self, hashes: Hashes) -> list[Hashes]:
        # Double hashing (Kirsch and Mitzenmacher, 2006), with an odd step so that no probe falls on another.
        step = (hashes >> np.uint64(32)) | np.uint64(1)
        return [(hashes + np.uint64(probe) * step) & self._last for probe in range(_PROBES)]


def _bit(position: Hashes) -> npt.NDArray[np.uint8]:
    return np.left_shift(np.uint8(1), (position & np.uint64(7)).astype(np.uint8))


def _next_power(number: int) -> int:
    return 1 << max(0, number - 1).bit_length()
