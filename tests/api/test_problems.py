"""Every problem document as a whole: status, headers and body."""

from datetime import timedelta

import orjson
import pytest

from api import problems
from api.limits import ApiLimits
from api.problems import ApiError, Issue
from emulator.errors import (
    EngineFault,
    EntityNotFound,
    KustoError,
    LimitFault,
    QueryTooDeep,
    SemanticFault,
    ThrottledFault,
)

LIMITS = ApiLimits(timeout=timedelta(seconds=2.5), max_rows=7)
DEPLOYED = "is the market database deployed? `tickhouse deploy` brings it up to date"
WRONG = Issue(parameter="a", detail="a is wrong.", allowed=["x", "y"], hint="say x")
MISSING = Issue(parameter="b", detail="b is missing.")


def document(error: ApiError) -> tuple[int, dict[str, str], dict[str, object]]:
    response = error.response()
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    body = orjson.loads(response.body)
    assert body.pop("type") == f"urn:tickhouse:problem:{error.kind}"
    return response.status_code, headers, body


def headers(**more: str) -> dict[str, str]:
    return {"cache-control": "no-store", "content-type": "application/problem+json"} | {
        name.replace("_", "-"): value for name, value in more.items()
    }


@pytest.mark.parametrize(
    ("error", "status", "more", "body"),
    [
        (
            problems.bad_parameters([WRONG]),
            422,
            {},
            {"title": "Bad parameter", "detail": "a is wrong.", "code": "BAD_PARAMETER", "hint": "say x"}
            | {"parameter": "a", "allowed": ["x", "y"]},
        ),
        (
            problems.bad_parameters([MISSING, WRONG]),
            422,
            {},
            {"title": "Bad parameter", "detail": "b is missing. a is wrong.", "code": "BAD_PARAMETER"}
            | {"parameter": "b"}
            | {"errors": [{"parameter": "b", "detail": "b is missing."}, WRONG.model_dump()]},
        ),
        (
            problems.unknown_symbol(MISSING),
            404,
            {},
            {"title": "Unknown symbol", "detail": "b is missing.", "code": "UNKNOWN_SYMBOL", "parameter": "b"},
        ),
        (
            problems.status_problem(404, "/x"),
            404,
            {},
            {"title": "Not Found", "detail": "Not Found: /x", "code": "NOT_FOUND"}
            | {"hint": "the routes stand at /docs and /openapi.json"},
        ),
        (
            problems.status_problem(405, "/x", {"Allow": "GET"}),
            405,
            {"allow": "GET"},
            {"title": "Method Not Allowed", "detail": "Method Not Allowed: /x", "code": "METHOD_NOT_ALLOWED"},
        ),
        (
            problems.incomplete("Bars are on their way."),
            503,
            {"retry_after": "2"},
            {"title": "Still loading", "detail": "Bars are on their way.", "code": "LOADING"},
        ),
        (
            problems.closing(),
            503,
            {"retry_after": "2"},
            {"title": "Closing", "detail": "The server ends.", "code": "CLOSING"},
        ),
    ],
)
def test_what_the_api_refuses_itself(
    error: ApiError, status: int, more: dict[str, str], body: dict[str, object]
) -> None:
    assert document(error) == (status, headers(**more), {"status": status, **body})


@pytest.mark.parametrize("error", [TimeoutError(), *(KustoError("", code) for code in ("E_QUERY_TIMEOUT", "Timeout"))])
def test_a_deadline_that_has_passed(error: KustoError | TimeoutError) -> None:
    detail = "The Eventhouse did not answer within 2.5 s."
    body = {"title": "Timeout", "status": 504, "detail": detail, "code": "TIMEOUT", "hint": "narrow the range"}
    assert document(problems.from_eventhouse(error, LIMITS)) == (504, headers(), body)


@pytest.mark.parametrize("code", ["E_QUERY_RESULT_SET_TOO_LARGE", "LimitsExceeded"])
def test_an_answer_that_is_too_large(code: str) -> None:
    detail, hint = "The answer would have more than 7 records.", "narrow the range, or use longer bars"
    body = {"title": "Too many records", "status": 422, "detail": detail, "code": "TOO_MANY_RECORDS", "hint": hint}
    assert document(problems.from_eventhouse(LimitFault("", code), LIMITS)) == (422, headers(), body)


def test_a_full_eventhouse_says_when_to_come_again() -> None:
    fault = ThrottledFault("full", "TH_THROTTLED")
    fault.retry_after = 3
    detail = "The Eventhouse has more to answer than it can."
    body = {"title": "Too many requests", "status": 429, "detail": detail, "code": "THROTTLED"}
    found = document(problems.from_eventhouse(fault, LIMITS))
    assert found == (429, headers(retry_after="3"), body | {"hint": "ask again later"})


@pytest.mark.parametrize(
    ("error", "hint", "retry"),
    [
        (SemanticFault("m", "C", hint="h"), DEPLOYED, {}),
        (EntityNotFound("m", "C"), DEPLOYED, {}),
        (KustoError("m", "C", hint="h"), "h", {}),
        (QueryTooDeep("m", "C", hint="h"), "h", {}),
        (KustoError("m", "C"), None, {}),
        (LimitFault("m", "C", hint="h"), "h", {"retry_after": "1"}),
    ],
)
def test_other_trouble_is_not_the_callers(error: KustoError, hint: str | None, retry: dict[str, str]) -> None:
    body = {"title": "Eventhouse trouble", "status": 503, "detail": "The Eventhouse refused: m", "code": "C"}
    found = document(problems.from_eventhouse(error, LIMITS))
    assert found == (503, headers(**retry), body | ({"hint": hint} if hint else {}))


def test_the_engines_own_trouble_has_an_id_in_place_of_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.trouble.uuid4", lambda: "some-id")
    body = {
        "title": "Eventhouse trouble",
        "status": 503,
        "detail": "The Eventhouse failed (fault some-id).",
        "code": "C",
    }
    hint = "the cause stands in the API's log under this id"
    found = document(problems.from_eventhouse(EngineFault("m", "C", hint="h"), LIMITS))
    assert found == (503, headers(retry_after="1"), body | {"hint": hint})
