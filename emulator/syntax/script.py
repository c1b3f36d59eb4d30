"""Splitting a script into its commands and queries."""

import re
from dataclasses import dataclass

from emulator.syntax.lexer import scan_from
from emulator.syntax.parse_command import VERBS
from emulator.syntax.requests import is_command
from emulator.syntax.tokens import Token, TokenKind
from emulator.text import Span

# Indented, `.name` is a command only if it is known as one: else it is a member of the line before.
_COMMAND_LINE = re.compile(rf"^(?:\.[a-zA-Z]|[ \t]+\.(?:{'|'.join(VERBS)})\b)", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
_OPENERS = frozenset("([{")
_CLOSERS = frozenset(")]}")


@dataclass(frozen=True, slots=True)
class ScriptPart:
    """One command or query of a script; `span` is where `text` stands in it, without comments around it."""

    text: str
    span: Span

    @property
    def is_command(self) -> bool:
        """Whether it is a management command rather than a query."""
        return is_command(self.text)


def split_script(text: str) -> tuple[ScriptPart, ...]:
    """Split a script at blank lines and before every line that begins with `.name`.

    Neither counts inside brackets, strings and comments. A blank line after `;` does not end a query. The data of
    `.ingest inline … <|` ends at a blank line or at the next command; `.execute database script <|` keeps all the rest.
    """
    parts: list[ScriptPart] = []
    position = 0
    while True:
        part, position = _next_part(text, position)
        if part is None:
            return tuple(parts)
        parts.append(part)


def _next_part(text: str, position: int) -> tuple[ScriptPart | None, int]:
    tokens = scan_from(text, position)
    first = next(tokens)
    if first.kind is TokenKind.END:
        return None, len(text)
    verb = _verb(text, first)
    end = first.end
    depth = 1 if first.text in _OPENERS else 0
    separated = True
    for token in tokens:
        if token.kind is TokenKind.END:
            break
        if depth <= 0 and _begins_part(text, end, token, after_semicolon=not separated):
            break
        if token.text == "<|" and verb == "execute":
            return _part(text, first.start, len(text.rstrip())), len(text)
        if token.text == "<|" and verb == "ingest":
            data_end = _data_end(text, token.end)
            return _part(text, first.start, data_end), data_end
        depth += (token.text in _OPENERS) - (token.text in _CLOSERS)
        separated = token.text != ";"
        end = token.end
    return _part(text, first.start, end), end


def _part(text: str, start: int, end: int) -> ScriptPart:
    return ScriptPart(text[start:end], Span(start, end))


def _verb(text: str, first: Token) -> str:
    match = re.compile(r"\.([a-zA-Z]+)").match(text, first.start)
    return match[1] if match else ""


def _begins_part(text: str, end: int, token: Token, *, after_semicolon: bool) -> bool:
    """Whether a token starts a new part, given where the last token of the running part ended."""
    if token.text == "." and _COMMAND_LINE.match(text, text.rfind("\n", 0, token.start) + 1):
        return "\n" in text[end : token.start]
    return not after_semicolon and _BLANK_LINE.search(text, end, token.start) is not None


def _data_end(text: str, start: int) -> int:
    """Return where inline data ends; it may begin on the line of `<|` or on the next one."""
    line_end = text.find("\n", start)
    if line_end < 0:
        return len(text)
    first_line = line_end + 1 if not text[start:line_end].strip() else start
    ends = [match.start() for match in (_BLANK_LINE.search(text, first_line), _next_command(text, line_end)) if match]
    return len(text[: min([*ends, len(text)])].rstrip())


def _next_command(text: str, position: int) -> re.Match[str] | None:
    return _COMMAND_LINE.search(text, position + 1)
