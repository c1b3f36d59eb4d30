"""Query parameters: from what a client sends to what DuckDB binds, by the declared type.

Clients send JSON values as they are, KQL literals in strings (`datetime(2026-01-02)`), and what Python's `str` makes
of dates and durations.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from emulator.binder.bind_expressions.constants import read_datetime, to_utc
from emulator.binder.bind_expressions.dynamic_literals import read_dynamic
from emulator.binder.plan import ParameterDeclaration
from emulator.context import ParameterValue
from emulator.errors import KustoError, SemanticFault
from emulator.syntax.literals import typed_literal
from emulator.text import NOWHERE
from emulator.types import ALIASES, TICKS_PER_DAY, TICKS_PER_MICROSECOND, TICKS_PER_SECOND, Scalar

_TYPED = re.compile(r"\s*([a-z0-9]+)\s*\((.*)\)\s*", re.DOTALL)
_PYTHON_DURATION = re.compile(r"(-?\d+) days?(?:, (\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,6}))?)?")


def bind_parameters(
    declarations: Sequence[ParameterDeclaration], sent: Mapping[str, ParameterValue]
) -> dict[str, object]:
    """Return a DuckDB value per declared parameter; what a client sends beyond the declarations is ignored."""
    return {declaration.name: _bound(declaration, sent) for declaration in declarations}


def _bound(declaration: ParameterDeclaration, sent: Mapping[str, ParameterValue]) -> object:
    scalar = declaration.column.type.scalar
    if declaration.name in sent:
        value = sent[declaration.name]
        try:
            result = _READERS[scalar](value) if value is not None else None
        except (ValueError, KustoError) as error:
            reason = error.message if isinstance(error, KustoError) else str(error)
            raise SemanticFault(
                f"Query parameter '{declaration.name}' is not a valid {scalar}: {reason}",
                "SEM0050",
                declaration.span,
                f"found {_shown(value)}; send a JSON value or a KQL literal such as {_EXAMPLES[scalar]}",
            ) from None
    elif declaration.default is not None:
        result = declaration.default.value
    else:
        raise SemanticFault(
            f"Query parameter '{declaration.name}' of type {scalar} has no value and no default",
            "SEM0051",
            declaration.span,
            "send it in the request's parameters, or declare a default",
        )
    # Kusto's strings have no null.
    return "" if result is None and scalar is Scalar.STRING else result


def _shown(value: ParameterValue) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _literal(value: str, scalar: Scalar) -> object:
    """Read `type(text)`, or the text alone."""
    text = value.strip()
    match = _TYPED.fullmatch(text)
    if match is not None and ALIASES.get(match[1]) is not None:
        found, result = typed_literal(match[1], match[2])
        if found is not scalar and not (found.is_numeric and scalar.is_numeric):
            raise ValueError(f"{text} is of type {found}")
        return result
    return typed_literal(scalar.value, text)[1]


def _bool(value: ParameterValue) -> object:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value != 0
    if isinstance(value, str):
        return _literal(value, Scalar.BOOL)
    raise ValueError(f"a {type(value).__name__} is not true or false")


def _integer(scalar: Scalar, bits: int) -> Callable[[ParameterValue], object]:
    def read(value: ParameterValue) -> object:
        if isinstance(value, str):
            value = _number(_literal(value, scalar))
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"{value} is not a whole number")
        if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
            raise ValueError(f"{value} does not fit into {bits} bits")
        return value

    return read


def _number(value: object) -> int | float | None:
    match value:
        case None | int() | float():
            return value
        case Decimal() if value == value.to_integral_value():
            return int(value)
        case _:
            return float(str(value))


def _real(value: ParameterValue) -> object:
    if isinstance(value, str):
        number = _number(_literal(value, Scalar.REAL))
        return None if number is None else float(number)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise ValueError(f"a {type(value).__name__} is not a number")


def _decimal(value: ParameterValue) -> object:
    if isinstance(value, str):
        result = _literal(value, Scalar.DECIMAL)
        return None if result is None else Decimal(str(result))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(str(value))
    raise ValueError(f"a {type(value).__name__} is not a number")


def _string(value: ParameterValue) -> object:
    if isinstance(value, str):
        return value
    raise ValueError(f"a {type(value).__name__} is not a string")


def _datetime(value: ParameterValue) -> object:
    if isinstance(value, datetime):
        return to_utc(value)
    if isinstance(value, str):
        text = _literal(value, Scalar.DATETIME)
        return None if text is None else read_datetime(str(text), NOWHERE)
    raise ValueError(f"a {type(value).__name__} is not a date or time")


def _timespan(value: ParameterValue) -> object:
    if isinstance(value, timedelta):
        return (value // timedelta(microseconds=1)) * TICKS_PER_MICROSECOND
    if isinstance(value, str):
        if match := _PYTHON_DURATION.fullmatch(value.strip()):
            days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[:4])
            clock = (hours * 3600 + minutes * 60 + seconds) * TICKS_PER_SECOND
            return days * TICKS_PER_DAY + clock + int((match[5] or "").ljust(6, "0")) * TICKS_PER_MICROSECOND
        return _literal(value, Scalar.TIMESPAN)
    raise ValueError(f"a {type(value).__name__} is not a timespan")


def _guid(value: ParameterValue) -> object:
    if isinstance(value, str):
        return _literal(value, Scalar.GUID)
    raise ValueError(f"a {type(value).__name__} is not a guid")


def _dynamic(value: ParameterValue) -> object:
    text = value.strip() if isinstance(value, str) else str(value).lower()
    if text.startswith("dynamic(") and text.endswith(")"):
        text = text.removeprefix("dynamic(").removesuffix(")")
    return read_dynamic(text, NOWHERE)


_READERS: dict[Scalar, Callable[[ParameterValue], object]] = {
    Scalar.BOOL: _bool,
    Scalar.INT: _integer(Scalar.INT, 32),
    Scalar.LONG: _integer(Scalar.LONG, 64),
    Scalar.REAL: _real,
    Scalar.DECIMAL: _decimal,
    Scalar.STRING: _string,
    Scalar.DATETIME: _datetime,
    Scalar.TIMESPAN: _timespan,
    Scalar.GUID: _guid,
    Scalar.DYNAMIC: _dynamic,
}

_EXAMPLES: dict[Scalar, str] = {
    Scalar.BOOL: "true",
    Scalar.INT: "10",
    Scalar.LONG: "10",
    Scalar.REAL: "1.5",
    Scalar.DECIMAL: "decimal(1.5)",
    Scalar.STRING: '"text"',
    Scalar.DATETIME: "datetime(2026-01-05T14:30:00Z)",
    Scalar.TIMESPAN: "1d",
    Scalar.GUID: "guid(74be27de-1e4e-49d9-b579-fe0b331d3642)",
    Scalar.DYNAMIC: "dynamic([1, 2])",
}
