"""The records of JSON payloads as text, one each: lines, or documents wherever they stand."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from emulator.engine.ingestion.separated import LONGEST_RECORD, decode
from emulator.errors import IngestionFault
from emulator.work import check_work

_BETWEEN_DOCUMENTS = re.compile(r"[\s,]*")
_EMPTY_ARRAYS = re.compile(r"(?:\[[ \t\r\n]*+\][\s,]*+)++")
_SPACE = re.compile(r"[ \t\r\n]*")
_KEY = re.compile(r'"\s*:')
_SCANNED_AT_ONCE = 1 << 22
_DOCUMENTS_AT_ONCE = 1 << 16
_NEW_LINE = b"\n"[0]


@dataclass(frozen=True, slots=True)
class Record:
    """The text of a record, with each key once, and its members."""

    text: str
    members: Mapping[str, object]


def record(line: str) -> Record | None:
    """Read a record, of a key that stands twice the last; None for what may be no record."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        # What DuckDB takes beyond the standard, as a comma at the end, is not known here.
        return None
    if not isinstance(found, dict):
        return None
    # A flat record as programs write it has a colon behind each key, and no key but these.
    if line.count('":') == len(found) and '" ' not in line and '"\t' not in line and '"\r' not in line:
        return Record(line, found)
    return Record(line if len(_KEY.findall(line)) == len(found) else last_of_each(line), found)


def last_of_each(line: str) -> str:
    """Return the text of a record with the last of the values that a key has in its object; numbers keep their text."""
    repeats = False

    def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal repeats
        found = dict(pairs)
        repeats = repeats or len(found) < len(pairs)
        return found

    try:
        document = json.loads(line, object_pairs_hook=members, parse_float=orjson.Fragment, parse_int=orjson.Fragment)
    except (ValueError, RecursionError):
        return line
    if not repeats:
        return line
    try:
        return orjson.dumps(document).decode()
    except TypeError:
        return json.dumps(json.loads(line))


def line_array(data: bytes) -> pa.ChunkedArray:
    """Return the lines of a large payload that are not blank; they point into it, so they cost their offsets."""
    buffer, text = pa.py_buffer(data), np.frombuffer(data, np.uint8)
    chunks: list[pa.Array] = []
    begin = 0
    for start in range(0, len(data), _SCANNED_AT_ONCE):
        ends = np.flatnonzero(text[start : start + _SCANNED_AT_ONCE] == _NEW_LINE) + start + 1
        if start + _SCANNED_AT_ONCE >= len(data) and (not len(ends) or ends[-1] < len(data)):
            ends = np.append(ends, len(data))
        if not len(ends):
            continue
        offsets = np.concatenate(([begin], ends)).astype(np.int32)
        begin = int(ends[-1])
        lines = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), buffer)
        try:
            lines.validate(full=True)
        except pa.ArrowInvalid:
            decode(data)
            raise
        chunks.append(lines.filter(pc.invert(pc.utf8_is_space(lines))))
    return _checked(pa.chunked_array(chunks, pa.string()))


def pieces_of_lines(data: bytes) -> Iterator[tuple[int, int]]:
    """Iterate over the beginnings and ends of pieces of a payload, of some megabytes or a line, each of whole lines."""
    start = 0
    while start < len(data):
        check_work()
        end = data.rfind(b"\n", start, start + _SCANNED_AT_ONCE) + 1
        if not end:
            end = data.find(b"\n", start + _SCANNED_AT_ONCE) + 1 or len(data)
        yield start, end
        start = end


def document_array(data: bytes) -> pa.ChunkedArray:
    """Return the documents of a large payload, some at a time: a Python object takes far more than its text."""
    found = documents(decode(data))
    chunks: list[pa.Array] = []
    while some := list(islice(found, _DOCUMENTS_AT_ONCE)):
        check_work()
        chunks.append(pa.array(some, pa.string()))
    return _checked(pa.chunked_array(chunks, pa.string()))


def texts(lines: pa.ChunkedArray) -> Iterator[str]:
    """Iterate over lines as Python's strings, a chunk at a time."""
    for chunk in lines.chunks:
        for start in range(0, len(chunk), _DOCUMENTS_AT_ONCE):
            yield from chunk.slice(start, _DOCUMENTS_AT_ONCE).to_pylist()


def documents(text: str) -> Iterator[str]:
    """Iterate over the documents of a text and the elements of arrays among them, each as a line."""
    decoder = json.JSONDecoder()
    row = 1
    position = _skip(_BETWEEN_DOCUMENTS, text, 0)
    in_array = False
    while position < len(text):
        if not in_array and text[position] == "[":
            if empty := _EMPTY_ARRAYS.match(text, position, position + _SCANNED_AT_ONCE):
                check_work()
                position = _skip(_BETWEEN_DOCUMENTS, text, empty.end())
                continue
            in_array, position = True, _skip(_SPACE, text, position + 1)
            if text.startswith("]", position):
                check_work()
                in_array, position = False, _skip(_BETWEEN_DOCUMENTS, text, position + 1)
            continue
        document, position = _decoded(decoder, text, position, row)
        yield _text(document)
        row += 1
        if not in_array:
            position = _skip(_BETWEEN_DOCUMENTS, text, position)
            continue
        position = _skip(_SPACE, text, position)
        mark = text[position : position + 1]
        if mark == "]":
            in_array, position = False, _skip(_BETWEEN_DOCUMENTS, text, position + 1)
        elif mark == ",":
            position = _skip(_SPACE, text, position + 1)
        else:
            raise malformed(row, f"a comma or a bracket is due at character {position + 1}")
    if in_array:
        raise malformed(row, "the array does not end")


def malformed(row: int, problem: str) -> IngestionFault:
    """Return the fault of a row that is no record."""
    return IngestionFault(f"Row {row} is not a JSON record: {problem}.", "BadRequest_InvalidJson")


def _decoded(decoder: json.JSONDecoder, text: str, position: int, row: int) -> tuple[object, int]:
    try:
        return decoder.raw_decode(text, position)
    except RecursionError as error:
        raise malformed(row, "it is nested too deeply") from error
    except ValueError as error:
        raise malformed(row, str(error)) from error


def _text(document: object) -> str:
    try:
        return orjson.dumps(document).decode()
    except TypeError:
        # A number of more than 64 bits, half a surrogate pair, or many levels.
        return json.dumps(document)


def _checked(lines: pa.ChunkedArray) -> pa.ChunkedArray:
    lengths = pc.binary_length(lines)
    if len(lines) and pc.max(lengths).as_py() > LONGEST_RECORD:
        row = pc.index(pc.greater(lengths, LONGEST_RECORD), True).as_py() + 1
        raise IngestionFault(f"Row {row} is longer than {LONGEST_RECORD} bytes.", "Stream_InputStreamTooLarge")
    return lines


def _skip(what: re.Pattern[str], text: str, position: int) -> int:
    while match := what.match(text, position, position + _SCANNED_AT_ONCE):
        if match.end() < position + _SCANNED_AT_ONCE:
            return match.end()
        check_work()
        position = match.end()
    return position
