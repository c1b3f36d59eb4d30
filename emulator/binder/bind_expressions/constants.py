"""Constants: how literals become values, and the arithmetic on them that Kusto does before a query runs."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from emulator.binder.expression import (
    COLUMNS,
    NOT_FOLDED,
    VOLATILE,
    BoundExpression,
    Constant,
    Conversion,
    FunctionCall,
    QueryParameter,
)
from emulator.binder.faults import bad_value
from emulator.binder.walk import bottom_up, children
from emulator.text import Span
from emulator.types import INTEGERS, TICKS_PER_MICROSECOND, KqlType, Scalar

_DATETIME = re.compile(
    r"(?P<year>\d{4})\s*[-/,]\s*(?P<month>\d{1,2})(?:\s*[-/,]\s*(?P<day>\d{1,2}))?"
    r"(?:[T ]\s*(?P<hour>\d{1,2})(?::(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:[.,](?P<fraction>\d{1,9}))?)?)?)?"
    r"\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
_AMERICAN = re.compile(
    r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})"
    r"(?:,?\s+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?)?"
    r"\s*(?P<half>AM|PM)?)?\s*(?P<zone>Z|UTC|GMT)?",
    re.IGNORECASE,
)
_COMPACT = re.compile(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})")
_RFC_1123 = ("%a, %d %b %Y %H:%M:%S", "%d %b %Y %H:%M:%S", "%A, %d-%b-%y %H:%M:%S", "%a %b %d %H:%M:%S %Y")
_YEAR = re.compile(r"\d{4}")


def read_datetime(text: str, span: Span) -> datetime:
    """Read the text of a datetime literal as naive UTC; digits below the microsecond are cut off."""
    text = text.strip()
    for shape in (_DATETIME, _AMERICAN, _COMPACT):
        if match := shape.fullmatch(text):
            try:
                return _from_parts(match.groupdict())
            except ValueError as error:
                raise bad_value(f"'{text}' is not a date: {error}", span) from None
    if _YEAR.fullmatch(text) and int(text) > 0:
        return datetime(int(text), 1, 1)  # noqa: DTZ001 - datetimes are naive UTC throughout the plan
    bare = re.sub(r"\s*(GMT|UTC|Z)$", "", text, flags=re.IGNORECASE)
    for layout in _RFC_1123:
        try:
            return datetime.strptime(bare, layout)  # noqa: DTZ007 - datetimes are naive UTC throughout the plan
        except ValueError:
            continue
    raise bad_value(f"Failed to parse datetime literal: '{text}'", span, "write it as 2026-01-05T14:30:00Z")


def _from_parts(parts: dict[str, str | None]) -> datetime:
    def number(name: str, default: int) -> int:
        return int(parts.get(name) or default)

    hour = number("hour", 0)
    if half := parts.get("half"):
        hour = hour % 12 + (12 if half.upper() == "PM" else 0)
    days = 0
    if hour == 24:
        hour, days = 0, 1
    fraction = (parts.get("fraction") or "").ljust(6, "0")[:6]
    value = datetime(  # noqa: DTZ001 - the zone is applied below
        number("year", 1), number("month", 1), number("day", 1), hour, number("minute", 0), number("second", 0),
        int(fraction),
    )  # fmt: skip
    zone = parts.get("zone") or "Z"
    offset = timedelta()
    if zone[0] in "+-":
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        if hours > 23 or minutes > 59:
            raise ValueError(f"{zone} is no offset from UTC")
        offset = timedelta(hours=hours, minutes=minutes)
    try:
        return value + timedelta(days=days) - (offset if zone[0] == "+" else -offset)
    except OverflowError:
        raise ValueError("datetimes go from the year 1 to the year 9999") from None


def to_utc(value: datetime) -> datetime:
    """Return a datetime as naive UTC; raise ValueError where Kusto has none."""
    try:
        return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise ValueError("datetimes go from the year 1 to the year 9999") from None


def is_constant(expression: BoundExpression) -> bool:
    """Tell whether an expression is a literal or a query parameter, possibly converted."""
    match expression:
        case Constant() | QueryParameter():
            return True
        case Conversion(operand=operand):
            return is_constant(operand)
        case _:
            return False


def is_row_independent(expression: BoundExpression) -> bool:
    """Tell whether an expression has the same value for every row of a query."""
    return not expression.traits & (COLUMNS | VOLATILE)


def reads_columns(expression: BoundExpression) -> bool:
    """Tell whether an expression refers to a column of its row."""
    return bool(expression.traits & COLUMNS)


def folded(expression: BoundExpression) -> BoundExpression:
    """Compute arithmetic and conversions of constants; anything else comes back as it is."""
    if expression.traits & NOT_FOLDED or isinstance(expression, Constant):
        return expression
    known: dict[int, BoundExpression] = {}
    for node in bottom_up((expression,)):
        known[id(node)] = _folded(node, [known[id(each)] for each in children(node)])
    return known[id(expression)]


def _folded(expression: BoundExpression, operands: list[BoundExpression]) -> BoundExpression:
    constants = [each for each in operands if isinstance(each, Constant)]
    if len(constants) < len(operands):
        return expression
    match expression:
        case Conversion(type=type_, span=span):
            return converted_constant(constants[0], type_, span) or expression
        case FunctionCall(function=function, type=type_, span=span):
            result = _computed(function.name, constants, type_)
            return expression if result is None else Constant(result, type_, span)
        case _:
            return expression


def _computed(operator: str, operands: list[Constant], type_: KqlType) -> object:
    if any(operand.value is None for operand in operands):
        return None
    values = [operand.value for operand in operands]
    scalars = [operand.type.scalar for operand in operands]
    if len(values) == 1 and operator == "-" and isinstance(values[0], int | float | Decimal):
        return -values[0]
    if len(values) != 2:
        return None
    left, right = values
    if isinstance(left, int) and isinstance(right, int) and not isinstance(left, bool) and not isinstance(right, bool):
        return _computed_integers(operator, left, right, scalars, type_)
    if isinstance(left, datetime) and isinstance(right, int) and scalars[1] is Scalar.TIMESPAN:
        try:
            delta = timedelta(microseconds=right // TICKS_PER_MICROSECOND)
            return left + delta if operator == "+" else left - delta if operator == "-" else None
        except OverflowError:
            # The engine goes on with it, and shows null.
            return None
    if isinstance(left, float) and isinstance(right, float):
        return _computed_reals(operator, left, right)
    return None


def _computed_integers(operator: str, left: int, right: int, scalars: list[Scalar], type_: KqlType) -> int | None:
    allowed = INTEGERS | {Scalar.TIMESPAN}
    if type_.scalar not in allowed or not all(scalar in allowed for scalar in scalars):
        return None
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            return None


def _computed_reals(operator: str, left: float, right: float) -> float | None:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/" if right != 0:
            return left / right
        case _:
            return None


def converted_constant(constant: Constant, type_: KqlType, span: Span) -> Constant | None:
    """Return a constant as another type where the conversion loses nothing, None where the engine must do it."""
    source, target, value = constant.type.scalar, type_.scalar, constant.value
    if constant.type == type_:
        return constant
    if value is None:
        return Constant("" if target is Scalar.STRING else None, type_, span)
    if type_.is_typed_list or constant.type.is_typed_list:
        return None
    if source in INTEGERS and isinstance(value, int):
        if target in INTEGERS:
            return Constant(value, type_, span)
        if target is Scalar.REAL:
            return Constant(float(value), type_, span)
        if target is Scalar.DECIMAL:
            return Constant(Decimal(value), type_, span)
    if source is Scalar.REAL and target is Scalar.DECIMAL and isinstance(value, float):
        return Constant(Decimal(repr(value)), type_, span)
    return None
