"""Values of query parameters: text ↔ Python, and the words for what is wanted."""

import re
from datetime import datetime, timedelta
from difflib import get_close_matches

from pydantic_core import PydanticCustomError

from emulator.context import ParameterValue
from emulator.types import Scalar
from kql.forms import BOOLEAN, INTEGER, NUMBER, moment_of
from kql.registry import EndpointParameter

_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}


def read_integer(value: object) -> object:
    """Return a value that is written as an integer."""
    return _written(value, INTEGER)


def read_number(value: object) -> object:
    """Return a value that is written as a number."""
    return _written(value, NUMBER)


def read_boolean(value: object) -> object:
    """Return a value that is written as true or false."""
    return _written(value, BOOLEAN)


def read_moment(value: object) -> datetime:
    """Read a date (its midnight) or an RFC 3339 time, in UTC where no offset stands."""
    if isinstance(value, datetime):
        return value
    try:
        return moment_of(str(value))
    except ValueError:
        raise PydanticCustomError("moment", "not a date or time") from None


def read_timespan(text: str) -> timedelta:
    """Read `90s`, `5m`, `1.5h` or `1d`; the text has matched `TIMESPAN_PATTERN`."""
    unit = text.lstrip("0123456789.")
    return float(text.removesuffix(unit)) * _UNITS[unit]


def argument(parameter: EndpointParameter, value: object) -> ParameterValue:
    """Return a validated value as the Eventhouse takes it."""
    if parameter.type.scalar is Scalar.TIMESPAN:
        return read_timespan(str(value))
    match value:
        case None | bool() | int() | float() | str() | datetime():
            return value
        case _:
            return str(value)


def public(value: object) -> object:
    """Return a validated value as the answer repeats it."""
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def wanted(parameter: EndpointParameter) -> str:
    """Say which values a parameter takes."""
    if parameter.allowed:
        return "one of " + ", ".join(parameter.allowed)
    match parameter.type.scalar:
        case Scalar.BOOL:
            return "true or false"
        case Scalar.INT | Scalar.LONG:
            return "a whole number" + _limits(parameter)
        case Scalar.REAL | Scalar.DECIMAL:
            return "a number" + _limits(parameter)
        case Scalar.DATETIME:
            return "a date such as 2024-01-31, or an RFC 3339 time such as 2024-01-31T14:30:00Z"
        case Scalar.TIMESPAN:
            return "a timespan such as 90s, 5m, 1h or 1d"
        case Scalar.GUID:
            return "a UUID"
        case Scalar.STRING | Scalar.DYNAMIC:
            return "text"


def closest(name: str, names: list[str] | tuple[str, ...]) -> str | None:
    """Return a did-you-mean for a misspelt name."""
    close = get_close_matches(name.lower(), names)
    return f"did you mean '{close[0]}'?" if close else None


def _written(value: object, form: re.Pattern[str]) -> object:
    if isinstance(value, str) and not form.fullmatch(value):
        raise PydanticCustomError("form", "not written so")
    return value


def _limits(parameter: EndpointParameter) -> str:
    low, high = parameter.minimum, parameter.maximum
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}"
    if low is not None:
        return f" of at least {low:g}"
    return "" if high is None else f" of at most {high:g}"
