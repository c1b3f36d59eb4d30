"""Result schemas → pydantic models: what OpenAPI advertises. No answer passes through them."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, create_model

from emulator.types import Column, KqlType, Scalar
from kql.names import snake_case
from kql.registry import Endpoint, SourceColumn
from kql.registry_rules import Example


@lru_cache(maxsize=16)
def meta_model(source: SourceColumn | None) -> type[BaseModel]:
    """Return the model of what an answer says of itself."""
    where = "Always null." if source is None else source.description
    example = None if source is None or source.example is None else [source.example]
    missing = "Why records may be missing; absent unless data are still being loaded."
    moment = "The moment of the view: that asked for, or the time of the computation."
    return create_model(
        "Meta",
        __config__=ConfigDict(extra="forbid"),
        __doc__="What an answer says of itself.",
        function=(str, Field(description="The KQL function that computed the answer.")),
        row_count=(int, Field(description="Number of records.")),
        as_of=(datetime, Field(description=moment)),
        source=(str | None, Field(description=where, examples=example)),
        parameters=(dict[str, JsonValue], Field(description="The parameters in effect, defaults included.")),
        notice=(str | None, Field(default=None, description=missing)),
    )


def answer_model(endpoint: Endpoint) -> type[BaseModel]:
    """Return the model of an endpoint's answer: records and what is known of them."""
    name = endpoint.contract.name
    record = record_model(name, endpoint.contract.result.columns, endpoint.examples)
    return create_model(
        f"{name}_Answer",
        __config__=ConfigDict(extra="forbid"),
        __doc__=endpoint.contract.docstring,
        data=(list[record], Field(description="The records, in order.")),  # type: ignore[valid-type]  # made at run time
        meta=(meta_model(endpoint.source), Field(description="What is known of the answer.")),
    )


def record_model(name: str, columns: tuple[Column, ...], examples: Mapping[str, Example]) -> type[BaseModel]:
    """Return the model of one record."""
    fields: dict[str, Any] = {
        snake_case(column.name): (
            python_type(column.type),
            Field(
                description=column.docstring or None,
                examples=[examples[column.name]] if column.name in examples else None,
            ),
        )
        for column in columns
    }
    return create_model(f"{name}_Record", __config__=ConfigDict(extra="forbid"), **fields)


def python_type(type_: KqlType) -> Any:  # noqa: ANN401 - a type made at run time
    """Return what JSON carries for a column; all but strings may be null."""
    match type_.scalar:
        case Scalar.STRING:
            return str
        case Scalar.BOOL:
            return bool | None
        case Scalar.INT | Scalar.LONG:
            return int | None
        case Scalar.REAL | Scalar.DECIMAL:
            return float | None
        case Scalar.DATETIME:
            return datetime | None
        case Scalar.TIMESPAN:
            return str | None
        case Scalar.GUID:
            return UUID | None
        case Scalar.DYNAMIC:
            return JsonValue if type_.element is None else list[python_type(KqlType(type_.element))] | None  # type: ignore[misc]  # made at run time
