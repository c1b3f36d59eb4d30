"""JSON texts as values, large ones group by group.

`json.loads` keeps every other thread of the process waiting until it returns, a second for 30 MB, and the garbage
collector does when it passes over millions of lists. So a large container is read in groups of items of some 64 KB, and
a large container within it stays a `Part` of the text until somebody asks for its items.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt

from emulator.work import check_work

# Bytes that are read at once, in some milliseconds.
GROUP = 64 * 1024
# Texts that are joined at once, and values that are sorted at once.
MANY = 16_384

_QUOTE, _BACKSLASH, _COMMA = ord('"'), ord("\\"), ord(",")
_MEMBER = re.compile(rb'\s*("(?:[^"\\]|\\.)*")\s*:\s*', re.DOTALL)


class Part(NamedTuple):
    """A container that is not read yet: its bytes in a UTF-8 text, brackets included."""

    data: bytes
    start: int
    end: int


# Bytes are JSON that is written as it is: a number (1.0 stays 1.0), or a container that nobody looks into.
# The garbage collector would pass over instances of a class of our own, for 0.4 s at a time where there are millions.
Json: TypeAlias = "bool | str | bytes | list[Json] | dict[str, Json] | Part | None"
Array: TypeAlias = "list[Json] | Part"
Bag: TypeAlias = "dict[str, Json] | Part"

_READER = json.JSONDecoder(parse_float=str.encode, parse_int=str.encode, parse_constant=str.encode)
_WRITER = json.JSONEncoder(ensure_ascii=False)


def read(text: str) -> Json:
    """Parse JSON, keeping numbers as written; a large container becomes a `Part`."""
    if len(text) > GROUP:
        data = text.strip().encode()
        if data[:1] in (b"[", b"{"):
            return Part(data, 0, len(data))
    value: Json = _READER.decode(text)
    return value


def is_array(value: Json) -> TypeGuard[Array]:
    """Tell whether a value is an array."""
    return isinstance(value, list) or (isinstance(value, Part) and value.data[value.start : value.start + 1] == b"[")


def is_bag(value: Json) -> TypeGuard[Bag]:
    """Tell whether a value is a bag."""
    return isinstance(value, dict) or (isinstance(value, Part) and value.data[value.start : value.start + 1] == b"{")


def item_groups(array: Array) -> Iterator[list[Json]]:
    """Iterate over groups of an array's items; those of a large array end with the work of this thread."""
    if isinstance(array, list):
        yield array
        return
    for start, end in _groups(array):
        whole = _container(array.data, start, end)
        group: list[Json] = [whole] if whole else _READER.decode(f"[{array.data[start:end].decode()}]")
        yield group


def member_groups(bag: Bag) -> Iterator[dict[str, Json]]:
    """Iterate over groups of a bag's members; a later one of equal names is the one that counts."""
    if isinstance(bag, dict):
        yield bag
        return
    for start, end in _groups(bag):
        named = _MEMBER.match(bag.data, start, end) if end - start > 2 * GROUP else None
        whole = _container(bag.data, named.end(), end) if named else None
        if named and whole:
            yield {json.loads(named[1]): whole}
        else:
            group: dict[str, Json] = _READER.decode(f"{{{bag.data[start:end].decode()}}}")
            yield group


def items(array: Array) -> Iterator[Json]:
    """Iterate over an array's items."""
    return (item for group in item_groups(array) for item in group)


def item_texts(array: Array) -> Iterator[str]:
    """Iterate over an array's items as JSON texts."""
    return (text for group in item_groups(array) for text in map(write, group))


def write(value: Json) -> str:
    """Write JSON without blanks."""
    match value:
        case bytes():
            return value.decode()
        case str():
            return _WRITER.encode(value)
        case dict():
            return "{" + joined(f"{quoted(name)}:{write(member)}" for name, member in value.items()) + "}"
        case list():
            return "[" + joined(map(write, value)) + "]"
        case Part():
            if is_array(value):
                return "[" + ",".join([",".join(map(write, group)) for group in item_groups(value) if group]) + "]"
            # By the names, since a later member replaces an earlier one.
            return write_members(text_members(value))
        case _:
            return _WRITER.encode(value)


def text_members(bag: Bag) -> dict[str, str]:
    """Return a bag's members as JSON texts, which are no containers for the garbage collector."""
    texts: dict[str, str] = {}
    for group in member_groups(bag):
        texts |= {name: write(value) for name, value in group.items()}
    return texts


def write_members(members: dict[str, str]) -> str:
    """Write the bag whose members are JSON texts."""
    return "{" + joined(f"{quoted(name)}:{text}" for name, text in members.items()) + "}"


def joined(texts: Iterable[str]) -> str:
    """Join texts by commas; ends with the work of this thread."""
    rest = iter(texts)
    blocks = []
    while block := list(islice(rest, MANY)):
        check_work()
        blocks.append(",".join(block))
    return ",".join(blocks)


def quoted(text: str) -> str:
    """Write a string."""
    return _WRITER.encode(text)


def _container(data: bytes, start: int, end: int) -> Part | None:
    """Return a single item as a part if it is a container that is too large to be read at once."""
    if end - start <= 2 * GROUP:
        return None
    head, tail = data[start : start + 32].lstrip(), data[end - 32 : end].rstrip()
    return Part(data, start + 32 - len(head), end - 32 + len(tail)) if head[:1] in (b"[", b"{") and tail else None


def _groups(part: Part) -> Iterator[tuple[int, int]]:
    """Iterate over the places of groups of items: whole ones, of at most twice `GROUP` unless it is a single one.

    Raises ValueError for a text that is no JSON as far as its brackets and strings tell.
    """
    begun, end = part.start + 1, part.end - 1
    depth, quoted_before, escaped_before = 0, False, False
    for start in range(begun, end, GROUP):
        check_work()
        block = np.frombuffer(part.data, np.uint8, min(GROUP, end - start), start)
        quotes, escaped_before = _unescaped_quotes(block, escaped_before)
        within = (np.cumsum(quotes, dtype=np.int32) + quoted_before) % 2 == 1
        quoted_before = bool(within[-1])
        # Brackets differ from braces in the bit of 0x20.
        folded = block | 0x20
        levels = (folded == ord("{")).astype(np.int32) - (folded == ord("}"))
        levels[within] = 0
        depths = depth + np.cumsum(levels)
        depth = int(depths[-1])
        commas = np.flatnonzero((block == _COMMA) & ~within & (depths == 0)) + start
        if len(commas) == 0:
            continue
        first, last = int(commas[0]), int(commas[-1])
        if first - begun > GROUP:
            yield begun, first
            begun = first + 1
        if last >= begun:
            yield begun, last
            begun = last + 1
    if depth or quoted_before:
        raise ValueError("a text is no JSON")
    yield begun, end


def _unescaped_quotes(block: npt.NDArray[np.uint8], escaped: bool) -> tuple[npt.NDArray[np.bool_], bool]:
    """Return where strings begin or end, and whether the first byte after the block is escaped."""
    quotes = block == _QUOTE
    places = np.flatnonzero(block == _BACKSLASH)
    if escaped:
        quotes[0] = False
        places = places[1:] if len(places) and places[0] == 0 else places
    if len(places) == 0:
        return quotes, False
    # Of a run of backslashes, each second one is escaped itself.
    counts = np.arange(len(places))
    begins = np.concatenate(([True], np.diff(places) != 1))
    runs = np.maximum.accumulate(np.where(begins, counts, 0))
    escapes = places[(counts - runs) % 2 == 0] + 1
    reaches = bool(escapes[-1] == len(block))
    quotes[escapes[:-1] if reaches else escapes] = False
    return quotes, reaches
