"""A position in the tokens of one text, and the grammar rules that rules of other modules need.

The rules for expressions, operators and pipelines call each other; they meet here instead of importing each other.
"""

import re
from typing import Protocol

from emulator.errors import SyntaxFault
from emulator.syntax.expressions import Expression, Name
from emulator.syntax.lexer import scan
from emulator.syntax.operators import Operator, Pipeline
from emulator.syntax.tokens import Token, TokenKind
from emulator.text import Span, line_and_column
from emulator.work import check_work

# Each level of brackets costs about six Python frames in every later stage.
MAX_NESTING = 100

_HYPHENATED = re.compile(r"[^\W\d]\w*(?:-[^\W\d]\w*)*", re.ASCII)
_WILDCARD = re.compile(r"[\w*]+", re.ASCII)


class Grammar(Protocol):
    """The rules that are reached from more than one module."""

    def value(self, cursor: "Cursor") -> Expression | Pipeline:
        """Parse what may be scalar or tabular; a lone name or call is an Expression."""

    def pipeline(self, cursor: "Cursor") -> Pipeline:
        """Parse a source and its operators."""

    def operators(self, cursor: "Cursor") -> tuple[Operator, ...]:
        """Parse `operator | operator | …`, without a source."""


class Cursor:
    """Reads tokens one by one; `index` moves forward, and back only to undo a look-ahead."""

    __slots__ = ("depth", "grammar", "index", "source", "token", "tokens")

    def __init__(self, source: str, grammar: Grammar, tokens: list[Token] | None = None) -> None:
        self.source = source
        self.grammar = grammar
        self.tokens = scan(source) if tokens is None else tokens
        self.index = 0
        self.token: Token = self.tokens[0]
        self.depth = 0

    def advance(self) -> Token:
        """Return the current token and step over it; the END token stays."""
        check_work()
        token = self.token
        if token.kind is not TokenKind.END:
            self.index += 1
            self.token = self.tokens[self.index]
        return token

    def move_to(self, index: int) -> None:
        """Go back to a remembered index."""
        self.index = index
        self.token = self.tokens[index]

    def peek(self, distance: int = 1) -> Token:
        """Return a later token without moving."""
        return self.tokens[min(self.index + distance, len(self.tokens) - 1)]

    def at(self, text: str) -> bool:
        """Whether the current token is this keyword or punctuation."""
        return self.token.text == text

    def at_end(self) -> bool:
        """Whether the text is used up."""
        return self.token.kind is TokenKind.END

    def take(self, text: str) -> bool:
        """Step over this keyword or punctuation if it is here."""
        if self.token.text == text:
            self.advance()
            return True
        return False

    def expect(self, text: str, *, hint: str = "") -> Token:
        """Step over this keyword or punctuation, or fail."""
        if self.token.text != text:
            raise self.fault(f"'{text}'", hint=hint)
        return self.advance()

    def expect_name(self, what: str = "a name") -> Name:
        """Read a name: plain, or quoted in brackets."""
        name = self.take_name()
        if name is None:
            raise self.fault(what)
        return name

    def expect_outside(self, words: frozenset[str], what: str) -> Name:
        """Read a name that is none of these words, unless it is quoted in brackets."""
        token = self.token
        if token.text in words:
            raise self.keyword_fault(token)
        return self.expect_name(what)

    def keyword_fault(self, token: Token) -> SyntaxFault:
        """Return the fault for a keyword where a name should stand."""
        hint = f"write ['{token.text}'] where it is meant as a name"
        return self.fault_at(token, "", problem=f"'{token.text}' is a keyword", hint=hint)

    def take_name(self) -> Name | None:
        """Read a name if one is here."""
        token = self.token
        if token.kind is TokenKind.NAME and token.text[0] != "!":
            self.advance()
            return Name(token.text, token.span)
        if token.text == "[" and self.peek().kind is TokenKind.STRING and self.peek(2).text == "]":
            self.advance()
            text = self.advance().value
            return Name(str(text), Span(token.start, self.advance().end))
        return None

    def at_assignment(self) -> bool:
        """Whether `name =` or `['a name'] =` stands here."""
        if self.token.kind is TokenKind.NAME:
            return self.peek().text == "="
        return self.token.text == "[" and self.peek(2).text == "]" and self.peek(3).text == "="

    def hyphenated_word(self) -> str:
        """Return the word here with the parts hyphenated to it (`project-away`), without moving."""
        match = _HYPHENATED.match(self.source, self.token.start)
        return match[0] if match and self.token.kind is TokenKind.NAME else ""

    def wildcard(self) -> Token | None:
        """Read a name with `*` in it (`Bars*`, `*_count`) if one is here."""
        match = _WILDCARD.match(self.source, self.token.start)
        if match is None or "*" not in match[0]:
            return None
        start = self.token.start
        self.skip_to(match.end())
        return Token(TokenKind.NAME, match[0], start, match.end())

    def skip_to(self, offset: int) -> None:
        """Step over every token that starts before an offset of the text."""
        while self.token.start < offset and self.token.kind is not TokenKind.END:
            self.advance()

    def string(self, what: str = "a string literal") -> tuple[str, Span]:
        """Read a string literal; adjacent literals are one string."""
        first = self.token
        if first.kind is not TokenKind.STRING:
            raise self.fault(what)
        parts = []
        while self.token.kind is TokenKind.STRING:
            parts.append(str(self.advance().value))
        return "".join(parts), self.span_from(first.start)

    def one_string(self, what: str) -> str:
        """Read a single string literal, where another literal may follow that is no part of it."""
        if self.token.kind is not TokenKind.STRING:
            raise self.fault(what)
        return str(self.advance().value)

    def take_string(self) -> str | None:
        """Read a string literal if one is here."""
        return self.string()[0] if self.token.kind is TokenKind.STRING else None

    def span_from(self, start: int) -> Span:
        """Return the span from an offset to the end of the last token read."""
        end = self.tokens[self.index - 1].end if self.index else start
        return Span(start, max(start, end))

    def skip_balanced(self, stops: frozenset[str]) -> None:
        """Step over tokens until one of `stops` outside all brackets, an unmatched closing bracket, or the end."""
        depth = 0
        while not self.at_end():
            text = self.token.text
            if depth == 0 and (text in stops or text in _CLOSERS):
                return
            if text in _OPENERS:
                depth += 1
            elif text in _CLOSERS:
                depth -= 1
            self.advance()

    def enter(self) -> None:
        """Count one level of nesting; every `enter` is paired with `leave` unless a fault ends the parse."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise self.fault("", problem=f"more than {MAX_NESTING} levels of nesting")

    def leave(self) -> None:
        """End one level of nesting."""
        self.depth -= 1

    def fault(self, expected: str, *, hint: str = "", problem: str = "") -> SyntaxFault:
        """Return the fault for the current token: what was found, and what the grammar expected there."""
        return self.fault_at(self.token, expected, hint=hint, problem=problem)

    def fault_at(self, token: Token, expected: str, *, hint: str = "", problem: str = "") -> SyntaxFault:
        """Return the fault for a token; an error token brings its own reason."""
        code = "SYN0002"
        if token.kind is TokenKind.ERROR:
            code, problem = "SYN0001", str(token.value)
        elif token.text == "=" and not hint:
            hint = "'==' compares; '=' gives a column or a parameter its name"
        if not problem:
            problem = f"expected {expected}"
        line, column = line_and_column(self.source, token.start)
        found = token.text if len(token.text) <= 40 else f"{token.text[:40]}…"
        message = f"Query could not be parsed at '{found}' on line [{line},{column}]: {problem}"
        return SyntaxFault(message, code=code, span=token.span, hint=hint, source=self.source)


_OPENERS = frozenset("([{")
_CLOSERS = frozenset(")]}")
