"""Operators that group rows: summarize, distinct, count, make-series, top-nested."""

from emulator.syntax.cursor import Cursor
from emulator.syntax.expressions import Name, Star
from emulator.syntax.operators import (
    Count,
    Distinct,
    MakeSeries,
    MakeSeriesAggregate,
    Projection,
    Summarize,
    TopNested,
    TopNestedLevel,
)
from emulator.syntax.parse_expressions import parse_expression
from emulator.syntax.parse_parts import (
    comma_list,
    optional_list,
    parse_direction,
    parse_options,
    parse_projection,
    parse_projections,
)

_SERIES_FORM = "the form is `make-series aggregate on axis [from start] [to end] step size [by keys]`"


def parse_summarize(cursor: Cursor, start: int) -> Summarize:
    """Parse `summarize aggregates [by keys]`."""
    options = parse_options(cursor, ("bin_legacy",))
    aggregates: tuple[Projection, ...] = ()
    if not cursor.at("by") or cursor.at_assignment():
        aggregates = optional_list(cursor, parse_projection)
    by = parse_projections(cursor) if cursor.take("by") else None
    if not aggregates and not by:
        raise cursor.fault("an aggregate or `by` with grouping expressions")
    return Summarize(aggregates, by, options, cursor.span_from(start))


def parse_distinct(cursor: Cursor, start: int) -> Distinct:
    """Parse `distinct a, b` or `distinct *`."""
    parse_options(cursor, ())
    if cursor.at("*"):
        star = Star(cursor.advance().span)
        return Distinct((Projection((), star, star.span),), cursor.span_from(start))
    return Distinct(parse_projections(cursor), cursor.span_from(start))


def parse_count(cursor: Cursor, start: int) -> Count:
    """Parse `count [as Name]`."""
    name: Name | None = None
    if cursor.take("as"):
        name = cursor.expect_name("a name for the count")
    return Count(name, cursor.span_from(start))


def parse_make_series(cursor: Cursor, start: int) -> MakeSeries:
    """Parse `make-series aggregates on axis (from … to … step … | in range(…)) [by keys]`."""
    options = parse_options(cursor, ("kind",))
    aggregates = comma_list(cursor, _series_aggregate)
    cursor.expect("on", hint=_SERIES_FORM)
    axis = parse_projection(cursor)
    first = last = None
    inclusive = False
    if cursor.take("in"):
        inclusive = True
        cursor.expect("range", hint="the form is `in range(start, stop, step)`")
        cursor.expect("(")
        first = parse_expression(cursor)
        cursor.expect(",")
        last = parse_expression(cursor)
        cursor.expect(",")
        step = parse_expression(cursor)
        cursor.expect(")")
    else:
        if cursor.take("from"):
            first = parse_expression(cursor)
        if cursor.take("to"):
            last = parse_expression(cursor)
        cursor.expect("step", hint=_SERIES_FORM)
        step = parse_expression(cursor)
    by = parse_projections(cursor) if cursor.take("by") else ()
    return MakeSeries(aggregates, axis, first, last, step, inclusive, by, options, cursor.span_from(start))


def parse_top_nested(cursor: Cursor, start: int) -> TopNested:
    """Parse `top-nested n of a by x, top-nested m of b by y`."""
    levels = [_top_nested_level(cursor, start)]
    while cursor.take(","):
        level_start = cursor.token.start
        if cursor.hyphenated_word() != "top-nested":
            raise cursor.fault("'top-nested'")
        cursor.skip_to(level_start + len("top-nested"))
        levels.append(_top_nested_level(cursor, level_start))
    return TopNested(tuple(levels), cursor.span_from(start))


def _series_aggregate(cursor: Cursor) -> MakeSeriesAggregate:
    start = cursor.token.start
    projection = parse_projection(cursor)
    default = None
    if cursor.take("default"):
        cursor.expect("=")
        default = parse_expression(cursor)
    return MakeSeriesAggregate(projection.names, projection.expression, default, cursor.span_from(start))


def _top_nested_level(cursor: Cursor, start: int) -> TopNestedLevel:
    count = None if cursor.at("of") else parse_expression(cursor)
    cursor.expect("of", hint="the form is `top-nested n of column by aggregate`")
    column = parse_projection(cursor)
    others = None
    if cursor.take("with"):
        cursor.expect("others")
        cursor.expect("=")
        others = parse_expression(cursor)
    cursor.expect("by", hint="the form is `top-nested n of column by aggregate`")
    by = parse_projection(cursor)
    return TopNestedLevel(count, column, others, by, parse_direction(cursor), cursor.span_from(start))
