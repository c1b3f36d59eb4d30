"""xxHash64 with seed 0: the XXH64 algorithm of the xxHash specification."""

from emulator.work import check_work

_PRIME_1 = 0x9E3779B185EBCA87
_PRIME_2 = 0xC2B2AE3D27D4EB4F
_PRIME_3 = 0x165667B19E3779F9
_PRIME_4 = 0x85EBCA77C2B2AE63
_PRIME_5 = 0x27D4EB2F165667C5
_MASK = (1 << 64) - 1
# Bytes between two looks at the clock: 15 ms.
_CHECKED = 65_536


def hash_text(text: str) -> int:
    """Return the hash of a text's UTF-8 bytes as a signed number."""
    return _signed(_xxhash64(text.encode()))


def hash_number(number: int) -> int:
    """Return the hash of a 64-bit number as a signed number."""
    return _signed(_xxhash64((number & _MASK).to_bytes(8, "little")))


def _xxhash64(data: bytes) -> int:
    length = len(data)
    stripes = length // 32 * 32
    hashed = _hash_stripes(data[:stripes]) if stripes else _PRIME_5
    return _avalanche(_hash_rest((hashed + length) & _MASK, data[stripes:]))


def _hash_stripes(data: bytes) -> int:
    lanes = [(_PRIME_1 + _PRIME_2) & _MASK, _PRIME_2, 0, -_PRIME_1 & _MASK]
    for start in range(0, len(data), 32):
        if start % _CHECKED == 0:
            check_work()
        for lane in range(4):
            word = int.from_bytes(data[start + 8 * lane : start + 8 * lane + 8], "little")
            lanes[lane] = _round(lanes[lane], word)
    hashed = sum(_rotated(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True)) & _MASK
    for lane in lanes:
        hashed = ((hashed ^ _round(0, lane)) * _PRIME_1 + _PRIME_4) & _MASK
    return hashed


def _hash_rest(hashed: int, data: bytes) -> int:
    while len(data) >= 8:
        mixed = hashed ^ _round(0, int.from_bytes(data[:8], "little"))
        hashed = (_rotated(mixed, 27) * _PRIME_1 + _PRIME_4) & _MASK
        data = data[8:]
    if len(data) >= 4:
        mixed = hashed ^ (int.from_bytes(data[:4], "little") * _PRIME_1 & _MASK)
        hashed = (_rotated(mixed, 23) * _PRIME_2 + _PRIME_3) & _MASK
        data = data[4:]
    for byte in data:
        hashed = _rotated(hashed ^ (byte * _PRIME_5 & _MASK), 11) * _PRIME_1 & _MASK
    return hashed


def _avalanche(hashed: int) -> int:
    hashed = (hashed ^ hashed >> 33) * _PRIME_2 & _MASK
    hashed = (hashed ^ hashed >> 29) * _PRIME_3 & _MASK
    return hashed ^ hashed >> 32


def _round(lane: int, word: int) -> int:
    return _rotated((lane + word * _PRIME_2) & _MASK, 31) * _PRIME_1 & _MASK


def _rotated(number: int, bits: int) -> int:
    return (number << bits | number >> (64 - bits)) & _MASK


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number
