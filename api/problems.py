"""What the API can refuse, as problem documents (RFC 9457): code, what is wrong, and what would be right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import orjson
from fastapi import Response
from pydantic import BaseModel, Field

from api.limits import ApiLimits
from api.trouble import told
from emulator.errors import KustoError, ThrottledFault

MEDIA_TYPE = "application/problem+json"

# Codes of the embedded Eventhouse, then those that a remote one answers with.
_TIMEOUT_CODES = frozenset({"E_QUERY_TIMEOUT", "GatewayTimeout", "Timeout"})
_TRUNCATION_CODES = frozenset({"E_QUERY_RESULT_SET_TOO_LARGE", "LimitsExceeded"})


class Issue(BaseModel):
    """One parameter that cannot be used."""

    parameter: str = Field(description="Name of the parameter.")
    detail: str = Field(description="What is wrong with it.")
    allowed: list[str] | None = Field(default=None, description="The values it may have, where they can be listed.")
    hint: str | None = Field(default=None, description="What would help.")


class Problem(BaseModel):
    """An error in the shape of RFC 9457."""

    type: str = Field(description="Identifies the kind of problem.", examples=["urn:tickhouse:problem:bad-parameter"])
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(description="HTTP status code.")
    detail: str = Field(description="What is wrong with this request.")
    code: str = Field(description="Stable code of the kind of problem, or of the Eventhouse's error.")
    hint: str | None = Field(default=None, description="What would help.")
    parameter: str | None = Field(default=None, description="The first parameter that is wrong.")
    allowed: list[str] | None = Field(default=None, description="The values it may have, where they can be listed.")
    errors: list[Issue] | None = Field(
        default=None, description="Every parameter that is wrong, when there are several."
    )


@dataclass
class ApiError(Exception):
    """A request that is answered with a problem document."""

    status: int
    kind: str
    title: str
    detail: str
    code: str = ""
    hint: str | None = None
    issues: Sequence[Issue] = ()
    headers: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        super().__init__(self.detail)

    def response(self) -> Response:
        """Render the document."""
        first = self.issues[0] if self.issues else None
        problem = Problem(
            type=f"urn:tickhouse:problem:{self.kind}",
            title=self.title,
            status=self.status,
            detail=self.detail,
            code=self.code or self.kind.upper().replace("-", "_"),
            hint=self.hint or (first.hint if first else None),
            parameter=first.parameter if first else None,
            allowed=first.allowed if first else None,
            errors=list(self.issues) if len(self.issues) > 1 else None,
        )
        headers = {"Cache-Control": "no-store", **(self.headers or {})}
        body = orjson.dumps(problem.model_dump(exclude_none=True))
        return Response(body, self.status, headers, MEDIA_TYPE)


def bad_parameters(issues: Sequence[Issue]) -> ApiError:
    """Return the answer to parameters that cannot be used."""
    return ApiError(422, "bad-parameter", "Bad parameter", " ".join(issue.detail for issue in issues), issues=issues)


def unknown_symbol(issue: Issue) -> ApiError:
    """Return the answer to a symbol that no company has."""
    return ApiError(404, "unknown-symbol", "Unknown symbol", issue.detail, issues=[issue])


def problem_response(description: str) -> dict[str, object]:
    """Return how OpenAPI says that a request is answered with a problem."""
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


def status_problem(status: int, path: str, headers: Mapping[str, str] | None = None) -> ApiError:
    """Return the answer to what no route takes: an unknown path, a wrong method."""
    phrase = HTTPStatus(status).phrase
    hint = "the routes stand at /docs and /openapi.json" if status == HTTPStatus.NOT_FOUND else None
    kind = phrase.lower().replace(" ", "-")
    return ApiError(status, kind, phrase, f"{phrase}: {path}", hint=hint, headers=headers)


def incomplete(notice: str) -> ApiError:
    """Return the answer that would be empty because what it is made of is still on its way."""
    return ApiError(503, "loading", "Still loading", notice, headers={"Retry-After": "2"})


def closing() -> ApiError:
    """Return the answer to a request that a server on its way down no longer waits for."""
    return ApiError(503, "closing", "Closing", "The server ends.", headers={"Retry-After": "2"})


def from_eventhouse(error: KustoError | TimeoutError, limits: ApiLimits) -> ApiError:
    """Translate the Eventhouse's trouble.

    Except for a range that is too large, its error is never the caller's fault: a request reaches it only with valid
    parameters.
    """
    if isinstance(error, TimeoutError) or error.code in _TIMEOUT_CODES:
        detail = f"The Eventhouse did not answer within {limits.timeout.total_seconds():g} s."
        return ApiError(504, "timeout", "Timeout", detail, hint="narrow the range")
    if error.code in _TRUNCATION_CODES:
        detail = f"The answer would have more than {limits.max_rows} records."
        return ApiError(
            422, "too-many-records", "Too many records", detail, hint="narrow the range, or use longer bars"
        )
    if isinstance(error, ThrottledFault):
        detail = "The Eventhouse has more to answer than it can."
        headers = {"Retry-After": str(error.retry_after)}
        return ApiError(429, "throttled", "Too many requests", detail, hint="ask again later", headers=headers)
    detail, hint = told(error)
    retry = None if error.permanent else {"Retry-After": "1"}
    return ApiError(503, "eventhouse", "Eventhouse trouble", detail, error.code, hint or None, (), retry)
