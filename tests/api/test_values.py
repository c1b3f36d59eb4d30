"""Values of a request's parameters: as they are read, as they are passed on, and as a refusal describes them."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from pydantic_core import PydanticCustomError

from api.values import argument, closest, public, read_moment, read_timespan, wanted
from emulator.types import KqlType, Scalar
from kql.registry import EndpointParameter

NOON = datetime(2024, 1, 31, 12, 0, tzinfo=UTC)


def parameter(scalar: Scalar, *, low: float | None = None, high: float | None = None) -> EndpointParameter:
    return EndpointParameter("p", "P", "query", KqlType(scalar), False, None, "", minimum=low, maximum=high)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-01-31", NOON.replace(hour=0)),
        (" 2024-01-31T12:00 ", NOON),
        ("2024-01-31 12:00:00z", NOON),
        ("2024-01-31t12:00:00.5Z", NOON.replace(microsecond=500_000)),
        ("2024-01-31T14:00:00+02:00", NOON),
        ("2024-01-31T14:00:00 02:00", NOON),
        ("2024-01-31T07:00:00-05:00", NOON),
        (NOON, NOON),
    ],
)
def test_moments(text: object, moment: datetime) -> None:
    assert read_moment(text) == moment
    assert read_moment(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text", ["", "x", "2024", "2024-13-01", "20240131", "2024-01-31T12", "0001-01-01T00:00+01:00", "5"]
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        read_moment(text)
    assert (caught.value.type, caught.value.message_template) == ("moment", "not a date or time")


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("1.5h", 5400), ("1d", 86400), ("250ms", 0.25), (".5s", 0.5)]
)
def test_timespans(text: str, seconds: float) -> None:
    assert read_timespan(text) == timedelta(seconds=seconds)
    assert argument(parameter(Scalar.TIMESPAN), text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", [None, True, 5, 1.5, "x", NOON])
def test_values_are_passed_on_and_repeated_as_they_are(value: object) -> None:
    assert argument(parameter(Scalar.STRING), value) is value
    assert public(value) == ("2024-01-31T12:00:00Z" if value is NOON else value)


def test_other_values_are_passed_on_as_text() -> None:
    text = "74be27de-1e4e-49d9-b579-fe0b331d3642"
    assert argument(parameter(Scalar.GUID), UUID(text)) == text
    assert public(NOON.astimezone(timezone(timedelta(hours=1)))) == "2024-01-31T13:00:00+01:00"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (parameter(Scalar.BOOL), "true or false"),
        (parameter(Scalar.INT), "a whole number"),
        (parameter(Scalar.LONG, low=1, high=500), "a whole number from 1 to 500"),
        (parameter(Scalar.LONG, low=0), "a whole number of at least 0"),
        (parameter(Scalar.INT, high=0), "a whole number of at most 0"),
        (parameter(Scalar.REAL), "a number"),
        (parameter(Scalar.DECIMAL, low=0.5, high=2), "a number from 0.5 to 2"),
        (parameter(Scalar.DATETIME), "a date such as 2024-01-31, or an RFC 3339 time such as 2024-01-31T14:30:00Z"),
        (parameter(Scalar.TIMESPAN), "a timespan such as 90s, 5m, 1h or 1d"),
        (parameter(Scalar.GUID), "a UUID"),
        (parameter(Scalar.STRING), "text"),
        (parameter(Scalar.DYNAMIC), "text"),
    ],
)
def test_what_is_wanted(given: EndpointParameter, words: str) -> None:
    assert wanted(given) == words


def test_the_closest_name() -> None:
    assert closest("SYMBL", ["symbol", "interval"]) == "did you mean 'symbol'?"
    assert closest("x", ["symbol", "interval"]) is None
