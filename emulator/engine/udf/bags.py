"""Property bags as JSON text: merging, cutting and looking into them. Numbers keep the way they are written."""

import json
from typing import TypeAlias


class _Number(str):
    """A JSON number by its text, so that 1.0 does not become 1."""

    __slots__ = ()


Json: TypeAlias = "bool | str | _Number | list[Json] | dict[str, Json] | None"


def read(text: str) -> Json:
    """Parse JSON, keeping numbers as written."""
    value: Json = json.loads(text, parse_float=_Number, parse_int=_Number, parse_constant=_Number)
    return value


def write(value: Json) -> str:
    """Write JSON without blanks."""
    match value:
        case _Number():
            return str(value)
        case dict():
            return "{" + ",".join(f"{_quoted(key)}:{write(member)}" for key, member in value.items()) + "}"
        case list():
            return "[" + ",".join(map(write, value)) + "]"
        case str():
            return _quoted(value)
        case _:
            return json.dumps(value)


def merge(bags: str) -> str | None:
    """Return one bag of all members of an array of bags, the first of equal names; what is no bag is left out."""
    merged: dict[str, Json] = {}
    parsed = read(bags)
    if not isinstance(parsed, list):
        return None
    for bag in parsed:
        if isinstance(bag, dict):
            merged |= {name: value for name, value in bag.items() if name not in merged}
    return write(merged)


def remove_keys(bag: str, keys: list[str | None]) -> str | None:
    """Return the bag without the named members."""
    parsed = read(bag)
    if not isinstance(parsed, dict):
        return None
    for key in keys:
        owner, name = _owner(parsed, _path(key or ""))
        if owner is not None:
            owner.pop(name, None)
    return write(parsed)


def set_key(bag: str, key: str, value: str | None) -> str | None:
    """Return the bag with a member set, making the bags on the way to it."""
    parsed = read(bag)
    if not isinstance(parsed, dict):
        return None
    *parents, name = _path(key)
    place = parsed
    for parent in parents:
        inner = place.setdefault(parent, {})
        if not isinstance(inner, dict):
            return None
        place = inner
    place[name] = None if value is None else read(value)
    return write(parsed)


def has_key(bag: str, key: str) -> bool | None:
    """Tell whether a bag has a member."""
    parsed = read(bag)
    if not isinstance(parsed, dict):
        return None
    owner, name = _owner(parsed, _path(key))
    return owner is not None and name in owner


def zip_bag(keys: str, values: str) -> str | None:
    """Return the bag of keys and values; keys that are no strings are left out, missing values are null."""
    names, contents = read(keys), read(values)
    if not isinstance(names, list) or not isinstance(contents, list):
        return None
    filled = contents + [None] * (len(names) - len(contents))
    return write({str(name): value for name, value in zip(names, filled, strict=False) if _is_text(name)})


def zip_arrays(arrays: str) -> str | None:
    """Return the array of tuples of equal positions, as many as the longest array has; missing items are null."""
    parsed = read(arrays)
    if not isinstance(parsed, list) or not all(isinstance(array, list) for array in parsed):
        return None
    lists = [array for array in parsed if isinstance(array, list)]
    length = max((len(array) for array in lists), default=0)
    return write([[array[i] if i < len(array) else None for array in lists] for i in range(length)])


def canonical(text: str) -> str:
    """Return the JSON with the members of every bag in order of their names."""
    return write(_ordered(read(text)))


def sort_arrays(arrays: str, ascending: bool, nulls_last: bool) -> str | None:
    """Return arrays in the order of the first one: numbers before texts; arrays of another length become null."""
    parsed = read(arrays)
    if not isinstance(parsed, list) or not parsed or not isinstance(parsed[0], list):
        return None
    keys = parsed[0]
    numbers = [position for position, key in enumerate(keys) if isinstance(key, _Number)]
    nulls = [position for position, key in enumerate(keys) if key is None]
    others = [position for position, key in enumerate(keys) if key is not None and not isinstance(key, _Number)]
    numbers.sort(key=lambda position: float(str(keys[position])), reverse=not ascending)
    others.sort(key=lambda position: _text(keys[position]), reverse=not ascending)
    present = [*numbers, *others]
    order = [*present, *nulls] if nulls_last else [*nulls, *present]
    return write(
        [
            [array[position] for position in order] if isinstance(array, list) and len(array) == len(keys) else None
            for array in parsed
        ]
    )


def _ordered(value: Json) -> Json:
    match value:
        case dict():
            return {key: _ordered(value[key]) for key in sorted(value)}
        case list():
            return [_ordered(item) for item in value]
        case _:
            return value


def _is_text(value: Json) -> bool:
    return isinstance(value, str) and not isinstance(value, _Number)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else write(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _path(key: str) -> list[str]:
    return key[2:].split(".") if key.startswith("$.") else [key]


def _owner(bag: dict[str, Json], path: list[str]) -> tuple[dict[str, Json] | None, str]:
    *parents, name = path
    place = bag
    for parent in parents:
        inner = place.get(parent)
        if not isinstance(inner, dict):
            return None, name
        place = inner
    return place, name
