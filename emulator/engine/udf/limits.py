"""How much a function in Python takes at once.

It runs with the lock of the interpreter, so that all that others do in this process waits for each of its calls into C.
"""

from collections.abc import Iterator

from emulator.work import check_work

# UTF-8 bytes of a text, or those of an array's numbers: as much as Kusto lets a value have at most, by the encoding
# policy's MaxValueSize; by default it lets one have 1 MB.
LONGEST = 32 * 1024 * 1024
# The same for functions that cannot go by pieces, or that need time by the square of it.
LONGEST_AT_ONCE, LONGEST_NAME = 1024 * 1024, 4 * 1024

# Characters that a call into C takes in some milliseconds.
PIECE = 256 * 1024


class ValueTooLarge(Exception):
    """A function is given a value, or would make one, that is larger than it may be."""


def pieces(text: str) -> Iterator[str]:
    """Iterate over a text, so much at a time that other threads need not wait; ends with the work of this one."""
    if len(text) <= PIECE:
        yield text
        return
    for start in range(0, len(text), PIECE):
        check_work()
        yield text[start : start + PIECE]


def refuse_above_longest(length: int) -> None:
    """Raise ValueTooLarge for a text that would become longer than a value may be."""
    if length > LONGEST:
        raise ValueTooLarge(f"a function would make a text of more than {LONGEST // 1024 // 1024} MB")
