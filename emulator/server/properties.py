"""What a client sends → one typed request; both encodings of properties.

Unknown options are kept as sent and otherwise ignored, as the service does.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import orjson

from emulator.context import ParameterValue, RequestProperties
from emulator.errors import KustoError
from emulator.options import flag
from emulator.options import timeout as read_timeout
from emulator.syntax.requests import is_command, is_computing_command, is_show_command, is_urgent_command
from emulator.work import Work

# Clients put this name where their caller gave no database.
DEFAULT_DATABASE_NAME = "NetDefaultDB"


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
        """Whether the text is a management command."""
        return is_command(self.text)

    @property
    def is_show_command(self) -> bool:
        """Whether the text is a management command that changes nothing."""
        return is_show_command(self.text)

    @property
    def is_urgent(self) -> bool:
        """Whether the text is what an administrator sees and ends work with."""
        return is_urgent_command(self.text)

    @property
    def is_computing(self) -> bool:
        """Whether the text is a command that stores what it computes."""
        return is_computing_command(self.text)

    def work(self) -> Work:
        """Return the work that begins with the request."""
        return Work(self.timeout.total_seconds(), self.properties.client_request_id)


def read_body(
    body: bytes,
    headers: Mapping[str, str],
    default_timeout: timedelta,
    load: Callable[[bytes], object] = orjson.loads,
) -> WireRequest:
    """Read the JSON body of a POST: `{"db": …, "csl": …, "properties": …}`."""
    try:
        document = load(body)
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
    timeout = read_timeout(options, default_timeout)
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
