"""The texts in which Kusto shows values: in dynamic values, over the wire, in policies and in the tool's output."""

from datetime import datetime
from decimal import Decimal

from emulator.types import TICKS_PER_DAY, TICKS_PER_HOUR, TICKS_PER_MINUTE, TICKS_PER_SECOND


def timespan_text(ticks: int) -> str:
    """Return ticks of 100 ns as `[-][d.]hh:mm:ss[.fffffff]`, .NET's constant form."""
    sign, ticks = ("-", -ticks) if ticks < 0 else ("", ticks)
    days, ticks = divmod(ticks, TICKS_PER_DAY)
    hours, ticks = divmod(ticks, TICKS_PER_HOUR)
    minutes, ticks = divmod(ticks, TICKS_PER_MINUTE)
    seconds, fraction = divmod(ticks, TICKS_PER_SECOND)
    text = f"{hours:02}:{minutes:02}:{seconds:02}"
    if days:
        text = f"{days}.{text}"
    return f"{sign}{text}.{fraction:07}" if fraction else sign + text


def datetime_text(value: datetime) -> str:
    """Return a datetime in UTC as ISO 8601 with seven digits, as it stands inside JSON."""
    return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond:06d}0Z"


def decimal_text(value: Decimal) -> str:
    """Return a decimal without exponent and without trailing zeros: it travels as a string."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def json_kind(value: object) -> str:
    """Return what a value read from JSON is, as an error says it: `null`, `a string`, `an object`, …"""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case dict():
            return "an object"
        case _:
            return "an array"
