"""What the SDK does not type: request properties, and the status behind an error."""

from collections.abc import Mapping

from azure.kusto.data import ClientRequestProperties
from azure.kusto.data.exceptions import KustoServiceError


def request_properties(
    parameters: Mapping[str, object] | None = None, options: Mapping[str, object] | None = None
) -> ClientRequestProperties:
    """Return client request properties with values of any type, as the SDK accepts them at run time."""
    properties = ClientRequestProperties()  # type: ignore[no-untyped-call]  # the SDK does not annotate it
    for name, value in (parameters or {}).items():
        properties.set_parameter(name, value)  # type: ignore[arg-type]  # not only strings
    for name, value in (options or {}).items():
        properties.set_option(name, value)
    return properties


def status_of(error: KustoServiceError) -> int:
    """Return the HTTP status of the answer that became an error of the synchronous client."""
    return int(getattr(error.http_response, "status_code", 0))
