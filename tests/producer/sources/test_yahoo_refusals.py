"""What each refusal of Yahoo's chart endpoint is taken for: the kind, its words and its waiting time."""

import json

import pytest

from producer.errors import BadData, Blocked, NoData, NotEntitled, ProducerError, RateLimited, Transient, UnknownSymbol
from producer.sources.yahoo.chart import classify

LIMIT = "requests count by address, and those of data centers are often refused; a provider with a key does better"
WINDOW = "minutes are kept for about thirty days and told a week at a time"
PROGRAMS = "Yahoo keeps this from programs"
RANGE = "Data not available for startTime=1 and endTime=2."


def fault(code: str, description: str, of: str = "chart") -> str:
    return json.dumps({of: {"result": None, "error": {"code": code, "description": description}}})


def told(error: ProducerError | None) -> tuple[type, str, str, float | None]:
    assert error is not None
    assert error.source == "yahoo"
    return type(error), error.message, error.hint, error.retry_after


@pytest.mark.parametrize(
    ("status", "text", "kind", "message", "hint", "wait"),
    [
        (429, "Edge: x", RateLimited, "too many requests", LIMIT, 7.0),
        (999, "", RateLimited, "too many requests", LIMIT, 7.0),
        (200, "Too Many Requests", RateLimited, "too many requests", LIMIT, 7.0),
        (422, f" {RANGE} {'x' * 200}", NoData, f"{RANGE} {'x' * (199 - len(RANGE))}", WINDOW, None),
        (500, "oops", Transient, "HTTP 500", "", 7.0),
        (200, "Will be right back", Transient, "HTTP 200", "", 7.0),
        (401, "no", Blocked, "turned away (HTTP 401)", LIMIT, None),
        (403, "no", Blocked, "turned away (HTTP 403)", LIMIT, None),
        (404, "no", UnknownSymbol, "HTTP 404: no", "", None),
        (200, "y" * 90, BadData, f"HTTP 200 with a body that is not JSON: '{'y' * 80}'", "", None),
        (429, "{}", RateLimited, "too many requests", LIMIT, 7.0),
        (500, "{}", Transient, "HTTP 500", "", 7.0),
        (400, '{"chart": {}}', BadData, """HTTP 400 with a body that is no chart: '{"chart": {}}'""", "", None),
        (200, '{"chart": 1}', BadData, """HTTP 200 with a body that is no chart: '{"chart": 1}'""", "", None),
        (200, fault("a", "Too Many Requests"), RateLimited, "a: Too Many Requests", LIMIT, None),
        (401, fault("Unauthorized", "x", "finance"), NotEntitled, "Unauthorized: x", PROGRAMS, None),
        (200, fault("a", "Unable to access"), NotEntitled, "a: Unable to access", PROGRAMS, None),
        (422, fault("a", RANGE), NoData, f"a: {RANGE}", WINDOW, None),
        (400, fault("a", "Data doesn't exist for"), NoData, "a: Data doesn't exist for", WINDOW, None),
        (404, fault("Not Found", "No data found"), UnknownSymbol, "Not Found: No data found", "", None),
        (500, fault("internal-error", "x"), Transient, "internal-error: x", "", None),
        (503, fault("a", "Service unavailable"), Transient, "a: Service unavailable", "", None),
        (429, fault("a", "b"), BadData, "a: b", "", None),
    ],
)  # fmt: skip
def test_refusals(status: int, text: str, kind: type, message: str, hint: str, wait: float | None) -> None:
    assert told(classify(status, text, 7.0)) == (kind, message, hint, wait)


def test_an_answer_with_a_chart_is_none() -> None:
    assert classify(200, '{"chart": {"result": [], "error": null}}', 7.0) is None
    assert classify(399, '{"chart": {}}') is None
