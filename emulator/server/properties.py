"""What a client sends → one typed request; both encodings of properties, every form of a timeout.

Unknown options are kept as sent and otherwise ignored, as the service does.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import orjson

from emulator.context import ParameterValue, RequestProperties
from emulator.errors import KustoError

QUERY_TIMEOUT = timedelta(minutes=4)
COMMAND_TIMEOUT = timedelta(minutes=10)
LONGEST_TIMEOUT = timedelta(hours=1)

# Clients put this name where their caller gave no database.
DEFAULT_DATABASE_NAME = "NetDefaultDB"

_CLOCK = re.compile(
    r"(?P<sign>-)?(?:(?P<days>\d+)(?: days?, |\.))?"
    r"(?P<hours>\d{1,2}):(?P<minutes>\d{1,2})(?::(?P<seconds>\d{1,2}(?:\.\d+)?))?"
)
_QUANTITY = re.compile(r"(?P<count>\d+(?:\.\d+)?)\s*(?P<unit>d|h|m|s|ms)")
_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One query or management command as received, with its options read."""

    text: str
    database: str | None
    properties: RequestProperties
    timeout: timedelta
    read_only: bool
    defer_failures: bool
    fragmented: bool

    @property
    def is_command(self) -> bool:
        """Whether the text is a management command: its first character after white space is a dot."""
        return self.text.lstrip().startswith(".")


def read_body(body: bytes, headers: Mapping[str, str], default_timeout: timedelta) -> WireRequest:
    """Read the JSON body of a POST: `{"db": …, "csl": …, "properties": …}`."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise KustoError(f"The request body is not JSON: {error}", code="BadRequest_InvalidJson") from error
    if not isinstance(document, dict):
        raise KustoError("The request body is not a JSON object", code="BadRequest_InvalidJson")
    return read_fields(document, headers, default_timeout)


def read_fields(fields: Mapping[str, object], headers: Mapping[str, str], default_timeout: timedelta) -> WireRequest:
    """Read the three fields of a request, from a body or from a URL's query string."""
    text = fields.get("csl")
    if not isinstance(text, str) or not text.strip():
        raise KustoError("The request carries no text", hint="send the query or command in the field 'csl'")
    database = fields.get("db")
    if database is not None and not isinstance(database, str):
        raise KustoError("The field 'db' is not a string")
    document = _document(fields.get("properties"))
    options = dict(_section(document, "Options"))
    timeout = _timeout(options, default_timeout)
    options["servertimeout"] = timeout
    properties = RequestProperties(
        parameters={name: _parameter(value) for name, value in _section(document, "Parameters").items()},
        options=options,
        client_request_id=headers.get("x-ms-client-request-id") or str(document.get("ClientRequestId") or ""),
        application=headers.get("x-ms-app", ""),
    )
    return WireRequest(
        text=text,
        database=named_database(database),
        properties=properties,
        timeout=timeout,
        read_only=flag(headers.get("x-ms-readonly"))
        or flag(options.get("request_readonly"))
        or flag(options.get("request_readonly_hardline")),
        defer_failures=flag(options.get("deferpartialqueryfailures")),
        fragmented=flag(options.get("results_v2_fragment_primary_tables")),
    )


def named_database(name: str | None) -> str | None:
    """Return the database a request means; None is the default one."""
    return None if name in (None, "", DEFAULT_DATABASE_NAME) else name


def flag(value: object) -> bool:
    """Read a boolean option, sent as `true`, `"true"` or 1."""
    return value is True or value == 1 or (isinstance(value, str) and value.strip().lower() in ("true", "1"))


def read_timespan(value: object) -> timedelta:
    """Read every form in which clients write a timeout.

    `0:01:00` and `1 day, 2:00:00` (Python), `00:01:00.000` (Node), `1.02:00:00` (.NET), `50m` or `time(50m)` (KQL).
    """
    text = str(value).strip().removeprefix("timespan(").removeprefix("time(").removesuffix(")").strip()
    if match := _CLOCK.fullmatch(text):
        span = timedelta(
            days=int(match["days"] or 0),
            hours=int(match["hours"]),
            minutes=int(match["minutes"]),
            seconds=float(match["seconds"] or 0),
        )
        return -span if match["sign"] else span
    if match := _QUANTITY.fullmatch(text):
        return float(match["count"]) * _UNITS[match["unit"]]
    raise KustoError(
        f"The option 'servertimeout' is not a timespan: '{text}'", hint="write it as 00:01:00, 1.02:00:00 or 50m"
    )


def _timeout(options: Mapping[str, object], default: timedelta) -> timedelta:
    if flag(options.get("norequesttimeout")):
        return LONGEST_TIMEOUT
    sent = options.get("servertimeout")
    if sent is None:
        return default
    timeout = read_timespan(sent)
    if timeout <= timedelta(0):
        raise KustoError(f"The option 'servertimeout' is not positive: '{sent}'")
    return min(timeout, LONGEST_TIMEOUT)


def _document(properties: object) -> dict[str, object]:
    if isinstance(properties, str) and properties.strip():
        try:
            properties = json.loads(properties)
        except json.JSONDecodeError as error:
            raise KustoError(f"The field 'properties' is not JSON: {error}", code="BadRequest_InvalidJson") from error
    if properties is None or properties == "":
        return {}
    if not isinstance(properties, dict):
        raise KustoError("The field 'properties' is not an object", code="BadRequest_InvalidJson")
    return properties


def _section(document: Mapping[str, object], name: str) -> dict[str, object]:
    section = document.get(name)
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise KustoError(f"The property '{name}' is not an object", code="BadRequest_InvalidJson")
    return section


def _parameter(value: object) -> ParameterValue:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case _:
            # A client that sends an array or an object raw means the dynamic literal of it.
            return f"dynamic({json.dumps(value)})"
