"""The entry points of the parser: query, expression, and the parts of a stored function."""

from emulator.errors import QueryTooComplex
from emulator.syntax.cursor import Cursor
from emulator.syntax.expressions import Expression
from emulator.syntax.operators import Operator
from emulator.syntax.parse_expressions import parse_expression as expression_rule
from emulator.syntax.parse_pipelines import QueryGrammar
from emulator.syntax.parse_statements import parse_body, parse_parameters, parse_statements, unexpected
from emulator.syntax.statements import FunctionBody, FunctionLiteral, Query
from emulator.text import Span

_GRAMMAR = QueryGrammar()
# A query of calls and columns alone reaches the limit of its nodes before; its tokens alone take some 10 s to read.
MAX_QUERY_TEXT = 2_000_000


def parse_query(text: str) -> Query:
    """Parse a whole request text.

    Raises SyntaxFault with the first fault in it, QueryTooComplex for more than MAX_QUERY_TEXT characters.
    """
    if len(text) > MAX_QUERY_TEXT:
        raise too_long(len(text))
    cursor = Cursor(text, _GRAMMAR)
    return Query(parse_statements(cursor), text, Span(0, len(text)))


def too_long(length: int, what: str = "query") -> QueryTooComplex:
    """Return the fault of a text with so many characters."""
    return QueryTooComplex(
        f"The {what} is too long: its text has {length:,} characters, of {MAX_QUERY_TEXT:,} that it may have",
        "E_QUERY_TOO_COMPLEX",
        hint="put lists of values into a table, and read it",
    )


def parse_expression(text: str) -> Expression:
    """Parse a text that is one scalar expression."""
    cursor = Cursor(text, _GRAMMAR)
    expression = expression_rule(cursor)
    _require_end(cursor)
    return expression


def parse_operators(text: str) -> tuple[Operator, ...]:
    """Parse `operator | operator`, as it follows the first `|` of a command."""
    cursor = Cursor(text, _GRAMMAR)
    operators = _GRAMMAR.operators(cursor)
    _require_end(cursor)
    return operators


def parse_function_body(text: str) -> FunctionBody:
    """Parse the body of a stored function, with or without its braces."""
    cursor = Cursor(text, _GRAMMAR)
    braced = cursor.take("{")
    body = parse_body(cursor)
    if braced:
        cursor.expect("}")
    _require_end(cursor)
    return body


def parse_function_declaration(parameters_text: str, body_text: str) -> FunctionLiteral:
    """Parse a stored function from `(x: long = 1)` and its body; spans of each part point into its own text."""
    cursor = Cursor(parameters_text, _GRAMMAR)
    parameters = parse_parameters(cursor)
    _require_end(cursor)
    body = parse_function_body(body_text)
    return FunctionLiteral(parameters, body, False, body.span)


def _require_end(cursor: Cursor) -> None:
    if not cursor.at_end():
        raise unexpected(cursor)
