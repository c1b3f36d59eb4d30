"""What providers' answers are, and how much of them is shown."""

import pytest

from producer import key_vault
from producer.sources import alpha_vantage, http, tiingo, twelve_data
from producer.sources.alpaca import history as alpaca
from producer.sources.finnhub import quotes as finnhub
from producer.sources.yahoo import chart as yahoo

LONG = "x" * 300
SHOWN = repr("x" * 80)
CUT = 200


@pytest.mark.parametrize(
    ("found", "kind", "message"),
    [
        (tiingo.classify(429, LONG), "RateLimited", LONG[:CUT]),
        (tiingo.classify(200, f"invalid token {LONG}"), "NotEntitled", f"invalid token {LONG}"[:CUT]),
        (tiingo.classify(200, LONG), "BadData", f"an answer that is no list of rows: {SHOWN}"),
        (finnhub.classify(200, f" Please sign up {LONG}"), "NotEntitled", f"Please sign up {LONG}"[:CUT]),
        (finnhub.classify(200, f"API limit reached {LONG}"), "RateLimited", f"API limit reached {LONG}"[:CUT]),
        (finnhub.classify(200, f"don't have access {LONG}"), "NotEntitled", f"don't have access {LONG}"[:CUT]),
        (finnhub.classify(200, LONG), "BadData", f"an answer that is no quote: {SHOWN}"),
        (
            yahoo.classify(422, f"Data not available for startTime {LONG}"),
            "NoData",
            f"Data not available for startTime {LONG}"[:CUT],
        ),
        (yahoo.classify(200, LONG), "BadData", f"HTTP 200 with a body that is not JSON: {SHOWN}"),
        (yahoo.classify(400, "{}"), "BadData", "HTTP 400 with a body that is no chart: '{}'"),
        (yahoo.classify(200, '{"a": 1}'), "BadData", "HTTP 200 with a body that is no chart: '{\"a\": 1}'"),
        (yahoo.classify(429, "{}"), "RateLimited", "too many requests"),
        (yahoo.classify(999, ""), "RateLimited", "too many requests"),
        (yahoo.classify(500, "{}"), "Transient", "HTTP 500"),
        (yahoo.classify(499, "{}"), "BadData", "HTTP 499 with a body that is no chart: '{}'"),
        (yahoo.classify(200, "Will be right back"), "Transient", "HTTP 200"),
        (yahoo.classify(401, "no"), "Blocked", "turned away (HTTP 401)"),
        (yahoo.classify(200, '{"chart": {}}'), None, None),
        (alpaca.classify(200, LONG), "BadData", f"an answer without bars: {SHOWN}"),
        (alpaca.classify(200, "{}"), "BadData", "an answer without bars: '{}'"),
        (alpaca.classify(403, '{"message": "m"}'), "NotEntitled", "HTTP 403: m"),
        (alpaca.classify(200, '{"bars": {}}'), None, None),
        (twelve_data.classify(200, LONG), "BadData", f"an answer without values: {SHOWN}"),
        (twelve_data.classify(200, '{"values": []}'), None, None),
        (alpha_vantage.classify(200, LONG), "BadData", f"an answer that is not JSON: {SHOWN}"),
        (alpha_vantage.classify(200, "{}"), "BadData", "an answer without a series: '{}'"),
        (alpha_vantage.classify(200, '{"Global Quote": {}}'), "UnknownSymbol", "an empty quote"),
        (key_vault.classify(401, LONG), "NotEntitled", f"HTTP 401: {LONG[:CUT]}"),
        (key_vault.classify(404, LONG), "NoData", "no such secret"),
        (key_vault.classify(200, "{}"), None, None),
    ],
)
def test_what_an_answer_is(found: Exception | None, kind: str | None, message: str | None) -> None:
    assert (found and type(found).__name__, getattr(found, "message", None)) == (kind, message)


@pytest.mark.parametrize(
    ("status", "text", "kind", "message"),
    [
        (299, "", None, None),
        (300, "", "Blocked", "sent elsewhere instead of data (HTTP 300)"),
        (399, "", "Blocked", "sent elsewhere instead of data (HTTP 399)"),
        (400, " a \n b", "BadData", "HTTP 400: a b"),
        (401, "a", "NotEntitled", "HTTP 401: a"),
        (402, "a", "NotEntitled", "HTTP 402: a"),
        (403, "a", "NotEntitled", "HTTP 403: a"),
        (404, "a", "UnknownSymbol", "HTTP 404: a"),
        (429, "a", "RateLimited", "HTTP 429: a"),
        (499, "a", "BadData", "HTTP 499: a"),
        (500, "a", "Transient", "HTTP 500: a"),
        (200, "<html>", "Blocked", "a page instead of data (HTTP 200)"),
        (404, " <!DOCTYPE html>", "Blocked", "a page instead of data (HTTP 404)"),
    ],
)
def test_what_a_status_is(status: int, text: str, kind: str | None, message: str | None) -> None:
    found = http.refusal_by_status("s", status, text, 7.0)
    assert (found and type(found).__name__, getattr(found, "message", None)) == (kind, message)
    waits = 7.0 if kind in ("RateLimited", "Transient") else None
    assert (getattr(found, "retry_after", None), getattr(found, "source", "s")) == (waits, "s")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("<html>", True),
        (" \n<!doctype HTML>", True),
        (" " * 300 + "<HTML", True),
        ("x" * 195 + "<html", True),
        ("x" * 196 + "<html", False),
        ("a <!doctype html>", False),
        ("{}", False),
    ],
)
def test_what_a_page_is(text: str, is_one: bool) -> None:
    assert http.is_page(text) is is_one


@pytest.mark.parametrize(
    ("text", "wait", "after"),
    [("run over your hourly limit", None, 900.0), ("run over your limit", None, 3600.0), ("hourly", 5.0, 5.0)],
)
def test_a_quota_by_the_hour_is_free_again_sooner(text: str, wait: float | None, after: float) -> None:
    found = tiingo.classify(429, text, wait)
    assert found is not None
    assert found.retry_after == after
