"""Sources that a word announces at the head of a pipeline: datatable, range, print, union, search, evaluate."""

from collections.abc import Callable

from emulator.syntax.cursor import Cursor
from emulator.syntax.expressions import Expression
from emulator.syntax.keywords import NOT_DECLARED
from emulator.syntax.operators import Datatable, PrintSource, RangeSource, Source, UnionSource, Unparsed
from emulator.syntax.parse_expressions import parse_expression
from emulator.syntax.parse_operators.combine import parse_search, parse_union
from emulator.syntax.parse_operators.expand import parse_evaluate
from emulator.syntax.parse_parts import parse_literal, parse_options, parse_projections, parse_row_schema
from emulator.syntax.tokens import TokenKind

_STOPS = frozenset("|;")
_UNBUILT = frozenset(
    {"find", "externaldata", "external_data", "entity_group", "macro-expand", "materialized-view-combine"}
)


def parse_source(cursor: Cursor) -> Source | None:
    """Parse a source that a word announces; None when the word here is an ordinary name."""
    token = cursor.token
    if token.kind is not TokenKind.NAME:
        return None
    word = cursor.hyphenated_word()
    if word in _UNBUILT and _starts_operand(cursor, word):
        cursor.skip_balanced(_STOPS)
        return Unparsed(word, cursor.span_from(token.start))
    parse = _SOURCES.get(token.text)
    if parse is None or not _announces(cursor, token.text):
        return None
    cursor.advance()
    return parse(cursor, token.start)


def _announces(cursor: Cursor, word: str) -> bool:
    following = cursor.peek()
    if word == "datatable":
        return following.text == "(" or following.kind is TokenKind.NAME
    if word in ("range", "evaluate"):
        return following.kind is TokenKind.NAME or following.text == "["
    return _starts_operand(cursor, word)


def _starts_operand(cursor: Cursor, word: str) -> bool:
    """Whether what follows can begin an operand, so that the word is no column or table of that name."""
    distance = 1 + 2 * word.count("-")
    following = cursor.peek(distance)
    match following.kind:
        case TokenKind.END:
            return False
        case TokenKind.PUNCTUATION:
            return following.text in _OPERAND_STARTS
        case _:
            return True


_OPERAND_STARTS = frozenset("([*-+")


def _datatable(cursor: Cursor, start: int) -> Datatable:
    parse_options(cursor, ())
    columns = parse_row_schema(cursor)
    cursor.expect("[", hint="the form is `datatable(Name: type, …)[value, …]`")
    values: list[Expression] = []
    while not cursor.at("]"):
        values.append(parse_literal(cursor))
        if not cursor.take(","):
            break
    cursor.expect("]", hint="a comma separates values")
    return Datatable(columns, tuple(values), cursor.span_from(start))


def _range(cursor: Cursor, start: int) -> RangeSource:
    name = cursor.expect_outside(NOT_DECLARED, "a column name")
    cursor.expect("from", hint="the form is `range x from start to stop step size`")
    first = parse_expression(cursor)
    cursor.expect("to", hint="the form is `range x from start to stop step size`")
    last = parse_expression(cursor)
    cursor.expect("step", hint="the form is `range x from start to stop step size`")
    return RangeSource(name, first, last, parse_expression(cursor), cursor.span_from(start))


def _print(cursor: Cursor, start: int) -> PrintSource:
    return PrintSource(parse_projections(cursor), cursor.span_from(start))


def _union(cursor: Cursor, start: int) -> UnionSource:
    operator = parse_union(cursor, start)
    return UnionSource(operator, operator.span)


_SOURCES: dict[str, Callable[[Cursor, int], Source]] = {
    "datatable": _datatable,
    "range": _range,
    "print": _print,
    "union": _union,
    "search": parse_search,
    "evaluate": parse_evaluate,
}
