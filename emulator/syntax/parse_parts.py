"""Parts that several operators share: projections, sort keys, column lists, declarations and options."""

from collections.abc import Callable, Collection
from typing import TypeVar

from emulator.syntax.cursor import Cursor
from emulator.syntax.expressions import DynamicLiteral, Expression, Literal, Name, Unary
from emulator.syntax.keywords import NOT_DECLARED, NOT_READ
from emulator.syntax.operators import ColumnDeclaration, ColumnPattern, Option, OrderKey, Pipeline, Projection
from emulator.syntax.parse_expressions import as_pipeline, parse_expression, parse_operand
from emulator.syntax.tokens import TokenKind
from emulator.text import Span
from emulator.types import ALIASES, Scalar

T = TypeVar("T")

_STEERING_OPTION = "hint."


def comma_list(cursor: Cursor, parse: Callable[[Cursor], T]) -> tuple[T, ...]:
    """Parse one or more items separated by commas."""
    items = [parse(cursor)]
    while cursor.take(","):
        items.append(parse(cursor))
    return tuple(items)


def optional_list(cursor: Cursor, parse: Callable[[Cursor], T]) -> tuple[T, ...]:
    """Parse a comma list that may be absent altogether."""
    if cursor.at_end() or cursor.token.text in _CLAUSE_ENDS:
        return ()
    return comma_list(cursor, parse)


def parse_projection(cursor: Cursor) -> Projection:
    """Parse `expression`, `Name = expression` or `(A, B) = expression`."""
    start = cursor.token.start
    names: tuple[Name, ...] = ()
    if cursor.at_assignment():
        names = (_column_name(cursor),)
        cursor.expect("=")
    elif cursor.at("(") and _at_name_list(cursor):
        cursor.expect("(")
        names = comma_list(cursor, _column_name)
        cursor.expect(")")
        cursor.expect("=")
    expression = parse_expression(cursor)
    return Projection(names, expression, Span(start, max(expression.span.end, cursor.span_from(start).end)))


def parse_projections(cursor: Cursor) -> tuple[Projection, ...]:
    """Parse one or more projections."""
    return comma_list(cursor, parse_projection)


def parse_order_key(cursor: Cursor) -> OrderKey:
    """Parse `expression [asc|desc] [nulls first|last]`."""
    start = cursor.token.start
    expression = parse_expression(cursor)
    ascending = parse_direction(cursor)
    nulls_first: bool | None = None
    if cursor.take("nulls"):
        nulls_first = cursor.at("first")
        if not cursor.take("first"):
            cursor.expect("last", hint="the forms are `nulls first` and `nulls last`")
    return OrderKey(expression, ascending, nulls_first, cursor.span_from(start))


def parse_direction(cursor: Cursor) -> bool | None:
    """Parse `asc` or `desc`; None when neither is written."""
    if cursor.take("asc"):
        return True
    if cursor.take("desc"):
        return False
    return None


def parse_column_pattern(cursor: Cursor) -> ColumnPattern:
    """Parse `Name` or `Prefix*`."""
    wildcard = cursor.wildcard()
    if wildcard is not None:
        return ColumnPattern(wildcard.text, True, None, wildcard.span)
    name = cursor.expect_outside(NOT_READ, "a column name or a pattern with '*'")
    return ColumnPattern(name.text, False, None, name.span)


def parse_type(cursor: Cursor) -> Scalar:
    """Parse the name of a scalar type, in any of its spellings."""
    scalar = ALIASES.get(cursor.token.text)
    if scalar is None:
        known = ", ".join(scalar.value for scalar in Scalar)
        raise cursor.fault("the name of a scalar type", hint=f"the types are {known}")
    cursor.advance()
    return scalar


def parse_typeof(cursor: Cursor) -> Scalar:
    """Parse `typeof(type)`."""
    cursor.expect("typeof", hint="the form is `to typeof(long)`")
    cursor.expect("(")
    scalar = parse_type(cursor)
    cursor.expect(")")
    return scalar


def parse_column_declaration(cursor: Cursor) -> ColumnDeclaration:
    """Parse `Name: type`."""
    name = _column_name(cursor)
    cursor.expect(":", hint="a column is declared as `Name: type`")
    scalar = parse_type(cursor)
    return ColumnDeclaration(name, scalar, cursor.span_from(name.span.start))


def parse_row_schema(cursor: Cursor) -> tuple[ColumnDeclaration, ...]:
    """Parse `(a: int, b: string)`; a trailing comma is allowed."""
    cursor.expect("(")
    columns: list[ColumnDeclaration] = []
    while not cursor.at(")"):
        columns.append(parse_column_declaration(cursor))
        if not cursor.take(","):
            break
    cursor.expect(")")
    return tuple(columns)


def parse_options(cursor: Cursor, known: Collection[str]) -> tuple[Option, ...]:
    """Parse `kind = inner hint.strategy = shuffle …`: hints, and the options in `known`.

    A name outside `known` is not an option: `summarize kind = count()` names a column.
    """
    options: list[Option] = []
    while cursor.token.kind is TokenKind.NAME:
        token = cursor.token
        if token.text == "hint" and cursor.peek().text == ".":
            cursor.advance()
            cursor.advance()
            name = _STEERING_OPTION + cursor.expect_name("the name of a hint").text
        elif token.text in known and cursor.peek().text == "=":
            cursor.advance()
            name = token.text
        else:
            break
        cursor.expect("=")
        options.append(Option(name, _option_value(cursor), cursor.span_from(token.start)))
    return tuple(options)


def option_value(options: tuple[Option, ...], name: str, default: str) -> str:
    """Return the value of an option, the last one if it is repeated."""
    return next((option.value for option in reversed(options) if option.name == name), default)


def option_name(options: tuple[Option, ...], *names: str) -> Name | None:
    """Return the value of an option that names a column."""
    found = next((option for option in reversed(options) if option.name in names), None)
    return None if found is None else Name(found.value, found.span)


def parse_tabular_operand(cursor: Cursor, what: str) -> Pipeline:
    """Parse the table of a join, lookup or union: a name, a call, or a query in parentheses."""
    token = cursor.token
    expression = parse_operand(cursor)
    pipeline = as_pipeline(expression)
    if pipeline is None:
        raise cursor.fault_at(token, what)
    return pipeline


def parse_literal_value(cursor: Cursor) -> Literal | DynamicLiteral | Name:
    """Parse a literal, possibly signed, or a name."""
    token = cursor.token
    value = parse_operand(cursor)
    folded = fold_sign(value)
    if isinstance(folded, Literal | DynamicLiteral | Name):
        return folded
    raise cursor.fault_at(token, "a literal or a name")


def parse_literal(cursor: Cursor) -> Literal | DynamicLiteral:
    """Parse a literal, possibly signed."""
    token = cursor.token
    value = fold_sign(parse_operand(cursor))
    if isinstance(value, Literal | DynamicLiteral):
        return value
    raise cursor.fault_at(token, "a literal", hint="calls and calculations cannot stand here")


def fold_sign(expression: Expression) -> Expression:
    """Return `-1` as a literal where the grammar wants a literal."""
    match expression:
        case Unary(operator, Literal(Scalar.LONG | Scalar.REAL | Scalar.TIMESPAN as scalar, int() | float() as value)):
            return Literal(scalar, -value if operator == "-" else value, expression.span)
        case _:
            return expression


_CLAUSE_ENDS = frozenset("|;)}")


def _column_name(cursor: Cursor) -> Name:
    return cursor.expect_outside(NOT_DECLARED, "a column name")


def _option_value(cursor: Cursor) -> str:
    token = cursor.token
    if token.kind is TokenKind.STRING:
        return cursor.string()[0]
    if name := cursor.take_name():
        return name.text
    if token.kind is TokenKind.LITERAL:
        return cursor.advance().text
    if token.text in ("-", "+") and cursor.peek().kind is TokenKind.LITERAL:
        return cursor.advance().text + cursor.advance().text
    raise cursor.fault("the value of an option")


def _at_name_list(cursor: Cursor) -> bool:
    """Whether `(A, B) =` stands here."""
    index = cursor.index
    cursor.advance()
    found = False
    while cursor.take_name():
        if cursor.take(","):
            continue
        found = cursor.at(")") and cursor.peek().text == "="
        break
    cursor.move_to(index)
    return found
