"""The limits of one query: time, records and size of its result."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from emulator.errors import SemanticFault
from emulator.syntax.literals import typed_literal
from emulator.types import TICKS_PER_MICROSECOND

# concepts/querylimits.md, "Limit on result set size (result truncation)" and "Limit on execution timeout".
MAX_RECORDS = 500_000
MAX_BYTES = 64 * 1024 * 1024
QUERY_TIMEOUT = timedelta(minutes=4)
LONGEST_TIMEOUT = timedelta(hours=1)

_PYTHON_DURATION = re.compile(r"(?:(\d+) days?, )?(\d{1,2}):(\d{2}):(\d{2}(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a query may take; None is no limit."""

    records: int | None = MAX_RECORDS
    size: int | None = MAX_BYTES
    timeout: timedelta = QUERY_TIMEOUT

    @classmethod
    def of(cls, options: Mapping[str, object]) -> "Limits":
        """Read the request options `notruncation`, `truncationmaxrecords`, `truncationmaxsize`, `servertimeout`."""
        timeout = LONGEST_TIMEOUT if _flag(options.get("norequesttimeout")) else _timeout(options.get("servertimeout"))
        if _flag(options.get("notruncation")):
            return cls(None, None, timeout)
        return cls(
            _count("truncationmaxrecords", options, MAX_RECORDS),
            _count("truncationmaxsize", options, MAX_BYTES),
            timeout,
        )


def _flag(value: object) -> bool:
    return value is True or value == 1 or (isinstance(value, str) and value.strip().lower() in ("", "true", "1"))


def _count(name: str, options: Mapping[str, object], default: int) -> int:
    value = options.get(name)
    if value is None:
        return default
    try:
        count = int(str(value).strip())
    except ValueError:
        count = -1
    if count < 0:
        raise SemanticFault(f"The option '{name}' is not a whole number: '{value}'", "SEM0052")
    return count


def _timeout(value: object) -> timedelta:
    if value is None:
        return QUERY_TIMEOUT
    if isinstance(value, timedelta):
        return min(value, LONGEST_TIMEOUT)
    text = str(value).strip()
    if match := _PYTHON_DURATION.fullmatch(text):
        days, hours, minutes, seconds = match.groups()
        span = timedelta(days=int(days or 0), hours=int(hours), minutes=int(minutes), seconds=float(seconds))
        return min(span, LONGEST_TIMEOUT)
    literal = text.removeprefix("timespan(").removeprefix("time(").removesuffix(")")
    try:
        ticks = typed_literal("timespan", literal)[1]
    except ValueError:
        ticks = None
    if not isinstance(ticks, int) or ticks <= 0:
        raise SemanticFault(
            f"The option 'servertimeout' is not a positive timespan: '{text}'",
            "SEM0052",
            hint="write it as 00:01:00, 1.02:00:00 or 50m",
        )
    return min(timedelta(microseconds=ticks // TICKS_PER_MICROSECOND), LONGEST_TIMEOUT)
