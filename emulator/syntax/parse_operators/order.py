"""Operators that order rows or depend on their order: sort, top, take, sample*, serialize, scan."""

from emulator.syntax.cursor import Cursor
from emulator.syntax.operators import (
    Projection,
    Sample,
    SampleDistinct,
    Scan,
    ScanDeclaration,
    ScanStep,
    Serialize,
    Sort,
    Take,
    Top,
)
from emulator.syntax.parse_expressions import parse_expression
from emulator.syntax.parse_parts import (
    comma_list,
    option_name,
    optional_list,
    parse_column_declaration,
    parse_literal,
    parse_options,
    parse_order_key,
    parse_projection,
)

_STEP_OUTPUTS = ("all", "last", "none")


def parse_sort(cursor: Cursor, start: int) -> Sort:
    """Parse `sort by keys`."""
    parse_options(cursor, ())
    cursor.expect("by", hint="the form is `sort by column [asc|desc]`")
    return Sort(comma_list(cursor, parse_order_key), cursor.span_from(start))


def parse_top(cursor: Cursor, start: int) -> Top:
    """Parse `top n by key`."""
    parse_options(cursor, ())
    count = parse_expression(cursor)
    cursor.expect("by", hint="the form is `top n by column [asc|desc]`")
    return Top(count, (parse_order_key(cursor),), cursor.span_from(start))


def parse_take(cursor: Cursor, start: int) -> Take:
    """Parse `take n`."""
    parse_options(cursor, ())
    return Take(parse_expression(cursor), cursor.span_from(start))


def parse_sample(cursor: Cursor, start: int) -> Sample:
    """Parse `sample n`."""
    parse_options(cursor, ())
    return Sample(parse_expression(cursor), cursor.span_from(start))


def parse_sample_distinct(cursor: Cursor, start: int) -> SampleDistinct:
    """Parse `sample-distinct n of column`."""
    parse_options(cursor, ())
    count = parse_expression(cursor)
    cursor.expect("of", hint="the form is `sample-distinct n of column`")
    return SampleDistinct(count, parse_expression(cursor), cursor.span_from(start))


def parse_serialize(cursor: Cursor, start: int) -> Serialize:
    """Parse `serialize [columns]`."""
    parse_options(cursor, ())
    return Serialize(optional_list(cursor, parse_projection), cursor.span_from(start))


def parse_scan(cursor: Cursor, start: int) -> Scan:
    """Parse `scan [with_match_id=Id] [declare (…)] with ( steps )`."""
    options = parse_options(cursor, ("with_match_id",))
    declarations: tuple[ScanDeclaration, ...] = ()
    if cursor.take("declare"):
        cursor.expect("(")
        declarations = comma_list(cursor, _declaration)
        cursor.expect(")")
    cursor.expect("with", hint="the form is `scan with ( step name: condition => column = value; )`")
    cursor.expect("(")
    steps: list[ScanStep] = []
    while not cursor.at(")"):
        steps.append(_step(cursor))
        cursor.expect(";", hint="a semicolon ends each step")
    cursor.expect(")")
    if not steps:
        raise cursor.fault_at(cursor.tokens[cursor.index - 1], "'step'")
    return Scan(option_name(options, "with_match_id"), declarations, tuple(steps), cursor.span_from(start))


def _declaration(cursor: Cursor) -> ScanDeclaration:
    column = parse_column_declaration(cursor)
    return ScanDeclaration(column, parse_literal(cursor) if cursor.take("=") else None)


def _step(cursor: Cursor) -> ScanStep:
    start = cursor.expect("step").start
    name = cursor.expect_name("the name of a step")
    optional = cursor.take("optional")
    output = "all"
    if cursor.take("output"):
        cursor.expect("=")
        output = cursor.token.text
        if output not in _STEP_OUTPUTS:
            raise cursor.fault("one of all, last, none")
        cursor.advance()
    cursor.expect(":")
    condition = parse_expression(cursor)
    assignments: tuple[Projection, ...] = ()
    if cursor.take("=>"):
        assignments = comma_list(cursor, _assignment)
    return ScanStep(name, optional, output, condition, assignments, cursor.span_from(start))


def _assignment(cursor: Cursor) -> Projection:
    if not cursor.at_assignment():
        raise cursor.fault("`column = value`")
    return parse_projection(cursor)
