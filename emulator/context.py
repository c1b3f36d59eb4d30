"""What a request brings along besides its text; frozen and passed explicitly, never ambient."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

ParameterValue = bool | int | float | str | datetime | timedelta | None


@dataclass(frozen=True, slots=True)
class RequestProperties:
    """Client request properties: parameters by name, options as sent, and the caller's id.

    A parameter is a Python value, or for types without one (guid, decimal, dynamic, timespan literals) the KQL
    literal in a string, read by the type in `declare query_parameters`.
    """

    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    client_request_id: str = ""
    application: str = ""


NO_PROPERTIES = RequestProperties()
