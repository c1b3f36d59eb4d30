"""Operators that make several rows of one, or call out: mv-expand, mv-apply, evaluate, invoke."""

from emulator.syntax.cursor import Cursor
from emulator.syntax.expressions import Expression
from emulator.syntax.keywords import NOT_DECLARED
from emulator.syntax.operators import ColumnDeclaration, Evaluate, Invoke, MvApply, MvColumn, MvExpand
from emulator.syntax.parse_expressions import parse_call, parse_expression
from emulator.syntax.parse_operators.combine import parse_subquery
from emulator.syntax.parse_parts import (
    comma_list,
    option_name,
    option_value,
    parse_column_declaration,
    parse_options,
    parse_typeof,
)


def parse_mv_expand(cursor: Cursor, start: int) -> MvExpand:
    """Parse `mv-expand [bagexpansion=…] [with_itemindex=I] columns [limit n]`."""
    options = parse_options(cursor, ("kind", "bagexpansion", "with_itemindex"))
    columns = comma_list(cursor, _column)
    kind = option_value(options, "bagexpansion", option_value(options, "kind", "bag"))
    if kind not in ("bag", "array"):
        raise cursor.fault("", problem=f"'{kind}' is no kind of bag expansion", hint="the kinds are bag, array")
    limit = _limit(cursor)
    return MvExpand(columns, option_name(options, "with_itemindex"), kind, limit, cursor.span_from(start))


def parse_mv_apply(cursor: Cursor, start: int) -> MvApply:
    """Parse `mv-apply [with_itemindex=I] columns [limit n] on ( operators )`."""
    options = parse_options(cursor, ("with_itemindex",))
    columns = comma_list(cursor, _column)
    limit = _limit(cursor)
    cursor.expect("on", hint="the form is `mv-apply column on ( operators )`")
    subquery = parse_subquery(cursor)
    return MvApply(columns, option_name(options, "with_itemindex"), limit, subquery, cursor.span_from(start))


def parse_evaluate(cursor: Cursor, start: int) -> Evaluate:
    """Parse `evaluate plugin(arguments) [: (schema)]`."""
    parse_options(cursor, ())
    call = parse_call(cursor, "the name of a plugin")
    schema: tuple[ColumnDeclaration, ...] | None = None
    keeps_input = False
    if cursor.take(":"):
        cursor.expect("(")
        columns: list[ColumnDeclaration] = []
        keeps_input = cursor.take("*")
        if not keeps_input or cursor.take(","):
            columns.extend(comma_list(cursor, parse_column_declaration))
        cursor.expect(")")
        schema = tuple(columns)
    return Evaluate(call, schema, cursor.span_from(start), keeps_input)


def parse_invoke(cursor: Cursor, start: int) -> Invoke:
    """Parse `invoke F(arguments)`."""
    return Invoke(parse_call(cursor), cursor.span_from(start))


def _column(cursor: Cursor) -> MvColumn:
    start = cursor.token.start
    name = None
    if cursor.at_assignment():
        name = cursor.expect_outside(NOT_DECLARED, "a column name")
        cursor.expect("=")
    expression = parse_expression(cursor)
    to_type = parse_typeof(cursor) if cursor.take("to") else None
    return MvColumn(name, expression, to_type, cursor.span_from(start))


def _limit(cursor: Cursor) -> Expression | None:
    return parse_expression(cursor) if cursor.take("limit") else None
