"""The tokens of KQL: keywords are names, because KQL's keywords are contextual."""

from enum import Enum, auto
from typing import NamedTuple

from emulator.text import Span
from emulator.types import Scalar


class TokenKind(Enum):
    """What a token is; the parser decides which names are keywords where."""

    NAME = auto()  # Symbol, where, $left, !has_cs, in~, 1st_column
    PUNCTUATION = auto()  # ( ) [ ] { } , ; : | . .. = == => <| + - * / % …
    STRING = auto()  # "a" 'a' @"a" h"a" ```a```
    LITERAL = auto()  # 1 1.5 1d datetime(…) int(null) guid(…)
    DYNAMIC = auto()  # dynamic(…) with everything up to its closing parenthesis
    RAW_GUID = auto()  # 74be27de-1e4e-49d9-b579-fe0b331d3642, in commands only
    ERROR = auto()  # text that is no token; `value` says why
    END = auto()  # end of the text


class Token(NamedTuple):
    """One token; a named tuple because thousands are made per query and tuples are the cheapest values to make.

    `text` is the source text (empty at the end), so a string's text begins with its quote and never equals a
    keyword. `value` is the decoded string, the literal's value as in `expressions.Literal`, the text between the
    parentheses of `dynamic(…)`, or the message of an error. `type` is set for literals alone.
    """

    kind: TokenKind
    text: str
    start: int
    end: int
    type: Scalar | None = None
    value: object = None

    @property
    def span(self) -> Span:
        """Where the token stands."""
        return Span(self.start, self.end)
