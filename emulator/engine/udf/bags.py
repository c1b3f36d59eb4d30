"""Property bags and arrays as JSON text: merging, cutting and looking into them. Numbers keep the way they are written.

Large ones are gone through group by group (`json_parts`), and what they hold is kept as text.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from heapq import merge as merge_sorted
from itertools import chain, repeat, zip_longest
from typing import Any, TypeVar

import numpy as np

from emulator.engine.udf.json_parts import (
    MANY,
    Array,
    Json,
    Part,
    is_array,
    is_bag,
    item_groups,
    item_texts,
    items,
    joined,
    member_groups,
    read,
    text_members,
    write,
    write_members,
)
from emulator.engine.udf.limits import ValueTooLarge
from emulator.work import check_work

T = TypeVar("T")

# As many as an array may have that `range`, `repeat` or an aggregate makes.
_SORTED_ITEMS = 1_048_576


def merge(bags: str) -> str | None:
    """Return one bag of all members of an array of bags, the first of equal names; what is no bag is left out."""
    parsed = read(bags)
    if not is_array(parsed):
        return None
    merged: dict[str, str] = {}
    for bag in items(parsed):
        if isinstance(bag, dict):
            merged |= {name: write(value) for name, value in bag.items() if name not in merged}
        elif is_bag(bag):
            merged |= {name: text for name, text in text_members(bag).items() if name not in merged}
    return write_members(merged)


def remove_keys(bag: str, keys: list[str | None]) -> str | None:
    """Return the bag without the named members."""
    paths = [_path(key or "") for key in keys]
    parsed = _opened(read(bag), paths)
    if parsed is None:
        return None
    for path in paths:
        owner, name = _owner(parsed, path, paths)
        if owner is not None:
            owner.pop(name, None)
    return write(parsed)


def set_key(bag: str, key: str, value: str | None) -> str | None:
    """Return the bag with a member set, making the bags on the way to it."""
    path = _path(key)
    place = parsed = _opened(read(bag), [path])
    if place is None:
        return None
    *parents, name = path
    for parent in parents:
        inner = _opened(place.setdefault(parent, {}), [path])
        if inner is None:
            return None
        place[parent] = place = inner
    place[name] = None if value is None else read(value)
    return write(parsed)


def has_key(bag: str, key: str) -> bool | None:
    """Tell whether a bag has a member."""
    path = _path(key)
    parsed = _opened(read(bag), [path])
    if parsed is None:
        return None
    owner, name = _owner(parsed, path, [path])
    return owner is not None and name in owner


def zip_bag(keys: str, values: str) -> str | None:
    """Return the bag of keys and values; keys that are no strings are left out, missing values are null."""
    names, contents = read(keys), read(values)
    if not is_array(names) or not is_array(contents):
        return None
    filled = chain(item_texts(contents), repeat("null"))
    return write_members(
        {name: text for name, text in zip(items(names), filled, strict=False) if isinstance(name, str)}
    )


def zip_arrays(arrays: str) -> str | None:
    """Return the array of tuples of equal positions, as many as the longest array has; missing items are null."""
    parsed = read(arrays)
    if not is_array(parsed):
        return None
    given = list(items(parsed))
    lists = [array for array in given if is_array(array)]
    if len(lists) < len(given):
        return None
    rows = zip_longest(*map(item_texts, lists), fillvalue="null")
    return "[" + joined(f"[{','.join(row)}]" for row in rows) + "]"


def canonical(text: str) -> str:
    """Return the JSON with the members of every bag in order of their names."""
    return _canonical(read(text))


def sort_arrays(arrays: str, ascending: bool, nulls_last: bool) -> str | None:
    """Return arrays in the order of the first one: numbers before texts; arrays of another length become null."""
    parsed = read(arrays)
    if not is_array(parsed):
        return None
    lists = items(parsed)
    keys = next(lists, None)
    if not is_array(keys):
        return None
    order = _order(keys, ascending, nulls_last)
    return "[" + ",".join([_arranged(array, order) for array in chain([keys], lists)]) + "]"


def _order(keys: Array, ascending: bool, nulls_last: bool) -> list[int]:
    """Return the positions of keys in their order."""
    numbers: dict[int, float] = {}
    texts: dict[int, str] = {}
    nulls: list[int] = []
    start = 0
    for group in item_groups(keys):
        for position, key in enumerate(group, start):
            if key is None:
                nulls.append(position)
            elif isinstance(key, bytes):
                numbers[position] = float(key)
            else:
                texts[position] = key if isinstance(key, str) else write(key)
        start += len(group)
        if start > _SORTED_ITEMS:
            raise ValueTooLarge(f"an array to sort has more than {_SORTED_ITEMS:,} items")
    present = [
        *_sorted_numbers(numbers, reverse=not ascending),
        *_sorted(list(texts), texts.__getitem__, reverse=not ascending),
    ]
    return [*present, *nulls] if nulls_last else [*nulls, *present]


def _sorted_numbers(numbers: dict[int, float], *, reverse: bool) -> Iterable[int]:
    if len(numbers) <= MANY:
        return sorted(numbers, key=numbers.__getitem__, reverse=reverse)
    values = np.fromiter(numbers.values(), np.float64, len(numbers))
    order = np.argsort(-values if reverse else values, kind="stable")
    positions: list[int] = np.fromiter(numbers, np.int64, len(numbers))[order].tolist()
    return positions


def _arranged(array: Json, order: list[int]) -> str:
    if not is_array(array):
        return "null"
    texts = list(item_texts(array))
    return "[" + joined(texts[position] for position in order) + "]" if len(texts) == len(order) else "null"


def _sorted(values: list[T], key: Callable[[T], Any], *, reverse: bool = False) -> Iterable[T]:
    """Sort without keeping other threads waiting, and end with the work of this one."""
    if len(values) <= MANY:
        return sorted(values, key=key, reverse=reverse)
    blocks = []
    for start in range(0, len(values), MANY):
        check_work()
        blocks.append(sorted(values[start : start + MANY], key=key, reverse=reverse))
    return _watched(merge_sorted(*blocks, key=key, reverse=reverse))


def _watched(values: Iterable[T]) -> Iterator[T]:
    for count, value in enumerate(values):
        if count % MANY == 0:
            check_work()
        yield value


def _canonical(value: Json) -> str:
    if not isinstance(value, Part):
        return write(_ordered(value))
    if is_array(value):
        return "[" + ",".join([",".join(map(_canonical, group)) for group in item_groups(value) if group]) + "]"
    texts: dict[str, str] = {}
    for group in member_groups(value):
        texts |= {name: _canonical(member) for name, member in group.items()}
    return write_members({name: texts[name] for name in _sorted(list(texts), str)})


def _ordered(value: Json) -> Json:
    match value:
        case dict():
            return {name: _ordered(value[name]) for name in sorted(value)}
        case list():
            return [_ordered(item) for item in value]
        case _:
            return value


def _path(key: str) -> list[str]:
    return key[2:].split(".") if key.startswith("$.") else [key]


def _opened(value: Json, paths: Collection[list[str]]) -> dict[str, Json] | None:
    """Return a bag's members, of a large one those that are on no path as text; None for what is no bag."""
    if isinstance(value, dict):
        return value
    if not is_bag(value):
        return None
    asked = {name for path in paths for name in path}
    opened: dict[str, Json] = {}
    for group in member_groups(value):
        for name, member in group.items():
            read_on = name in asked or not isinstance(member, dict | list)
            opened[name] = member if read_on else write(member).encode()
    return opened


def _owner(bag: dict[str, Json], path: list[str], paths: Collection[list[str]]) -> tuple[dict[str, Json] | None, str]:
    """Return the bag that a path's last name belongs to, opened in its place, and that name."""
    *parents, name = path
    place = bag
    for parent in parents:
        inner = _opened(place.get(parent), paths)
        if inner is None:
            return None, name
        place[parent] = place = inner
    return place, name
