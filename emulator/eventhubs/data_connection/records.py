"""The bodies of events as JSON records, one per line: what a table can take of them, and what not and why."""

from dataclasses import dataclass

import orjson

from emulator.eventhubs.hubs.messages import Event
from emulator.text_forms import json_kind


@dataclass(frozen=True, slots=True)
class Records:
    """The records of an event as lines of JSON; `problem` says what of the event is no record, empty where all is."""

    event: Event
    lines: tuple[bytes, ...]
    problem: str = ""


def read_records(event: Event) -> Records:
    """Read a body: an object, an array of objects, or lines of objects."""
    if not event.body.strip():
        return Records(event, (), "the event has no body")
    whole = _line(event.body)
    if whole is not None:
        return Records(event, (whole,))
    try:
        value = orjson.loads(event.body)
    except orjson.JSONDecodeError as error:
        return _lines(event, str(error))
    if not isinstance(value, list):
        return Records(event, (), f"a record is an object, found {json_kind(value)}")
    objects = [each for each in value if isinstance(each, dict)]
    lines = tuple(line for line in map(_written, objects) if line is not None)
    problems = []
    if others := len(value) - len(objects):
        problems.append(f"{others} of {len(value)} elements are no objects")
    if deep := len(objects) - len(lines):
        problems.append(f"{deep} of {len(value)} elements are nested too deep")
    return Records(event, lines, ", ".join(problems))


def _written(value: object) -> bytes | None:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        # It reads 1024 levels and writes 254.
        return None


def _lines(event: Event, problem: str) -> Records:
    texts = [text for text in event.body.split(b"\n") if text.strip()]
    lines = tuple(line for line in map(_line, texts) if line is not None)
    if not lines:
        return Records(event, (), f"not JSON: {problem}")
    others = len(texts) - len(lines)
    return Records(event, lines, f"{others} of {len(texts)} lines are no JSON objects" if others else "")


def _line(text: bytes) -> bytes | None:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    # Within a string of JSON a line break is always escaped, so that the others can go.
    return text.replace(b"\r", b" ").replace(b"\n", b" ") if isinstance(value, dict) else None
