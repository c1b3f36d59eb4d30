"""Operators that change the shape of each row: where, extend, project*, parse*, getschema, as, render, consume."""

from emulator.syntax.cursor import Cursor
from emulator.syntax.expressions import DynamicLiteral, Literal, Name
from emulator.syntax.keywords import NOT_BOUND, NOT_DECLARED
from emulator.syntax.operators import (
    As,
    ColumnDeclaration,
    ColumnPattern,
    Consume,
    Extend,
    Getschema,
    Parse,
    ParseKv,
    ParsePart,
    Project,
    ProjectAway,
    ProjectByNames,
    ProjectKeep,
    ProjectRename,
    ProjectReorder,
    Render,
    Where,
)
from emulator.syntax.parse_expressions import parse_expression
from emulator.syntax.parse_parts import (
    comma_list,
    option_value,
    optional_list,
    parse_column_pattern,
    parse_direction,
    parse_literal_value,
    parse_options,
    parse_projection,
    parse_projections,
    parse_row_schema,
    parse_type,
)
from emulator.syntax.tokens import TokenKind
from emulator.types import Scalar

_PARSE_KINDS = ("simple", "regex", "relaxed")
_NAME_LISTS = frozenset({"ycolumns", "series", "anomalycolumns"})


def parse_where(cursor: Cursor, start: int) -> Where:
    """Parse `where predicate`."""
    parse_options(cursor, ())
    return Where(parse_expression(cursor), cursor.span_from(start))


def parse_extend(cursor: Cursor, start: int) -> Extend:
    """Parse `extend a = x, b = y`."""
    return Extend(parse_projections(cursor), cursor.span_from(start))


def parse_project(cursor: Cursor, start: int) -> Project:
    """Parse `project a, b = x`."""
    return Project(optional_list(cursor, parse_projection), cursor.span_from(start))


def parse_project_away(cursor: Cursor, start: int) -> ProjectAway:
    """Parse `project-away A, B*`."""
    return ProjectAway(optional_list(cursor, parse_column_pattern), cursor.span_from(start))


def parse_project_keep(cursor: Cursor, start: int) -> ProjectKeep:
    """Parse `project-keep A, B*`."""
    return ProjectKeep(comma_list(cursor, parse_column_pattern), cursor.span_from(start))


def parse_project_rename(cursor: Cursor, start: int) -> ProjectRename:
    """Parse `project-rename New = Old`."""
    return ProjectRename(optional_list(cursor, parse_projection), cursor.span_from(start))


def parse_project_reorder(cursor: Cursor, start: int) -> ProjectReorder:
    """Parse `project-reorder A, B* desc`."""
    return ProjectReorder(optional_list(cursor, _ordered_pattern), cursor.span_from(start))


def parse_project_by_names(cursor: Cursor, start: int) -> ProjectByNames:
    """Parse `project-by-names "A", dynamic(["B"])`."""
    return ProjectByNames(comma_list(cursor, parse_expression), cursor.span_from(start))


def parse_parse(cursor: Cursor, start: int) -> Parse:
    """Parse `parse [kind=…] expression with pattern`."""
    return _parse(cursor, start, where_matches=False)


def parse_parse_where(cursor: Cursor, start: int) -> Parse:
    """Parse `parse-where [kind=…] expression with pattern`."""
    return _parse(cursor, start, where_matches=True)


def parse_parse_kv(cursor: Cursor, start: int) -> ParseKv:
    """Parse `parse-kv expression as (columns) [with (options)]`."""
    expression = parse_expression(cursor)
    cursor.expect("as", hint="the form is `parse-kv Text as (Key: type, …) with (…)`")
    columns = parse_row_schema(cursor)
    options = []
    if cursor.take("with"):
        cursor.expect("(")
        while not cursor.at(")"):
            name = cursor.expect_name("the name of an option")
            cursor.expect("=")
            options.append((name.text, parse_expression(cursor)))
            if not cursor.take(","):
                break
        cursor.expect(")")
    return ParseKv(expression, columns, tuple(options), cursor.span_from(start))


def parse_getschema(cursor: Cursor, start: int) -> Getschema:
    """Parse `getschema`."""
    return Getschema(cursor.span_from(start))


def parse_as(cursor: Cursor, start: int) -> As:
    """Parse `as Name`."""
    parse_options(cursor, ())
    return As(cursor.expect_outside(NOT_BOUND, "a name for the table"), cursor.span_from(start))


def parse_consume(cursor: Cursor, start: int) -> Consume:
    """Parse `consume`."""
    parse_options(cursor, ("decodeblocks",))
    return Consume(cursor.span_from(start))


def parse_render(cursor: Cursor, start: int) -> Render:
    """Parse `render kind [with (property = value, …)]`, or the older form without parentheses."""
    kind = cursor.expect_name("the kind of a chart").text
    properties = []
    if cursor.at("with") and cursor.peek().text == "(":
        cursor.advance()
        cursor.advance()
        while not cursor.at(")"):
            properties.append(_render_property(cursor))
            cursor.take(",")
        cursor.expect(")")
    else:
        while cursor.at_assignment():
            properties.append(_render_property(cursor))
            cursor.take(",")
    return Render(kind, tuple(properties), cursor.span_from(start))


def _ordered_pattern(cursor: Cursor) -> ColumnPattern:
    pattern = parse_column_pattern(cursor)
    ascending = parse_direction(cursor)
    return ColumnPattern(pattern.text, pattern.is_pattern, ascending, cursor.span_from(pattern.span.start))


def _parse(cursor: Cursor, start: int, *, where_matches: bool) -> Parse:
    options = parse_options(cursor, ("kind", "flags"))
    kind = option_value(options, "kind", "simple")
    if kind not in _PARSE_KINDS:
        raise cursor.fault("", problem=f"'{kind}' is no kind of parse", hint=f"the kinds are {', '.join(_PARSE_KINDS)}")
    expression = parse_expression(cursor)
    cursor.expect("with", hint='the form is `parse Text with * "prefix" Column: type …`')
    parts: list[ParsePart] = []
    while (part := _parse_part(cursor)) is not None:
        parts.append(part)
    if not parts:
        raise cursor.fault("a pattern of strings, columns and '*'")
    flags = option_value(options, "flags", "")
    return Parse(kind, flags, expression, tuple(parts), where_matches, cursor.span_from(start))


def _parse_part(cursor: Cursor) -> ParsePart | None:
    token = cursor.token
    if token.kind is TokenKind.STRING:
        text, span = cursor.string()
        return ParsePart(text, None, span)
    if cursor.take("*"):
        return ParsePart(None, None, token.span)
    if token.text in NOT_DECLARED:
        raise cursor.keyword_fault(token)
    name = cursor.take_name()
    if name is None:
        return None
    scalar = parse_type(cursor) if cursor.take(":") else Scalar.STRING
    span = cursor.span_from(token.start)
    return ParsePart(None, ColumnDeclaration(name, scalar, span), span)


def _render_property(cursor: Cursor) -> tuple[str, Literal | DynamicLiteral | Name | tuple[Name, ...]]:
    name = cursor.expect_name("the name of a chart property")
    cursor.expect("=")
    if name.text in _NAME_LISTS:
        names = [cursor.expect_name("a column name")]
        while cursor.at(",") and not _assignment_follows(cursor):
            cursor.advance()
            names.append(cursor.expect_name("a column name"))
        return name.text, tuple(names)
    return name.text, parse_literal_value(cursor)


def _assignment_follows(cursor: Cursor) -> bool:
    return cursor.peek(2).text == "=" or cursor.peek().text == ")"
