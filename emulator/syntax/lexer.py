"""KQL text to tokens. Scanning always succeeds: what is no token becomes an error token with its reason."""

import re
from collections.abc import Iterator
from itertools import islice

from emulator.syntax.literals import TIMESPAN_UNITS, integer, timespan_ticks, typed_literal, unescape
from emulator.syntax.tokens import Token, TokenKind
from emulator.types import Scalar
from emulator.work import check_work

# The spellings whose `name(text)` is one literal token, not a call; the parenthesis must follow without a blank.
_TYPED_LITERALS = "datetime|date|timespan|time|guid|uuid|uniqueid|int32|int64|int|long|real|double|decimal|boolean|bool"

# Names are ASCII; blanks are those of KqlTokens.g4, `WHITESPACE`, and the line separators of Unicode.
_WORD = r"[^\W\d]\w*"
_BLANKS = r"\u0085\u00a0\u1680\u180e\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
_TOKEN = re.compile(
    rf"""
      (?P<skipped>(?:[\s{_BLANKS}]+|//[^\r\n\u2028\u2029]*)+)
    | (?P<guid>[0-9a-fA-F]{{8}}(?:-[0-9a-fA-F]{{4}}){{3}}-[0-9a-fA-F]{{12}}(?!\w))
    | (?P<string>[hH]?(?:
          "(?:[^"\\\r\n]|\\[^\r\n])*" | '(?:[^'\\\r\n]|\\[^\r\n])*'
        | @"(?:[^"\r\n]|"")*" | @'(?:[^'\r\n]|'')*'
        | ```.*?``` | ~~~.*?~~~ ))
    | (?P<typed>(?:{_TYPED_LITERALS})\((?P<content>[^)]*)\))
    | (?P<dynamic>dynamic\s*\()
    | (?P<name>in~ | \$?{_WORD} | !(?:in~ | {_WORD}))
    | (?P<real>\d+(?:\.(?!\.)\d*(?:[eE][+-]?\d+)?|[eE][+-]?\d+)(?!\w))
    | (?P<timespan>(?P<amount>\d+(?:\.\d+)?)(?P<unit>{"|".join(TIMESPAN_UNITS)})(?!\w))
    | (?P<long>(?:0[xX][0-9a-fA-F]+|\d+)(?!\w))
    | (?P<digits_name>\d+[^\W\d]\w*)
    | (?P<punctuation><\| | => | == | =~ | != | !~ | <= | >= | <> | \.\. | [()\[\]{{}},;:|.=+\-*/%<>@?])
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_OPENERS = {"(": ")", "[": "]", "{": "}"}
_TOKENS_BETWEEN_CHECKS = 1024
_UNTERMINATED = re.compile(r"[hH]?(?:@?[\"']|```|~~~)")


def scan(source: str) -> list[Token]:
    """Return the tokens of a text, ending with an END token; blanks and `//` comments leave none."""
    tokens: list[Token] = []
    scanning = scan_from(source, 0)
    while some := list(islice(scanning, _TOKENS_BETWEEN_CHECKS)):
        check_work()
        tokens += some
    return tokens


def scan_from(source: str, position: int) -> Iterator[Token]:
    """Yield the tokens from an offset on; what follows a token is not looked at before the next one is asked for."""
    length = len(source)
    match_at = _TOKEN.match
    while position < length:
        match = match_at(source, position)
        if match is None:
            token = _unknown(source, position)
        else:
            end = match.end()
            match match.lastgroup:
                case "skipped":
                    position = end
                    continue
                case "name" | "digits_name":
                    token = Token(TokenKind.NAME, match[0], position, end)
                case "punctuation":
                    token = Token(TokenKind.PUNCTUATION, match[0], position, end)
                case "guid":
                    token = Token(TokenKind.RAW_GUID, match[0], position, end, None, match[0].lower())
                case "dynamic":
                    token = _dynamic(source, position, end)
                case _:
                    token = _literal(match, position, end)
        yield token
        position = token.end
    yield Token(TokenKind.END, "", length, length)


def string_value(text: str) -> str:
    """Decode a string literal with its quotes and prefixes; raises ValueError for a bad escape."""
    start = 1 if text[0] in "hH" else 0
    quote = text[start]
    if quote == "@":
        quote = text[start + 1]
        return text[start + 2 : -1].replace(quote * 2, quote)
    if quote in "`~":
        return text[start + 3 : -3]
    return unescape(text[start + 1 : -1])


def _literal(match: re.Match[str], start: int, end: int) -> Token:
    text = match[0]
    try:
        # A group inside an alternative ends after it, so `lastgroup` names the alternative, never its parts.
        match match.lastgroup:
            case "string":
                return Token(TokenKind.STRING, text, start, end, Scalar.STRING, string_value(text))
            case "long":
                return Token(TokenKind.LITERAL, text, start, end, Scalar.LONG, integer(text, 64))
            case "real":
                return Token(TokenKind.LITERAL, text, start, end, Scalar.REAL, float(text))
            case "timespan":
                ticks = timespan_ticks(match["amount"], match["unit"])
                return Token(TokenKind.LITERAL, text, start, end, Scalar.TIMESPAN, ticks)
            case _:
                scalar, value = typed_literal(text[: text.index("(")], match["content"])
                return Token(TokenKind.LITERAL, text, start, end, scalar, value)
    except ValueError as error:
        return Token(TokenKind.ERROR, text, start, end, None, str(error))


def _dynamic(source: str, start: int, content: int) -> Token:
    """Capture `dynamic(…)` up to the parenthesis that closes it; strings and nested brackets are respected."""
    open_brackets = [")"]
    position, length = content, len(source)
    while position < length:
        check_work()
        match = _TOKEN.match(source, position)
        if match is None:
            return _unknown(source, position)
        if match.lastgroup == "dynamic":
            open_brackets.append(")")
        elif match.lastgroup == "punctuation":
            character = match[0]
            if character in _OPENERS:
                open_brackets.append(_OPENERS[character])
            elif character == open_brackets[-1]:
                open_brackets.pop()
                if not open_brackets:
                    end = match.end()
                    return Token(
                        TokenKind.DYNAMIC, source[start:end], start, end, Scalar.DYNAMIC, source[content:position]
                    )
            elif character in ")]}":
                reason = f"expected {open_brackets[-1]!r} inside dynamic(…), found {character!r}"
                return Token(TokenKind.ERROR, source[start : match.end()], start, match.end(), None, reason)
        position = match.end()
    reason = f"expected {open_brackets[-1]!r} inside dynamic(…), found the end of the text"
    return Token(TokenKind.ERROR, source[start:], start, length, None, reason)


def _unknown(source: str, start: int) -> Token:
    if match := _UNTERMINATED.match(source, start):
        is_multi_line = match[0][-1] in "`~"
        line_end = re.compile(r"[\r\n]").search(source, start)
        end = len(source) if is_multi_line or line_end is None else line_end.start()
        reason = f"the string is not closed: expected {match[0].lstrip('hH@')}"
        return Token(TokenKind.ERROR, source[start:end], start, end, None, reason)
    character = source[start]
    return Token(TokenKind.ERROR, character, start, start + 1, None, f"the character {character!r} is not part of KQL")
