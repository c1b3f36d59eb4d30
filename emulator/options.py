"""Request options, as properties of a request and as `set` statements carry them: one reading of each form."""

import re
from collections.abc import Mapping
from datetime import timedelta

from emulator.errors import SemanticFault
from emulator.syntax.literals import TIMESPAN_UNITS, timespan_ticks
from emulator.types import TICKS_PER_MICROSECOND

# concepts/querylimits.md, "Limit on execution timeout".
QUERY_TIMEOUT = timedelta(minutes=4)
COMMAND_TIMEOUT = timedelta(minutes=10)
LONGEST_TIMEOUT = timedelta(hours=1)

# api/rest/request-properties.md: "can't be set with a set statement". In a text they are of no effect.
OF_REQUESTS_ONLY = frozenset(
    {
        *("norequesttimeout", "queryconsistency", "query_language", "query_log_query_parameters"),
        *("query_weakconsistency_session_id", "request_app_name", "request_readonly", "request_readonly_hardline"),
        *("request_user", "results_progressive_enabled", "results_v2_fragment_primary_tables", "servertimeout"),
        "truncationmaxsize",
    }
)

_CLOCK = re.compile(
    r"(?P<sign>-)?(?:(?P<days>\d+)(?: days?, |\.))?"
    r"(?P<hours>\d{1,2}):(?P<minutes>\d{1,2})(?::(?P<seconds>\d{1,2}(?:\.\d+)?))?"
)
_QUANTITY = re.compile(rf"(?P<count>\d+(?:\.\d+)?)\s*(?P<unit>{'|'.join(TIMESPAN_UNITS)})")


def flag(value: object) -> bool:
    """Read a boolean option, sent as `true`, `"true"` or 1."""
    return value is True or value == 1 or (isinstance(value, str) and value.strip().lower() in ("true", "1"))


def count(name: str, options: Mapping[str, object], default: int) -> int:
    """Read an option that is a number of something; raise SemanticFault for what is none."""
    value = options.get(name)
    if value is None:
        return default
    try:
        found = int(str(value).strip())
    except ValueError:
        found = -1
    if found < 0:
        raise SemanticFault(f"The option '{name}' is not a whole number: '{value}'", "SEM0052")
    return found


def timeout(options: Mapping[str, object], default: timedelta) -> timedelta:
    """Read `servertimeout` and `norequesttimeout`; raise SemanticFault for what is no positive timespan.

    An hour is the longest that a request may take.
    """
    if flag(options.get("norequesttimeout")):
        return LONGEST_TIMEOUT
    sent = options.get("servertimeout")
    if sent is None:
        return default
    span = read_timespan(sent)
    if span <= timedelta(0):
        raise SemanticFault(f"The option 'servertimeout' is not positive: '{sent}'", "SEM0052")
    return min(span, LONGEST_TIMEOUT)


def read_timespan(value: object) -> timedelta:
    """Read every form in which clients write a timeout; raise SemanticFault for any other.

    `0:01:00` and `1 day, 2:00:00` (Python), `00:01:00.000` (Node), `1.02:00:00` (.NET), `50m` or `time(50m)` (KQL).
    """
    if isinstance(value, timedelta):
        return value
    text = str(value).strip().removeprefix("timespan(").removeprefix("time(").removesuffix(")").strip()
    try:
        if match := _CLOCK.fullmatch(text):
            span = timedelta(
                days=int(match["days"] or 0),
                hours=int(match["hours"]),
                minutes=int(match["minutes"]),
                seconds=float(match["seconds"] or 0),
            )
            return -span if match["sign"] else span
        if match := _QUANTITY.fullmatch(text):
            return timedelta(microseconds=timespan_ticks(match["count"], match["unit"]) // TICKS_PER_MICROSECOND)
    except (OverflowError, ValueError):
        # Longer than any timespan, or of so many digits that Python reads them as no number.
        return timedelta.min if text.startswith("-") else timedelta.max
    raise SemanticFault(
        f"The option 'servertimeout' is not a timespan: '{text}'",
        "SEM0052",
        hint="write it as 00:01:00, 1.02:00:00 or 50m",
    )
