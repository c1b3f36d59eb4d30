"""Large JSON documents read piece by piece: a parser in C lets no other thread run until it is done.

What is large in a request is a text; everything else in it is small, or refused.
"""

import re
from collections.abc import Callable
from uuid import uuid4

import orjson

from emulator.server.errors import PayloadFault

# To parse so much takes some milliseconds, of the worst that it may be, empty lists, twenty.
_AT_ONCE = 1 << 20
_MOST_BESIDE = 1 << 20
# A string of fewer bytes stays where it is.
_LONG = 256
_QUOTE = b'"'
_IN_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
# What can be cut behind: not within an escape, nor between the halves of a pair of surrogates.
_WHOLE = re.compile(
    rb"(?:[^\\]++|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4}|\\u(?![dD][89abAB])[0-9a-fA-F]{4}|\\[^u])*+", re.DOTALL
)
_CONTINUES, _KIND = 0b1000_0000, 0b1100_0000


def load_large(data: bytes, check: Callable[[], None]) -> object:
    """Return what a document says; `check` is called between pieces, and may end it.

    Raises orjson.JSONDecodeError, and PayloadFault for more than 1 MB beside its long strings.
    """
    if len(data) <= _AT_ONCE:
        return orjson.loads(data)
    # No string of a client is taken for one of the marks that stand where long strings were.
    mark = uuid4().hex
    rest, texts = bytearray(), dict[str, str]()
    position = 0
    while position < len(data):
        check()
        begin = data.find(_QUOTE, position)
        end = len(data) if begin < 0 else _end_of_string(data, begin + 1, check)
        if begin >= 0 and end - begin > _LONG:
            _add(rest, data, position, begin)
            name = f"{mark}{len(texts)}"
            rest += orjson.dumps(name)
            texts[name] = _text(data, begin + 1, end - 1, check)
        else:
            _add(rest, data, position, end)
        position = end
    return _restored(orjson.loads(rest), texts)


def _add(rest: bytearray, data: bytes, start: int, end: int) -> None:
    if len(rest) + end - start > _MOST_BESIDE:
        raise PayloadFault(f"The request has more than {_MOST_BESIDE} bytes beside its text")
    rest += data[start:end]


def _end_of_string(data: bytes, position: int, check: Callable[[], None]) -> int:
    """Return where a string ends, behind its quote."""
    while position + 1 < len(data):
        check()
        if match := _IN_STRING.match(data, position, position + _AT_ONCE):
            position = match.end()
        if data[position : position + 1] == _QUOTE:
            return position + 1
    raise orjson.JSONDecodeError("a string does not end", "", 0)


def _text(data: bytes, start: int, end: int, check: Callable[[], None]) -> str:
    parts: list[str] = []
    while start < end:
        check()
        cut = end if end - start <= _AT_ONCE else _cut(data, start, start + _AT_ONCE)
        parts.append(orjson.loads(b'"%b"' % data[start:cut]))
        start = cut
    return "".join(parts)


def _cut(data: bytes, start: int, limit: int) -> int:
    match = _WHOLE.match(data, start, limit)
    cut = start if match is None else match.end()
    while cut > start and data[cut] & _KIND == _CONTINUES:
        cut -= 1
    # Where nothing is whole the parser says what is wrong with it.
    return cut if cut > start else limit


def _restored(document: object, texts: dict[str, str]) -> object:
    """Put the long strings back where they stood."""
    whole = [document]
    # Without recursion: a document may be nested more deeply than Python calls.
    nodes: list[object] = [whole]
    while nodes:
        node = nodes.pop()
        if isinstance(node, list):
            node[:] = [texts.get(each, each) if isinstance(each, str) else each for each in node]
            nodes += [each for each in node if isinstance(each, list | dict)]
        elif isinstance(node, dict):
            for name in [name for name in node if name in texts]:
                node[texts[name]] = node.pop(name)
            for name, each in node.items():
                if isinstance(each, str):
                    node[name] = texts.get(each, each)
                elif isinstance(each, list | dict):
                    nodes.append(each)
    return whole[0]
