"""`dynamic(...)`: JSON with Kusto's own literals in it, turned into JSON text."""

import json
import re
from decimal import Decimal

from emulator.binder.bind_expressions.constants import read_datetime
from emulator.binder.faults import bad_value
from emulator.errors import SemanticFault
from emulator.syntax.literals import typed_literal
from emulator.text import Span
from emulator.text_forms import datetime_text, timespan_text
from emulator.types import ALIASES, Scalar

_SPACE = re.compile(r"(?:\s|//[^\n]*(?:\n|$))*")
_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_HEXADECIMAL = re.compile(r"0[xX][0-9a-fA-F]+")
_WORD = re.compile(r"[A-Za-z_]\w*")
_TIMESPAN = re.compile(
    r"-?\d+(?:\.\d+)?(?:microseconds?|milliseconds?|seconds?|minutes?|hours?|days?|ticks?|ms|tick|[dhms])\b"
)
_WORDS: dict[str, object] = {"true": True, "false": False, "null": None, "True": True, "False": False}


def read_dynamic(text: str, span: Span) -> str | None:
    """Return the JSON text of a dynamic literal's content, None for `dynamic(null)`."""
    reader = _Reader(text, span)
    value = reader.document()
    return None if value == "null" else value


class _Reader:
    """A recursive reader over the literal's text; its methods return JSON text."""

    def __init__(self, text: str, span: Span) -> None:
        self._text = text
        self._span = span
        self._at = 0

    def document(self) -> str:
        self._skip()
        value = self._value()
        self._skip()
        if self._at != len(self._text):
            raise self._fault()
        return value

    def _skip(self) -> None:
        match = _SPACE.match(self._text, self._at)
        if match is not None:
            self._at = match.end()

    def _fault(self) -> SemanticFault:
        found = self._text[self._at : self._at + 20] or "the end"
        return bad_value(f"dynamic literal is not JSON at '{found}'", self._span)

    def _take(self, text: str) -> bool:
        self._skip()
        if self._text.startswith(text, self._at):
            self._at += len(text)
            return True
        return False

    def _value(self) -> str:
        self._skip()
        character = self._text[self._at : self._at + 1]
        if character == "{":
            return self._bag()
        if character == "[":
            return self._array()
        if character in ('"', "'") or self._text.startswith(("@'", '@"'), self._at):
            return json.dumps(self._string(), ensure_ascii=False)
        if match := _TIMESPAN.match(self._text, self._at):
            return self._typed("timespan", match.end(), match[0])
        if match := _HEXADECIMAL.match(self._text, self._at):
            self._at = match.end()
            return str(int(match[0], 16))
        if match := _NUMBER.match(self._text, self._at):
            self._at = match.end()
            return _json_number(match[0])
        if match := _WORD.match(self._text, self._at):
            return self._word(match)
        raise self._fault()

    def _word(self, match: re.Match[str]) -> str:
        word = match[0]
        if word in _WORDS:
            self._at = match.end()
            return json.dumps(_WORDS[word])
        opening = match.end()
        if (word in ALIASES or word == "dynamic") and self._text.startswith("(", opening):
            return self._call(word, opening)
        raise self._fault()

    def _call(self, word: str, opening: int) -> str:
        closing = _closing(self._text, opening)
        if closing is None:
            raise self._fault()
        content = self._text[opening + 1 : closing]
        if ALIASES[word] is Scalar.DYNAMIC:
            self._at = closing + 1
            return _Reader(content, self._span).document()
        return self._typed(word, closing + 1, content)

    def _typed(self, type_name: str, end: int, content: str) -> str:
        try:
            scalar, value = typed_literal(type_name, content)
        except ValueError as error:
            raise bad_value(f"dynamic literal: {error}", self._span) from None
        self._at = end
        match scalar, value:
            case _, None:
                return "null"
            case Scalar.DATETIME, str():
                return json.dumps(datetime_text(read_datetime(value, self._span)))
            case Scalar.TIMESPAN, int():
                return json.dumps(timespan_text(value))
            case Scalar.DECIMAL, Decimal():
                return json.dumps(str(value))
            case Scalar.REAL, float():
                return _json_number(repr(value))
            case _:
                return json.dumps(value)

    def _string(self) -> str:
        verbatim = self._text[self._at] == "@"
        if verbatim:
            self._at += 1
        quote = self._text[self._at]
        self._at += 1
        parts: list[str] = []
        while True:
            if self._at >= len(self._text):
                raise self._fault()
            character = self._text[self._at]
            self._at += 1
            if character == quote:
                if verbatim and self._text.startswith(quote, self._at):
                    self._at += 1
                    parts.append(quote)
                    continue
                return "".join(parts)
            if character == "\\" and not verbatim:
                parts.append(self._escape())
            else:
                parts.append(character)

    def _escape(self) -> str:
        character = self._text[self._at : self._at + 1]
        self._at += 1
        if character == "u":
            digits = self._text[self._at : self._at + 4]
            self._at += 4
            unit = int(digits, 16)
            if 0xD800 <= unit < 0xDC00 and self._text.startswith("\\u", self._at):
                low = int(self._text[self._at + 2 : self._at + 6], 16)
                self._at += 6
                return chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
            return chr(unit)
        return {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0"}.get(character, character)

    def _array(self) -> str:
        self._take("[")
        items: list[str] = []
        while not self._take("]"):
            items.append(self._value())
            if not self._take(","):
                if not self._take("]"):
                    raise self._fault()
                break
        return f"[{','.join(items)}]"

    def _bag(self) -> str:
        self._take("{")
        items: dict[str, str] = {}
        while not self._take("}"):
            self._skip()
            if self._text[self._at : self._at + 1] not in ('"', "'"):
                raise self._fault()
            key = self._string()
            if not self._take(":"):
                raise self._fault()
            items[key] = self._value()
            if not self._take(","):
                if not self._take("}"):
                    raise self._fault()
                break
        return "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{value}" for key, value in items.items()) + "}"


def _json_number(text: str) -> str:
    """Return a number as JSON writes it: no leading point, no missing digits, no leading zeros."""
    if text.lstrip("-").isdigit():
        return str(int(text))
    try:
        json.loads(text)
    except ValueError:
        return json.dumps(float(text))
    return text


def _closing(text: str, opening: int) -> int | None:
    depth = 0
    quote = ""
    for index in range(opening, len(text)):
        character = text[index]
        if quote:
            if character == quote and text[index - 1] != "\\":
                quote = ""
        elif character in "'\"":
            quote = character
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth == 0:
                return index
    return None
