"""Operators that combine tables or branch: join, lookup, union, fork, facet, search, partition."""

from emulator.syntax.cursor import Cursor
from emulator.syntax.expressions import Binary, Expression, Name, Path, Star
from emulator.syntax.keywords import NOT_READ
from emulator.syntax.operators import (
    ColumnPattern,
    Facet,
    Fork,
    Join,
    Lookup,
    Operator,
    Partition,
    Pipeline,
    Search,
    Union,
)
from emulator.syntax.parse_expressions import parse_expression
from emulator.syntax.parse_parts import (
    comma_list,
    option_name,
    option_value,
    parse_column_pattern,
    parse_options,
    parse_tabular_operand,
)
from emulator.syntax.tokens import TokenKind
from emulator.text import Span

# join-operator.md, "Returns": every kind with its aliases; the binder gives them meaning.
_SIDED_JOINS = ("outer", "semi", "anti", "antisemi")
_JOIN_KINDS = (
    *("innerunique", "inner", "fullouter", "anti"),
    *(f"{side}{kind}" for side in ("left", "right") for kind in _SIDED_JOINS),
)
_SEARCH_KINDS = ("default", "case_insensitive", "case_sensitive")
_UNION_OPTIONS = ("kind", "withsource", "with_source", "isfuzzy")


def parse_join(cursor: Cursor, start: int) -> Join:
    """Parse `join [kind=…] table on conditions`."""
    options = parse_options(cursor, ("kind",))
    kind = option_value(options, "kind", "innerunique")
    if kind not in _JOIN_KINDS:
        raise cursor.fault("", problem=f"'{kind}' is no kind of join", hint=f"the kinds are {', '.join(_JOIN_KINDS)}")
    right = parse_tabular_operand(cursor, "the right table of the join: a name or a query in parentheses")
    conditions = _conditions(cursor) if cursor.take("on") else ()
    hints = tuple(option for option in options if option.name != "kind")
    return Join(kind, right, conditions, hints, cursor.span_from(start))


def parse_lookup(cursor: Cursor, start: int) -> Lookup:
    """Parse `lookup [kind=…] table on conditions`."""
    options = parse_options(cursor, ("kind",))
    kind = option_value(options, "kind", "leftouter")
    if kind not in ("leftouter", "inner"):
        raise cursor.fault("", problem=f"'{kind}' is no kind of lookup", hint="the kinds are leftouter, inner")
    right = parse_tabular_operand(cursor, "the table of the lookup: a name or a query in parentheses")
    cursor.expect("on")
    return Lookup(kind, right, _conditions(cursor), cursor.span_from(start))


def parse_union(cursor: Cursor, start: int) -> Union:
    """Parse `union [kind=…] [withsource=…] [isfuzzy=…] tables`."""
    options = parse_options(cursor, _UNION_OPTIONS)
    tables: list[Pipeline] = []
    patterns: list[ColumnPattern] = []
    while True:
        wildcard = cursor.wildcard()
        if wildcard is not None:
            patterns.append(ColumnPattern(wildcard.text, True, None, wildcard.span))
        else:
            tables.append(parse_tabular_operand(cursor, "a table: a name or a query in parentheses"))
        if not cursor.take(","):
            break
    return Union(
        option_value(options, "kind", "outer"),
        option_name(options, "withsource", "with_source"),
        option_value(options, "isfuzzy", "false").lower() == "true",
        tuple(tables),
        tuple(patterns),
        cursor.span_from(start),
    )


def parse_fork(cursor: Cursor, start: int) -> Fork:
    """Parse `fork [name =] (operators) …`."""
    branches: list[tuple[Name | None, tuple[Operator, ...]]] = []
    while cursor.at("(") or cursor.at_assignment():
        name: Name | None = None
        if cursor.at_assignment():
            name = cursor.expect_name()
            cursor.expect("=")
        branches.append((name, parse_subquery(cursor)))
    if not branches:
        raise cursor.fault("'('")
    return Fork(tuple(branches), cursor.span_from(start))


def parse_facet(cursor: Cursor, start: int) -> Facet:
    """Parse `facet by A, B [with (operators)]`."""
    cursor.expect("by")
    columns = comma_list(cursor, lambda inner: inner.expect_outside(NOT_READ, "a column name"))
    subquery: tuple[Operator, ...] = ()
    if cursor.take("with"):
        subquery = parse_subquery(cursor) if cursor.at("(") else cursor.grammar.operators(cursor)
    return Facet(columns, subquery, cursor.span_from(start))


def parse_search(cursor: Cursor, start: int) -> Search:
    """Parse `search [kind=…] [in (tables)] predicate`; a lone string searches every column."""
    kind = option_value(parse_options(cursor, ("kind",)), "kind", "default")
    if kind not in _SEARCH_KINDS:
        raise cursor.fault(
            "", problem=f"'{kind}' is no kind of search", hint=f"the kinds are {', '.join(_SEARCH_KINDS)}"
        )
    tables: tuple[ColumnPattern, ...] = ()
    if cursor.at("in") and cursor.peek().text == "(":
        cursor.advance()
        cursor.advance()
        tables = comma_list(cursor, parse_column_pattern)
        cursor.expect(")")
    return Search(_search_predicate(cursor), tables, cursor.span_from(start), kind)


def _search_predicate(cursor: Cursor) -> Expression:
    following = cursor.peek()
    if not cursor.at("*") or not (following.text in ("and", "|", ")", ";") or following.kind is TokenKind.END):
        return parse_expression(cursor)
    star = Star(cursor.advance().span)
    conjunction = cursor.token
    if not cursor.take("and"):
        return star
    predicate = parse_expression(cursor)
    return Binary("and", star, predicate, conjunction.span, Span(star.span.start, predicate.span.end))


def parse_partition(cursor: Cursor, start: int) -> Partition:
    """Parse `partition [hints] by column (operators)`, or with a whole query in braces."""
    options = parse_options(cursor, ())
    cursor.expect("by")
    column = _column_path(cursor)
    if cursor.take("{"):
        cursor.enter()
        pipeline = cursor.grammar.pipeline(cursor)
        cursor.leave()
        cursor.expect("}")
        return Partition(column, (), pipeline, options, cursor.span_from(start))
    return Partition(column, parse_subquery(cursor), None, options, cursor.span_from(start))


def parse_subquery(cursor: Cursor) -> tuple[Operator, ...]:
    """Parse `( operator | operator )`, whose input is the surrounding pipeline's."""
    cursor.expect("(")
    cursor.enter()
    operators = cursor.grammar.operators(cursor)
    cursor.leave()
    cursor.expect(")")
    return operators


def _column_path(cursor: Cursor) -> Expression:
    """Parse `column` or `column.member`; a parenthesis after it is no call."""
    path: Expression = cursor.expect_outside(NOT_READ, "a column name")
    while cursor.take("."):
        member = cursor.expect_outside(NOT_READ, "a member name after '.'")
        path = Path(path, member, Span(path.span.start, member.span.end))
    return path


def _conditions(cursor: Cursor) -> tuple[Expression, ...]:
    return comma_list(cursor, parse_expression)
