"""The types that columns and parameters have in the API's document."""

import types
from datetime import datetime
from uuid import UUID

import pytest
from pydantic import JsonValue

from api.models import python_type
from emulator.types import KqlType, Scalar


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (KqlType(Scalar.STRING), str),
        (KqlType(Scalar.BOOL), bool | None),
        (KqlType(Scalar.INT), int | None),
        (KqlType(Scalar.LONG), int | None),
        (KqlType(Scalar.REAL), float | None),
        (KqlType(Scalar.DECIMAL), float | None),
        (KqlType(Scalar.DATETIME), datetime | None),
        (KqlType(Scalar.TIMESPAN), str | None),
        (KqlType(Scalar.GUID), UUID | None),
        (KqlType(Scalar.DYNAMIC), JsonValue),
        (KqlType(Scalar.DYNAMIC, Scalar.LONG), list[int | None] | None),
        (KqlType(Scalar.DYNAMIC, Scalar.STRING), list[str] | None),
    ],
)
def test_what_json_carries_for_a_column(type_: KqlType, expected: type | types.UnionType) -> None:
    assert python_type(type_) == expected
