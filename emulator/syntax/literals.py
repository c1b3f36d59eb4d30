"""Values of literals: string escapes, numbers, timespans and the `type(text)` forms.

Every reader raises ValueError with a sentence for the user; the lexer turns it into an error token.
"""

import math
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from uuid import UUID

from emulator.text import encodable
from emulator.types import (
    ALIASES,
    TICKS_PER_DAY,
    TICKS_PER_HOUR,
    TICKS_PER_MICROSECOND,
    TICKS_PER_MILLISECOND,
    TICKS_PER_MINUTE,
    TICKS_PER_SECOND,
    Scalar,
)

# scalar-data-types/timespan.md, "timespan literals", with the plural and short spellings the service accepts.
_TICKS_PER_UNIT: dict[str, Fraction] = {
    **dict.fromkeys(("d", "day", "days"), Fraction(TICKS_PER_DAY)),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), Fraction(TICKS_PER_HOUR)),
    **dict.fromkeys(("m", "min", "minute", "minutes"), Fraction(TICKS_PER_MINUTE)),
    **dict.fromkeys(("s", "sec", "second", "seconds"), Fraction(TICKS_PER_SECOND)),
    **dict.fromkeys(
        ("ms", "milli", "millis", "millisec", "millisecond", "milliseconds"), Fraction(TICKS_PER_MILLISECOND)
    ),
    **dict.fromkeys(("micro", "micros", "microsec", "microsecond", "microseconds"), Fraction(TICKS_PER_MICROSECOND)),
    **dict.fromkeys(("nano", "nanos", "nanosec", "nanosecond", "nanoseconds"), Fraction(1, 100)),
    **dict.fromkeys(("tick", "ticks"), Fraction(1)),
}
TIMESPAN_UNITS = tuple(sorted(_TICKS_PER_UNIT, key=len, reverse=True))

_ESCAPE = re.compile(
    r"""\\(?:(?P<simple>[\\'"abfnrtv])|u(?P<u4>[0-9a-fA-F]{4})|U(?P<u8>[0-9a-fA-F]{8})|x(?P<x2>[0-9a-fA-F]{2})"""
    r"""|(?P<octal>[0-3][0-7]{2}|[0-7]{1,2})|(?P<bad>.?))""",
    re.DOTALL,
)
_SIMPLE_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}

_UNIT_TIMESPAN = re.compile(r"(?P<sign>[+-]?)\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[a-z]+)")
_CLOCK_TIMESPAN = re.compile(
    r"(?P<sign>[+-]?)(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{1,2})"
    r"(?::(?P<seconds>\d{1,2})(?:\.(?P<fraction>\d+))?)?"
)
_DAYS_TIMESPAN = re.compile(r"(?P<sign>[+-]?)(?P<days>\d+)(?:\.(?P<fraction>\d+))?")
_INTEGER = re.compile(r"(?P<sign>[+-]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|(?P<digits>\d+))")
# Only the shape: which formats there are, and which days, is the binder's to know.
_DATETIME = re.compile(r"(?=.*\d)[\w :.,/+-]+", re.ASCII)
_REAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_INFINITIES = {"inf": math.inf, "+inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def unescape(content: str) -> str:
    """Decode the backslash escapes of a string literal's content."""
    return encodable(_ESCAPE.sub(_escaped, content)) if "\\" in content else content


def timespan_ticks(number: str, unit: str) -> int:
    """Return the 100 ns ticks of `1.5h`; what is smaller than a tick is dropped."""
    return int(Fraction(number) * _TICKS_PER_UNIT[unit])


def integer(text: str, bits: int) -> int:
    """Read a decimal or hexadecimal integer; hexadecimal digits are the two's complement, as in Kusto."""
    match = _INTEGER.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a whole number")
    if digits := match["hex"]:
        value = int(digits, 16)
        if value >> bits:
            raise ValueError(f"{text} does not fit into {bits} bits")
        value -= (value >> (bits - 1)) << bits
    else:
        value = int(match["digits"])
    if match["sign"] == "-":
        value = -value
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        raise ValueError(f"{text} does not fit into {bits} bits")
    return value


def typed_literal(type_name: str, content: str) -> tuple[Scalar, object]:
    """Read `type_name(content)`, for example `datetime(2026-01-05)`; `null` gives None."""
    scalar = ALIASES[type_name]
    text = content.strip()
    if text == "null":
        return scalar, None
    if scalar not in _READERS:
        raise ValueError(f"there is no literal form {type_name}(…)")
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].strip()
    return scalar, _READERS[scalar](text)


def _escaped(match: re.Match[str]) -> str:
    if (simple := match["simple"]) is not None:
        return _SIMPLE_ESCAPES.get(simple, simple)
    if (octal := match["octal"]) is not None:
        return chr(int(octal, 8))
    digits = match["u4"] or match["u8"] or match["x2"]
    if digits is None or int(digits, 16) > 0x10FFFF:
        raise ValueError(f"'{match[0]}' is not an escape sequence; double the backslash or write @'…'")
    return chr(int(digits, 16))


def _bool(text: str) -> bool:
    match text.lower():
        case "true" | "1":
            return True
        case "false" | "0":
            return False
        case _:
            raise ValueError(f"{text!r} is not true or false")


def _real(text: str) -> float:
    if (special := _INFINITIES.get(text.lower())) is not None:
        return special
    if _REAL.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a number")
    return float(text)


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a decimal number") from None
    if not value.is_finite():
        raise ValueError(f"{text!r} is not a decimal number")
    return value


def _datetime(text: str) -> str:
    if _DATETIME.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a date or time")
    return text


def _guid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise ValueError(f"{text!r} is not a guid") from None


def _timespan(text: str) -> int:
    if match := _UNIT_TIMESPAN.fullmatch(text):
        if match["unit"] not in _TICKS_PER_UNIT:
            raise ValueError(f"{match['unit']!r} is not a unit of time")
        ticks = timespan_ticks(match["number"], match["unit"])
    elif match := _CLOCK_TIMESPAN.fullmatch(text):
        hours, minutes, seconds = (int(match[part] or 0) for part in ("hours", "minutes", "seconds"))
        if hours > 23 or minutes > 59 or seconds > 59:
            raise ValueError(f"{text!r} is not a timespan: hours end at 23, minutes and seconds at 59")
        ticks = int(match["days"] or 0) * TICKS_PER_DAY + hours * TICKS_PER_HOUR + minutes * TICKS_PER_MINUTE
        ticks += int(Fraction(f"{seconds}.{match['fraction'] or 0}") * TICKS_PER_SECOND)
    elif match := _DAYS_TIMESPAN.fullmatch(text):
        ticks = timespan_ticks(f"{match['days']}.{match['fraction'] or 0}", "d")
    else:
        raise ValueError(f"{text!r} is not a timespan")
    return -ticks if match["sign"] == "-" else ticks


_READERS: dict[Scalar, Callable[[str], object]] = {
    Scalar.BOOL: _bool,
    Scalar.INT: lambda text: integer(text, 32),
    Scalar.LONG: lambda text: integer(text, 64),
    Scalar.REAL: _real,
    Scalar.DECIMAL: _decimal,
    Scalar.DATETIME: _datetime,
    Scalar.TIMESPAN: _timespan,
    Scalar.GUID: _guid,
}
