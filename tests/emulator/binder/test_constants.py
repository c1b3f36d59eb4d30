"""What is computed before a query runs, and what an expression is known to be without running it."""

from datetime import datetime
from decimal import Decimal

import pytest

from emulator.binder.bind import bind_scalar
from emulator.binder.bind_expressions.constants import (
    converted_constant,
    folded,
    is_constant,
    is_row_independent,
    reads_columns,
)
from emulator.binder.expression import BoundExpression, Constant
from emulator.syntax.parser import parse_expression
from emulator.text import NOWHERE
from emulator.types import (
    BOOL,
    DATETIME,
    DECIMAL,
    DYNAMIC,
    INT,
    LONG,
    REAL,
    STRING,
    TIMESPAN,
    Column,
    KqlType,
    Scalar,
    Schema,
    list_of,
)

COLUMNS = Schema((Column("X", LONG), Column("S", STRING)))
HOUR = 36_000_000_000


def bound(text: str) -> BoundExpression:
    return bind_scalar(parse_expression(text), COLUMNS)


@pytest.mark.parametrize(
    ("text", "value", "type_"),
    [
        ("1 + 2", 3, LONG),
        ("7 - 2 * 3", 1, LONG),
        ("-(2 + 3)", -5, LONG),
        ("int(2) * int(3)", 6, LONG),
        ("int(2) + 3", 5, LONG),
        ("1h + 30m", HOUR * 3 // 2, TIMESPAN),
        ("1h * 2", 2 * HOUR, TIMESPAN),
        ("1h - 2h", -HOUR, TIMESPAN),
        ("-1h", -HOUR, TIMESPAN),
        ("1.5 + 2.5", 4.0, REAL),
        ("1.5 - 2.5", -1.0, REAL),
        ("1.5 * 2.0", 3.0, REAL),
        ("3.0 / 2.0", 1.5, REAL),
        ("1 + 2.5", 3.5, REAL),
        ("-2.5", -2.5, REAL),
        ("-decimal(2.5)", Decimal("-2.5"), DECIMAL),
        ("datetime(2024-01-01) + 1d", datetime(2024, 1, 2), DATETIME),  # noqa: DTZ001 - naive UTC, as in the plan
        ("datetime(2024-01-01) - 1h", datetime(2023, 12, 31, 23), DATETIME),  # noqa: DTZ001 - naive UTC
    ],
)
def test_what_is_computed(text: str, value: object, type_: KqlType) -> None:
    found = folded(bound(text))
    assert isinstance(found, Constant)
    assert (found.value, found.type) == (value, type_)
    assert type(found.value) is type(value)


@pytest.mark.parametrize(
    "text",
    ["1.0 / 0.0", "7 / 2", "7 % 4", "1 + long(null)", "X + 1", "1 == 1", "true and false", "strcat('a', 'b')",
     "2h / 1h", "datetime(2024) - datetime(2023)", "decimal(1) + decimal(2)", "toint(1.5)", "now() - 1h"],
)  # fmt: skip
def test_what_is_left_to_the_engine(text: str) -> None:
    expression = bound(text)
    assert folded(expression) is expression


@pytest.mark.parametrize(
    ("text", "constant", "independent", "reads"),
    [
        ("1", True, True, False),
        ("1 + 2", False, True, False),
        ("now()", False, True, False),
        ("ago(1h)", False, True, False),
        ("rand()", False, False, False),
        ("1 + rand()", False, False, False),
        ("toscalar(print 1)", False, True, False),
        ("X", False, False, True),
        ("X + 1.5", False, False, True),
        ("1 in (print 1)", False, True, False),
        ("X in (print 1)", False, False, True),
        ("X in (1, 2)", False, False, True),
        ("strlen(S) > 1 and rand() > 0.5", False, False, True),
    ],
)
def test_what_an_expression_is(text: str, constant: bool, independent: bool, reads: bool) -> None:
    expression = bound(text)
    found = (is_constant(expression), is_row_independent(expression), reads_columns(expression))
    assert found == (constant, independent, reads)


@pytest.mark.parametrize(
    ("value", "source", "target", "converted"),
    [
        (5, LONG, LONG, 5),
        (5, INT, LONG, 5),
        (5, LONG, REAL, 5.0),
        (5, LONG, DECIMAL, Decimal(5)),
        (1.1, REAL, DECIMAL, Decimal("1.1")),
        (None, LONG, STRING, ""),
        (None, LONG, REAL, None),
        (None, LONG, list_of(Scalar.LONG), None),
    ],
)
def test_constants_as_another_type(value: object, source: KqlType, target: KqlType, converted: object) -> None:
    found = converted_constant(Constant(value, source, NOWHERE), target, NOWHERE)
    assert found == Constant(converted, target, NOWHERE)
    assert found is not None
    assert type(found.value) is type(converted)


@pytest.mark.parametrize(
    ("value", "source", "target"),
    [
        (1.5, REAL, LONG),
        ("5", STRING, LONG),
        (5, LONG, STRING),
        (True, BOOL, LONG),
        (5, TIMESPAN, LONG),
        (5, LONG, DYNAMIC),
        (5, LONG, list_of(Scalar.LONG)),
        ((5,), list_of(Scalar.LONG), LONG),
    ],
)
def test_constants_that_the_engine_converts(value: object, source: KqlType, target: KqlType) -> None:
    assert converted_constant(Constant(value, source, NOWHERE), target, NOWHERE) is None
