"""Which partition a key goes to: the hash of the Azure clients, Bob Jenkins' lookup3 of 2006 (`hashlittle2`)."""

_MASK = 0xFFFFFFFF
_SEED = 0xDEADBEEF
_BLOCK = 12


def partition_of(key: str, partitions: int) -> int:
    """Return the partition of a key, the same that a client's buffered producer chooses."""
    return _signed16(_hash(key)) % partitions


def _hash(key: str) -> int:
    # The client adds up code points where other languages take UTF-8; for ASCII the two agree.
    units = [ord(character) for character in key]
    if not units:
        return 0
    a = b = c = _SEED + len(units) & _MASK
    start = 0
    while len(units) - start > _BLOCK:
        a, b, c = _mix(*_added(a, b, c, units[start : start + _BLOCK]))
        start += _BLOCK
    tail = units[start:]
    a, b, c = _final(*_added(a, b, c, tail + [0] * (_BLOCK - len(tail))))
    return (c ^ b) & 0xFFFF


def _added(a: int, b: int, c: int, units: list[int]) -> tuple[int, int, int]:
    words = (sum(unit << 8 * position for position, unit in enumerate(units[i : i + 4])) for i in (0, 4, 8))
    first, second, third = words
    return a + first & _MASK, b + second & _MASK, c + third & _MASK


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for rotation in (4, 6, 8, 16, 19, 4):
        a = (a - c & _MASK) ^ _rotated(c, rotation)
        c = c + b & _MASK
        a, b, c = b, c, a
    return a, b, c


def _final(a: int, b: int, c: int) -> tuple[int, int, int]:
    for rotation in (14, 11, 25, 16, 4, 14, 24):
        c = (c ^ b) - _rotated(b, rotation) & _MASK
        a, b, c = b, c, a
    # Seven turns leave the three words one place on.
    return c, a, b


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> 32 - bits) & _MASK


def _signed16(number: int) -> int:
    return number - 0x10000 if number >= 0x8000 else number
