"""Statements: let with its functions, set, declare query_parameters, and tabular expression statements."""

from emulator.syntax.cursor import Cursor
from emulator.syntax.expressions import Expression
from emulator.syntax.keywords import NOT_BOUND, NOT_DECLARED
from emulator.syntax.operators import Pipeline
from emulator.syntax.parse_expressions import as_source_pipeline, parse_expression
from emulator.syntax.parse_parts import comma_list, parse_literal, parse_row_schema, parse_type
from emulator.syntax.parse_pipelines import OPERATORS
from emulator.syntax.statements import (
    DeclareQueryParameters,
    FunctionBody,
    FunctionLiteral,
    Let,
    Parameter,
    ScalarParameter,
    SetOption,
    Statement,
    TabularParameter,
    UnsupportedStatement,
)
from emulator.syntax.tokens import TokenKind

_STATEMENT_END = frozenset(";")


def parse_statements(cursor: Cursor) -> tuple[Statement, ...]:
    """Parse statements separated by semicolons, up to the end of the text."""
    statements: list[Statement] = []
    while not cursor.at_end():
        statements.append(parse_statement(cursor))
        if not cursor.take(";") and not cursor.at_end():
            raise unexpected(cursor)
    return tuple(statements)


def parse_statement(cursor: Cursor) -> Statement:
    """Parse one statement."""
    start = cursor.token.start
    following = cursor.peek()
    is_word = following.kind is TokenKind.NAME
    match cursor.token.text:
        case "let" if is_word or following.text == "[":
            return parse_let(cursor)
        case "set" if is_word:
            cursor.advance()
            name = cursor.expect_name("the name of an option").text
            value = _set_value(cursor) if cursor.take("=") else "true"
            return SetOption(name, value, cursor.span_from(start))
        case "declare" if following.text == "query_parameters":
            cursor.advance()
            cursor.advance()
            cursor.expect("(")
            parameters = comma_list(cursor, _scalar_parameter)
            cursor.expect(")")
            return DeclareQueryParameters(parameters, cursor.span_from(start))
        case "declare" | "alias" | "restrict" as word if is_word:
            cursor.skip_balanced(_STATEMENT_END)
            keyword = f"{word} {following.text}" if word != "alias" else word
            return UnsupportedStatement(keyword, cursor.span_from(start))
        case word if word.lower() == "select" and (is_word or following.text == "*"):
            raise cursor.fault_at(
                cursor.token,
                "a tabular expression",
                hint="this is SQL; KQL begins with the table: `T | where a > 1 | project a, b`",
            )
        case ".":
            raise cursor.fault(
                "a query", hint="management commands are not part of a query; they are sent on their own"
            )
        case _:
            return cursor.grammar.pipeline(cursor)


def parse_let(cursor: Cursor) -> Let:
    """Parse `let name = value`; the value may be scalar, tabular, or a function."""
    start = cursor.expect("let").start
    name = cursor.expect_outside(NOT_BOUND, "a name after 'let'")
    cursor.expect("=", hint="the form is `let name = value;`")
    value = _function_literal(cursor)
    if value is not None:
        return Let(name, value, cursor.span_from(start))
    return Let(name, parse_result(cursor), cursor.span_from(start))


def parse_result(cursor: Cursor) -> Expression | Pipeline:
    """Parse a value where a lone name or call counts as tabular until the binder knows better."""
    value = cursor.grammar.value(cursor)
    if isinstance(value, Pipeline):
        return value
    return as_source_pipeline(value) or value


def parse_function_literal(cursor: Cursor, *, is_view: bool) -> FunctionLiteral:
    """Parse `(parameters) { body }`."""
    start = cursor.token.start
    parameters = parse_parameters(cursor)
    return FunctionLiteral(parameters, parse_braced_body(cursor), is_view, cursor.span_from(start))


def parse_parameters(cursor: Cursor) -> tuple[Parameter, ...]:
    """Parse `(T: (a: int), x: long = 1)`."""
    cursor.expect("(")
    parameters: list[Parameter] = []
    while not cursor.at(")"):
        parameters.append(_parameter(cursor))
        if not cursor.take(","):
            break
    cursor.expect(")", hint="a parameter is declared as `name: type [= default]`")
    return tuple(parameters)


def parse_braced_body(cursor: Cursor) -> FunctionBody:
    """Parse `{ let …; result }`."""
    cursor.expect("{")
    cursor.enter()
    body = parse_body(cursor)
    cursor.leave()
    cursor.expect("}")
    return body


def parse_body(cursor: Cursor) -> FunctionBody:
    """Parse the statements of a function up to its closing brace or the end of the text."""
    start = cursor.token.start
    lets: list[Let] = []
    while cursor.at("let") and cursor.peek().text != "(":
        lets.append(parse_let(cursor))
        if not cursor.take(";"):
            raise unexpected(cursor)
    if cursor.at("}") or cursor.at_end():
        raise cursor.fault("the result of the function after its `let` statements")
    result = parse_result(cursor)
    cursor.take(";")
    if not cursor.at("}") and not cursor.at_end():
        raise unexpected(cursor)
    return FunctionBody(tuple(lets), result, cursor.span_from(start))


def unexpected(cursor: Cursor) -> Exception:
    """Return the fault for a token after a complete statement, with a hint for a forgotten `|` or `;`."""
    word = cursor.hyphenated_word()
    if word in OPERATORS:
        return cursor.fault("'|' or ';'", hint=f"write `| {word}` to pipe rows into '{word}'")
    hint = ""
    if cursor.at("{"):
        hint = "a parameter of a function is declared as `name: type`"
    elif word and "\n" in cursor.source[cursor.tokens[cursor.index - 1].end : cursor.token.start]:
        hint = "a semicolon ends a statement, '|' continues it"
    return cursor.fault("an operator, '|' or ';'", hint=hint)


def _function_literal(cursor: Cursor) -> FunctionLiteral | None:
    start = cursor.token.start
    is_view = cursor.at("view") and cursor.peek().text == "("
    first = 1 if is_view else 0
    if cursor.peek(first).text != "(":
        return None
    inside, after = cursor.peek(first + 1), cursor.peek(first + 2)
    is_function = (
        (inside.text == ")" and after.text == "{")
        or (inside.kind is TokenKind.NAME and after.text == ":")
        or (inside.text == "[" and cursor.peek(first + 4).text == ":")
    )
    if not is_function and not is_view:
        return None
    if is_view:
        cursor.advance()
    literal = parse_function_literal(cursor, is_view=is_view)
    return FunctionLiteral(literal.parameters, literal.body, is_view, cursor.span_from(start))


def _parameter(cursor: Cursor) -> Parameter:
    if cursor.peek().text != ":" or cursor.peek(2).text != "(":
        return _scalar_parameter(cursor)
    name = cursor.expect_outside(NOT_DECLARED, "a parameter")
    cursor.expect(":")
    if cursor.peek().text == "*":
        cursor.advance()
        cursor.advance()
        cursor.expect(")")
        return TabularParameter(name, None, cursor.span_from(name.span.start))
    columns = parse_row_schema(cursor)
    return TabularParameter(name, columns, cursor.span_from(name.span.start))


def _scalar_parameter(cursor: Cursor) -> ScalarParameter:
    name = cursor.expect_outside(NOT_DECLARED, "a parameter")
    cursor.expect(":", hint="a parameter is declared as `name: type [= default]`")
    scalar = parse_type(cursor)
    default = parse_literal(cursor) if cursor.take("=") else None
    return ScalarParameter(name, scalar, default, cursor.span_from(name.span.start))


def _set_value(cursor: Cursor) -> str:
    token = cursor.token
    if token.kind is TokenKind.STRING:
        return cursor.string()[0]
    start = token.start
    parse_expression(cursor)
    return cursor.source[start : cursor.span_from(start).end]
