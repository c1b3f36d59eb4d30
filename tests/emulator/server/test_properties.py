"""What clients really send, read into one typed request."""

import json
from datetime import timedelta

import pytest

from emulator.errors import KustoError
from emulator.options import QUERY_TIMEOUT, read_timespan
from emulator.server.properties import WireRequest, read_body


def read(document: object, headers: dict[str, str] | None = None) -> WireRequest:
    return read_body(json.dumps(document).encode(), headers or {}, QUERY_TIMEOUT)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0:01:00", 60),
        ("00:01:00.000", 60),
        ("1 day, 2:00:00", 93_600),
        ("3 days, 0:00:01.500000", 259_201.5),
        ("1.02:00:00", 93_600),
        ("50m", 3_000),
        ("time(90s)", 90),
        ("1.5h", 5_400),
        ("500ms", 0.5),
        ("-00:00:10", -10),
    ],
)
def test_every_form_of_a_timeout_is_read(text: str, seconds: float) -> None:
    assert read_timespan(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["soon", "", "5", "1:2:3:4", "10 parsecs"])
def test_a_malformed_timeout_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(KustoError, match="servertimeout"):
        read_timespan(text)


@pytest.mark.parametrize("as_text", [False, True])
def test_properties_come_as_an_object_or_as_text(as_text: bool) -> None:
    properties = {
        "Options": {"servertimeout": "0:00:30", "deferpartialqueryfailures": "true", "request_is_agentic": True},
        "Parameters": {"n": 10, "when": "datetime(2020-01-01)", "list": [1, "it's"], "none": None},
        "ClientRequestId": "id1",
    }
    wire = read({"db": "db1", "csl": "T", "properties": json.dumps(properties) if as_text else properties})
    assert wire.database == "db1"
    assert wire.timeout == timedelta(seconds=30)
    assert wire.defer_failures
    assert wire.properties.parameters == {
        "n": 10,
        "when": "datetime(2020-01-01)",
        "list": 'dynamic([1, "it\'s"])',
        "none": None,
    }
    assert wire.properties.options["request_is_agentic"] is True
    assert wire.properties.client_request_id == "id1"


@pytest.mark.parametrize("document", [{"csl": ".show cluster"}, {"csl": "T", "db": None, "properties": None},
                                      {"csl": "T", "db": "NetDefaultDB", "properties": ""}])  # fmt: skip
def test_database_and_properties_may_be_absent(document: dict[str, object]) -> None:
    wire = read(document)
    assert wire.database is None
    assert wire.timeout == QUERY_TIMEOUT


def test_timeouts_end_at_one_hour() -> None:
    assert read({"csl": "T", "properties": {"Options": {"servertimeout": "5h"}}}).timeout == timedelta(hours=1)
    assert read({"csl": "T", "properties": {"Options": {"norequesttimeout": True}}}).timeout == timedelta(hours=1)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "not a JSON object"),
        ({}, "no text"),
        ({"csl": "  "}, "no text"),
        ({"csl": "T", "db": 5}, "'db'"),
        ({"csl": "T", "properties": "{"}, "'properties' is not JSON"),
        ({"csl": "T", "properties": []}, "'properties' is not an object"),
        ({"csl": "T", "properties": {"Options": 1}}, "'Options'"),
        ({"csl": "T", "properties": {"Options": {"servertimeout": "0:00:00"}}}, "not positive"),
    ],
)
def test_a_malformed_request_says_what_is_wrong(document: object, words: str) -> None:
    with pytest.raises(KustoError, match=words):
        read(document)


def test_a_read_only_request_is_marked_by_header_or_option() -> None:
    assert read({"csl": ".drop table T"}, {"x-ms-readonly": "1"}).read_only
    assert read({"csl": ".drop table T", "properties": {"Options": {"request_readonly": True}}}).read_only
    assert not read({"csl": ".drop table T"}).read_only
