"""An endpoint's parameters as FastAPI sees them, and what FastAPI finds wrong with a request in our words."""

import inspect
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Path, Query
from pydantic import BeforeValidator, WithJsonSchema

from api.problems import ApiError, Issue, bad_parameters, unknown_symbol
from api.values import closest, read_boolean, read_integer, read_moment, read_number, wanted
from emulator.types import Scalar
from kql.forms import HIGHEST, TIMESPAN_PATTERN
from kql.reference import Company, canonical_symbol
from kql.registry import Endpoint, EndpointParameter

_MOMENT_SCHEMA = {
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}],
}
_FORMS = {
    Scalar.BOOL: read_boolean,
    Scalar.INT: read_integer,
    Scalar.LONG: read_integer,
    Scalar.REAL: read_number,
}


class UnsupportedParameterError(Exception):
    """A function takes a parameter that no URL can carry."""


def signature(endpoint: Endpoint) -> inspect.Signature:
    """Return the call signature of a route: one keyword per parameter of the function, in order."""
    return inspect.Signature(
        [_parameter(*numbered) for numbered in zip(keywords(endpoint), endpoint.parameters, strict=True)]
    )


def keywords(endpoint: Endpoint) -> list[str]:
    """Return how Python calls the parameters: what KQL calls them may be no name there, or that of another."""
    return [f"value_{number}" for number in range(len(endpoint.parameters))]


def issues_of(endpoint: Endpoint, errors: Sequence[Any]) -> list[Issue]:
    """Translate validation errors, each of them with the place `("query", name)`."""
    issues = []
    for error in errors:
        parameter = endpoint.parameter(str(error["loc"][1]))
        if parameter is None:
            continue
        if error["type"] == "missing":
            detail = f"The parameter '{parameter.name}' is missing; it takes {wanted(parameter)}."
        else:
            detail = f"The parameter '{parameter.name}' takes {wanted(parameter)}, found '{error['input']}'."
        hint = closest(str(error["input"]), parameter.allowed) if parameter.allowed else None
        issues.append(
            Issue(parameter=parameter.name, detail=detail, allowed=list(parameter.allowed) or None, hint=hint)
        )
    return issues


def names_issues(endpoint: Endpoint, sent: Sequence[str]) -> list[Issue]:
    """Return what is wrong with the names in a query string: unknown ones, and those that stand twice."""
    known = tuple(parameter.name for parameter in endpoint.parameters if parameter.location == "query")
    issues = []
    for name in dict.fromkeys(sent):
        if name not in known:
            detail = f"The parameter '{name}' is unknown; this route takes {', '.join(known) or 'none'}."
            issues.append(Issue(parameter=name, detail=detail, allowed=list(known), hint=closest(name, known)))
        elif sent.count(name) > 1:
            detail = f"The parameter '{name}' stands {sent.count(name)} times."
            issues.append(Issue(parameter=name, detail=detail))
    return issues


def check_order(endpoint: Endpoint, values: dict[str, object]) -> None:
    """Refuse a start that is not before its end."""
    for parameter in endpoint.parameters:
        start, end = values.get(parameter.name), values.get(parameter.before or "")
        if isinstance(start, datetime) and isinstance(end, datetime) and start >= end:
            detail = f"The parameter '{parameter.name}' must be before '{parameter.before}'."
            raise bad_parameters([Issue(parameter=parameter.name, detail=detail)])


def canonical_symbols(parameter: EndpointParameter, text: str, companies: tuple[Company, ...]) -> str:
    """Return the canonical spelling of one symbol, or of a comma-separated list without repetitions."""
    names = [name.strip() for name in text.split(",") if name.strip()] if parameter.is_list else [text.strip()]
    symbols: list[str] = []
    for name in names:
        symbol = canonical_symbol(name, companies)
        if symbol is None:
            raise _unknown(parameter, name, companies)
        symbols.append(symbol)
    return ",".join(dict.fromkeys(symbols))


def _unknown(parameter: EndpointParameter, name: str, companies: tuple[Company, ...]) -> ApiError:
    spellings = {spelling: company.symbol for company in companies for spelling in company.spellings}
    symbols = [company.symbol for company in companies]
    return unknown_symbol(
        Issue(
            parameter=parameter.name,
            detail=f"The symbol '{name}' is unknown; known are {', '.join(symbols)}.",
            allowed=symbols,
            hint=_spelling(name, spellings),
        )
    )


def _spelling(name: str, spellings: dict[str, str]) -> str | None:
    close = closest(name.lower(), [spelling.lower() for spelling in spellings])
    return close.upper().replace("DID YOU MEAN", "did you mean") if close else None


def _parameter(keyword: str, parameter: EndpointParameter) -> inspect.Parameter:
    place = Path if parameter.location == "path" else Query
    is_number = parameter.type.scalar.is_numeric and not parameter.allowed
    bound = HIGHEST.get(parameter.type.scalar)
    information = place(
        alias=parameter.name,
        description=_description(parameter),
        examples=None if parameter.example is None else [parameter.example],
        ge=_whole(parameter.minimum, None if bound is None else -bound - 1) if is_number else None,
        le=_whole(parameter.maximum, bound) if is_number else None,
    )
    return inspect.Parameter(
        keyword,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if parameter.is_required else parameter.default,
        # Behind the limits: in front of them they would be missing in the document.
        annotation=Annotated[_type(parameter), information, *_forms(parameter)],
    )


def _forms(parameter: EndpointParameter) -> list[BeforeValidator]:
    form = None if parameter.allowed else _FORMS.get(parameter.type.scalar)
    return [] if form is None else [BeforeValidator(form)]


def _type(parameter: EndpointParameter) -> Any:  # noqa: ANN401 - a type made at run time
    if parameter.allowed:
        return Literal[parameter.allowed]
    match parameter.type.scalar:
        case Scalar.BOOL:
            return bool
        case Scalar.INT | Scalar.LONG:
            return int
        case Scalar.REAL:
            return float
        case Scalar.STRING:
            return str
        case Scalar.DATETIME:
            return Annotated[datetime, BeforeValidator(read_moment), WithJsonSchema(_MOMENT_SCHEMA)]
        case Scalar.TIMESPAN:
            return Annotated[str, Query(pattern=TIMESPAN_PATTERN)]
        case Scalar.GUID:
            return UUID
        case Scalar.DECIMAL | Scalar.DYNAMIC:
            raise UnsupportedParameterError(
                f"the parameter '{parameter.argument}' of type {parameter.type} cannot travel in a URL"
            )


def _whole(limit: float | None, otherwise: int | None) -> float | None:
    return otherwise if limit is None else limit


def _description(parameter: EndpointParameter) -> str:
    listed = "Several are separated by commas." if parameter.is_list else ""
    before = f"Must be before `{parameter.before}`." if parameter.before else ""
    return " ".join(sentence for sentence in (parameter.docstring, listed, before) if sentence)
