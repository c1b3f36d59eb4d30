"""Scalar expressions: precedence climbing over Kusto's operators.

From loosest to tightest: `or`; `and`; equality, `in` and `between`; `< <= > >=`; `+ -`; `* / %`; the string operators;
signs; calls, members and indexes. String operators bind tighter than arithmetic, as in the language's own grammar.
"""

from collections.abc import Callable

from emulator.syntax.cursor import Cursor
from emulator.syntax.expressions import (
    Between,
    Binary,
    Call,
    DynamicLiteral,
    Expression,
    Index,
    InList,
    Literal,
    Name,
    NamedArgument,
    Path,
    Star,
    SubqueryExpression,
    Unary,
)
from emulator.syntax.keywords import CALLABLE, NOT_DECLARED, NOT_READ
from emulator.syntax.operators import CallSource, NameSource, ParenthesisSource, Pipeline, Unparsed
from emulator.syntax.tokens import Token, TokenKind
from emulator.text import Span
from emulator.types import Scalar

_OR, _AND, EQUALITY_POWER, _RELATION, SUM_POWER, _PRODUCT, STRING_POWER = range(1, 8)

_WORDS = ("contains", "startswith", "endswith", "has", "hasprefix", "hassuffix")
_STRING_OPERATORS = tuple(f"{word}{case}" for word in _WORDS for case in ("", "_cs"))
POWERS: dict[str, int] = {
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(("==", "!=", "<>"), EQUALITY_POWER),
    **dict.fromkeys(("in", "!in", "in~", "!in~", "has_any", "has_all", "between", "!between"), EQUALITY_POWER),
    **dict.fromkeys(("<", "<=", ">", ">="), _RELATION),
    **dict.fromkeys(("+", "-"), SUM_POWER),
    **dict.fromkeys(("*", "/", "%"), _PRODUCT),
    **dict.fromkeys(("=~", "!~", ":", "matches", "like", "notlike", "likecs", "notlikecs"), STRING_POWER),
    **dict.fromkeys(("notcontains", "containscs", "notcontainscs"), STRING_POWER),
    **dict.fromkeys(_STRING_OPERATORS, STRING_POWER),
    **dict.fromkeys((f"!{name}" for name in _STRING_OPERATORS), STRING_POWER),
}
_SPELLINGS = {
    "<>": "!=",
    ":": "has",
    "containscs": "contains_cs",
    "notcontains": "!contains",
    "notcontainscs": "!contains_cs",
}
_LISTS = frozenset({"in", "!in", "in~", "!in~", "has_any", "has_all"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_REMOTE = frozenset({"cluster", "database"})
# Levels at which two operators do not follow each other without parentheses: `a == b == c` is not KQL.
UNCHAINED = frozenset({EQUALITY_POWER, _RELATION, STRING_POWER})


def parse_expression(cursor: Cursor, loosest: int = _OR) -> Expression:
    """Parse a scalar expression whose operators bind at least as tightly as `loosest`."""
    left = parse_operand(cursor)
    tightest = STRING_POWER
    while True:
        token = cursor.token
        operator = token.text
        power = POWERS.get(operator)
        if power is None or power < loosest:
            return left
        if power > tightest:
            problem = f"'{operator}' cannot follow an operator of its kind"
            raise cursor.fault("", problem=problem, hint="combine the two with `and`, or set parentheses")
        if operator in _LISTS:
            if cursor.peek().text == "range":
                return left  # `make-series … on t in range(…)`
            cursor.advance()
            if not cursor.at("("):
                raise cursor.fault("'('", hint=f"the form is `x {operator} (a, b)`")
            tightest = power - 1
            left = InList(operator, left, _list_elements(cursor), cursor.span_from(left.span.start))
            continue
        cursor.advance()
        tightest = power - 1 if power in UNCHAINED else power
        if power == EQUALITY_POWER and operator.endswith("between"):
            left = _between(cursor, left, negated=operator[0] == "!")
            continue
        if operator == "matches":
            cursor.expect("regex", hint="the operator is `matches regex`")
            operator = "matches regex"
        right = parse_expression(cursor, power + 1)
        operator_span = cursor.span_from(token.start) if operator == "matches regex" else token.span
        left = Binary(
            _SPELLINGS.get(operator, operator), left, right, operator_span, Span(left.span.start, right.span.end)
        )


def parse_operand(cursor: Cursor) -> Expression:
    """Parse a sign, a literal, a name, a call, a parenthesis, and the members and indexes that follow."""
    token = cursor.token
    if token.text in ("-", "+"):
        cursor.advance()
        if cursor.token.text in ("-", "+"):
            raise cursor.fault("an expression", hint="parentheses separate two signs")
        operand = parse_operand(cursor)
        return Unary(token.text, operand, Span(token.start, operand.span.end))
    expression = _primary(cursor, token)
    while True:
        text = cursor.token.text
        if text == ".":
            expression = _member(cursor, expression)
        elif text == "[":
            expression = _index(cursor, expression)
        else:
            return expression


def parse_arguments(cursor: Cursor) -> tuple[Expression, ...]:
    """Parse `(a, name = b, *)` from its opening parenthesis."""
    return _arguments(cursor, _argument)


def parse_call(cursor: Cursor, what: str = "a function call") -> Call:
    """Parse `name(arguments)`."""
    start = cursor.token.start
    name = cursor.expect_name(what)
    arguments = parse_arguments(cursor)
    return Call(name, arguments, cursor.span_from(start))


def as_pipeline(expression: Expression) -> Pipeline | None:
    """Return a name, a call or a parenthesised query as a pipeline, None for what cannot be tabular."""
    match expression:
        case Name():
            return Pipeline(NameSource(expression, expression.span), (), expression.span)
        case Call():
            return Pipeline(CallSource(expression, expression.span), (), expression.span)
        case SubqueryExpression(query=Pipeline() as query):
            return query
        case _:
            return None


def as_source_pipeline(expression: Expression) -> Pipeline | None:
    """As `as_pipeline`, with a parenthesised query kept as the source of a new pipeline."""
    match expression:
        case SubqueryExpression(query=Pipeline(source=Unparsed(), operators=()) as query):
            return query
        case SubqueryExpression(query=Pipeline() as query):
            return Pipeline(ParenthesisSource(query, expression.span), (), expression.span)
        case _:
            return as_pipeline(expression)


def _primary(cursor: Cursor, token: Token) -> Expression:
    match token.kind:
        case TokenKind.LITERAL:
            cursor.advance()
            return Literal(token.type or Scalar.LONG, token.value, token.span)
        case TokenKind.STRING:
            text, span = cursor.string()
            return Literal(Scalar.STRING, text, span)
        case TokenKind.DYNAMIC:
            cursor.advance()
            return DynamicLiteral(str(token.value), token.span)
        case TokenKind.NAME if token.text[0] != "!":
            return _name_or_call(cursor, token)
        case TokenKind.PUNCTUATION:
            if token.text == "(":
                return _parenthesis(cursor)
            if token.text == "*" and POWERS.get(cursor.peek().text) in (EQUALITY_POWER, STRING_POWER):
                return Star(cursor.advance().span)
            if token.text == "[" and (name := cursor.take_name()):
                return _call_or_name(cursor, name)
        case _:
            pass
    raise cursor.fault("an expression")


def _name_or_call(cursor: Cursor, token: Token) -> Expression:
    cursor.advance()
    if token.text in _BOOLEANS and not cursor.at("("):
        return Literal(Scalar.BOOL, _BOOLEANS[token.text], token.span)
    if token.text in NOT_READ:
        if token.text == "datatable" and cursor.at("("):
            cursor.move_to(cursor.index - 1)
            query = cursor.grammar.pipeline(cursor)
            return SubqueryExpression(query, query.span)
        if token.text not in CALLABLE or cursor.token.text not in ("(", "kind"):
            raise cursor.keyword_fault(token)
    return _call_or_name(cursor, Name(token.text, token.span))


def _call_or_name(cursor: Cursor, name: Name) -> Expression:
    if name.text in ("toscalar", "totable") and cursor.at("kind") and cursor.peek().text == "=":
        cursor.skip_balanced(frozenset("("))  # `toscalar kind=nooptimization (…)`: a hint without effect on results
    if not cursor.at("("):
        return name
    match name.text:
        case "typeof":
            arguments = _arguments(cursor, _type_argument)
        case "toscalar" | "totable" | "materialize":
            arguments = _arguments(cursor, _query_argument)
        case _:
            arguments = _arguments(cursor, _argument)
    call = Call(name, arguments, cursor.span_from(name.span.start))
    if name.text in _REMOTE and cursor.at("."):
        return _remote(cursor, call)
    return call


def _remote(cursor: Cursor, call: Call) -> Expression:
    """Step over `database("d").T` and `cluster("c").database("d").T`; the binder refuses them by name."""
    while cursor.take("."):
        if cursor.wildcard() is None:
            cursor.expect_name()
        if cursor.at("("):
            parse_arguments(cursor)
    span = cursor.span_from(call.span.start)
    source = Unparsed(f"{call.name.text}()", span)
    return SubqueryExpression(Pipeline(source, (), span), span)


def _member(cursor: Cursor, operand: Expression) -> Expression:
    cursor.advance()
    # `x.["key"]` and `x.[0]` are older spellings of `x["key"]` and `x[0]`.
    if cursor.at("["):
        return _index(cursor, operand)
    member = cursor.expect_outside(NOT_READ, "a member name after '.'")
    if cursor.at("("):
        raise cursor.fault("", problem=f"'{member.text}' cannot be called on a value")
    return Path(operand, member, Span(operand.span.start, member.span.end))


def _index(cursor: Cursor, operand: Expression) -> Expression:
    cursor.advance()
    cursor.enter()
    index = parse_expression(cursor)
    cursor.expect("]")
    cursor.leave()
    return Index(operand, index, cursor.span_from(operand.span.start))


def _parenthesis(cursor: Cursor) -> Expression:
    start = cursor.advance().start
    cursor.enter()
    inner = cursor.grammar.value(cursor)
    cursor.expect(")")
    cursor.leave()
    if isinstance(inner, Pipeline):
        return SubqueryExpression(inner, cursor.span_from(start))
    return inner


def _arguments(cursor: Cursor, parse: Callable[[Cursor], Expression]) -> tuple[Expression, ...]:
    cursor.expect("(")
    cursor.enter()
    arguments: list[Expression] = []
    if not cursor.at(")"):
        arguments.append(parse(cursor))
        while cursor.take(","):
            arguments.append(parse(cursor))
    cursor.expect(")", hint="a comma separates arguments")
    cursor.leave()
    return tuple(arguments)


def _argument(cursor: Cursor) -> Expression:
    if cursor.at_assignment():
        name = cursor.expect_outside(NOT_DECLARED, "the name of an argument")
        cursor.expect("=")
        value = parse_expression(cursor)
        return NamedArgument(name, value, Span(name.span.start, value.span.end))
    if cursor.at("*") and cursor.peek().text in (",", ")"):
        return Star(cursor.advance().span)
    argument = parse_expression(cursor)
    if cursor.at("|"):
        raise cursor.fault("',' or ')'", hint="a query as an argument stands in parentheses")
    return argument


def _query_argument(cursor: Cursor) -> Expression:
    value = cursor.grammar.value(cursor)
    return SubqueryExpression(value, value.span) if isinstance(value, Pipeline) else value


def _type_argument(cursor: Cursor) -> Expression:
    """Parse `long`, or a part of `typeof(*, a: long)` as plugins take it."""
    if cursor.at("*"):
        return Star(cursor.advance().span)
    name = cursor.expect_name("the name of a type")
    if not cursor.take(":"):
        return name
    scalar = cursor.expect_name("the name of a type")
    return NamedArgument(name, scalar, Span(name.span.start, scalar.span.end))


def _list_elements(cursor: Cursor) -> tuple[Expression, ...]:
    if cursor.peek().text == ")":
        cursor.advance()
        raise cursor.fault("an expression", hint="a list holds at least one element")
    return _arguments(cursor, _query_argument)


def _between(cursor: Cursor, operand: Expression, *, negated: bool) -> Expression:
    cursor.expect("(", hint="the form is `x between (low .. high)`")
    cursor.enter()
    low = parse_expression(cursor, SUM_POWER)
    cursor.expect("..", hint="the form is `x between (low .. high)`")
    high = parse_expression(cursor, SUM_POWER)
    cursor.expect(")")
    cursor.leave()
    return Between(operand, low, high, negated, cursor.span_from(operand.span.start))
