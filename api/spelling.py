"""One key for the many ways of writing a request: order, escapes, letters of symbols, forms of a time."""

from typing import TypeAlias
from urllib.parse import parse_qsl

from pydantic_core import PydanticCustomError

from api.parameters import canonical_symbols, names_issues
from api.problems import ApiError
from api.values import read_moment
from emulator.types import Scalar
from kql.reference import Company
from kql.registry import Endpoint, EndpointParameter

Key: TypeAlias = tuple[str, ...]


def key_of(endpoint: Endpoint, in_path: dict[str, str], query: bytes, companies: tuple[Company, ...]) -> Key:
    """Return the key of a request: its route, then names and values by turns.

    Requests with the same key are answered alike. Of one that will be refused it is the text as it was sent.
    """
    text = query.decode("latin-1")
    pairs = parse_qsl(text, keep_blank_values=True)
    if names_issues(endpoint, [name for name, _ in pairs]):
        return (endpoint.route, *in_path.values(), text)
    values = sorted({**dict(pairs), **in_path}.items())
    spelt = ((name, _value(endpoint.parameter(name), value, companies)) for name, value in values)
    return (endpoint.route, *(part for pair in spelt for part in pair))


def _value(parameter: EndpointParameter | None, text: str, companies: tuple[Company, ...]) -> str:
    if parameter is None:
        return text
    try:
        if parameter.is_symbol:
            return canonical_symbols(parameter, text, companies)
        if parameter.type.scalar is Scalar.DATETIME:
            return read_moment(text).isoformat()
    except (ApiError, PydanticCustomError):
        pass
    return text
