"""Reading decoded JSON fact by fact: what is not as it must be is a `TypeError`, `LookupError` or `ValueError`.

`read_answer` turns those into `BadData`, so that a parser says only what it expects.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from math import isfinite
from typing import TypeVar

import orjson

from producer.errors import BadData

Json = dict[str, object]
T = TypeVar("T")


def read_answer(source: str, text: str, read: Callable[[object], T]) -> T:
    """Return what `read` makes of a decoded answer; an answer of another shape is `BadData`."""
    try:
        return read(orjson.loads(text))
    except (LookupError, TypeError, ValueError) as error:
        message = f"an answer of another shape: {type(error).__name__}: {error}"
        raise BadData(message, source=source) from error


def json_object(text: str) -> Json | None:
    """Return a text as a JSON object, or None where it is none."""
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None


def mapping(value: object, key: str | None = None) -> Json:
    """Return a value, or a value under a key, that is an object."""
    if key is not None:
        value = mapping(value)[key]
    if not isinstance(value, dict):
        raise TypeError(f"{key or 'value'} is no object")
    return value


def sequence(facts: Json, key: str) -> list[object]:
    """Return the list under a key."""
    value = facts[key]
    if not isinstance(value, list):
        raise TypeError(f"{key} is no list")
    return value


def text_of(facts: Json, key: str) -> str:
    """Return the text under a key."""
    value = facts[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} is no text")
    return value


def number(facts: Json, key: str) -> float:
    """Return the number under a key."""
    value = facts[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{key} is no number")
    return value


def numeral(facts: Json, key: str) -> float:
    """Return the number that the text under a key spells."""
    value = float(text_of(facts, key))
    if not isfinite(value):
        raise ValueError(f"{key} is not finite")
    return value


def whole(value: object) -> int:
    """Return a value that is a whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("a timestamp is no whole number")
    return value


def epoch(facts: Json, key: str) -> datetime:
    """Return the instant that the seconds under a key stand for."""
    return datetime.fromtimestamp(number(facts, key), UTC)


def epoch_ms(facts: Json, key: str) -> datetime:
    """Return the instant that the milliseconds under a key stand for."""
    return datetime.fromtimestamp(number(facts, key) / 1000, UTC)


def rfc3339(facts: Json, key: str) -> datetime:
    """Return the instant under a key, in UTC; digits beyond microseconds are cut off."""
    instant = datetime.fromisoformat(text_of(facts, key))
    if instant.tzinfo is None:
        raise ValueError(f"{key} has no offset from UTC")
    return instant.astimezone(UTC)
