"""How callers of the API write values of each type; the registry's limits and examples keep to it too."""

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from emulator.types import Scalar

TIMESPAN_PATTERN = r"^[0-9]+(\.[0-9]+)?(d|h|m|s|ms)$"
# As JSON writes them, which is what the document promises; Python reads much more (1_000, +5, ５, yes).
INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
BOOLEAN = re.compile(r"true|false")
HIGHEST = {Scalar.INT: 2**31 - 1, Scalar.LONG: 2**63 - 1}
# An unescaped plus sign arrives as a space.
_LOST_PLUS = re.compile(r" (\d{2}:\d{2})$")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:\d{2})?)?")


def moment_of(text: str) -> datetime:
    """Read a date (its midnight) or an RFC 3339 time, in UTC where no offset stands; other text is a ValueError."""
    text = _LOST_PLUS.sub(r"+\1", text.strip())
    if not _MOMENT.fullmatch(text):
        raise ValueError(text)
    try:
        moment = datetime.fromisoformat(text.upper())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(text) from error


def is_number_of(scalar: Scalar, value: object) -> bool:
    """Tell whether a value is a number that a numeric type holds: whole for whole ones, and finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    highest = HIGHEST.get(scalar)
    if highest is not None:
        return isinstance(value, int) and -highest - 1 <= value <= highest
    return abs(value) <= sys.float_info.max


def is_value_of(scalar: Scalar, value: object) -> bool:
    """Tell whether a value of TOML is one that a caller may give for a parameter of a type."""
    match scalar:
        case Scalar.BOOL:
            return isinstance(value, bool)
        case Scalar.INT | Scalar.LONG | Scalar.REAL | Scalar.DECIMAL:
            return is_number_of(scalar, value)
        case Scalar.STRING:
            return isinstance(value, str)
        case Scalar.DATETIME:
            return _reads(moment_of, value)
        case Scalar.TIMESPAN:
            return isinstance(value, str) and re.fullmatch(TIMESPAN_PATTERN, value) is not None
        case Scalar.GUID:
            return _reads(UUID, value)
        case Scalar.DYNAMIC:
            return isinstance(value, str | list) or is_value_of(Scalar.BOOL, value) or is_number_of(Scalar.REAL, value)


def _reads(read: Callable[[str], object], value: object) -> bool:
    try:
        return isinstance(value, str) and read(value) is not None
    except ValueError:
        return False
