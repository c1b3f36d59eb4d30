"""Faults → status and error document in Kusto's shape.

A missing table or database is 400: clients read 404 as "no such endpoint" and drop the body.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from emulator.errors import (
    CommandThrottledFault,
    EntityAlreadyExists,
    EntityNotFound,
    IngestionFault,
    KustoError,
    LimitFault,
    SemanticFault,
    ThrottledFault,
)
from emulator.errors import SyntaxFault as KqlSyntaxFault

TIMEOUT_CODE = "E_QUERY_TIMEOUT"
_GATEWAY_TIMEOUT = 504


class ForbiddenFault(KustoError):
    """The request asks for what the caller may not do."""

    kind = "Forbidden"
    http_status = 403


class PayloadFault(KustoError):
    """The request's body is larger than accepted."""

    kind = "Payload too large"
    http_status = 413


class InternalFault(KustoError):
    """The server itself failed; the cause is in its log, never in the answer."""

    kind = "Internal service error"
    permanent = False
    http_status = 520


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What an error document says of the request it answers."""

    client_request_id: str
    activity_id: str
    text: str = ""
    database: str = ""


@dataclass(frozen=True, slots=True)
class _Words:
    code: str
    exception: str
    message: str = "Request is invalid and cannot be executed."
    prefix: str = "Request is invalid and cannot be processed: "


_THROTTLED = "Request is denied due to throttling."
# The first class that fits speaks; subclasses stand before their bases.
_WORDS: tuple[tuple[type[KustoError], _Words], ...] = (
    (KqlSyntaxFault, _Words("BadRequest_SyntaxError", "Kusto.Data.Exceptions.SyntaxException")),
    (SemanticFault, _Words("General_BadRequest", "Kusto.Data.Exceptions.SemanticException")),
    (EntityNotFound, _Words("BadRequest_EntityNotFound", "Kusto.Data.Exceptions.EntityNotFoundException")),
    (EntityAlreadyExists, _Words("BadRequest_EntityAlreadyExists", "Kusto.Data.Exceptions.EntityExistsException")),
    (IngestionFault, _Words("BadRequest_StreamingIngestionFailed", "Kusto.Data.Exceptions.KustoBadRequestException")),
    (
        CommandThrottledFault,
        _Words("Too many requests", "Kusto.DataNode.Exceptions.ControlCommandThrottledException", _THROTTLED, ""),
    ),
    (
        ThrottledFault,
        _Words("Too many requests", "Kusto.DataNode.Exceptions.QueryThrottledException", _THROTTLED, ""),
    ),
    (
        LimitFault,
        _Words(
            "LimitsExceeded",
            "Kusto.Data.Exceptions.KustoServicePartialQueryFailureLimitsExceededException",
            "Request aborted due to a limit.",
            "",
        ),
    ),
    (
        ForbiddenFault,
        _Words("Forbidden", "Kusto.Data.Exceptions.KustoRequestDeniedException", "Request is denied.", ""),
    ),
    (
        PayloadFault,
        _Words("BadRequest_PayloadTooLarge", "Kusto.Data.Exceptions.KustoBadRequestException"),
    ),
)
_TIMEOUT = _Words("GatewayTimeout", "Kusto.Data.Exceptions.KustoServiceTimeoutException", "Request timed out.", "")
_BAD_REQUEST = _Words("General_BadRequest", "Kusto.Data.Exceptions.KustoBadRequestException")
_SERVICE_ERROR = _Words(
    "InternalServiceError", "Kusto.Data.Exceptions.KustoServiceException", "The request failed inside the service.", ""
)


def internal_fault(id_: str) -> InternalFault:
    """Return the fault of a request that failed for a reason nobody foresaw, which the log has under the id."""
    return InternalFault(
        f"The request failed inside the embedded Eventhouse (activity {id_})",
        code="InternalServiceError",
        hint="the cause stands in the server's log under this activity",
    )


def status_of(fault: KustoError) -> int:
    """Return the HTTP status of a fault; the engine's own timeout is a timeout of the gateway to a client."""
    return _GATEWAY_TIMEOUT if fault.code == TIMEOUT_CODE else fault.http_status


def error_body(fault: KustoError, context: RequestContext) -> bytes:
    """Render the document of an HTTP error."""
    return orjson.dumps({"error": error_document(fault, context)})


def error_document(fault: KustoError, context: RequestContext) -> dict[str, object]:
    """Return the `error` object, as HTTP errors and partial failures carry it."""
    words = _words(fault)
    code = fault.code if words is _BAD_REQUEST else words.code
    return {
        "code": code,
        "message": words.message,
        "@type": words.exception,
        "@message": words.prefix + str(fault),
        "@context": {
            "timestamp": timestamp(),
            "serviceAlias": "EMBEDDED",
            "clientRequestId": context.client_request_id,
            "activityId": context.activity_id,
            "subActivityId": context.activity_id,
            "activityType": "KustoRequest",
            "parentActivityId": context.activity_id,
        },
        "@permanent": fault.permanent,
        "@text": context.text,
        "@database": context.database,
        "innererror": {
            "code": fault.code,
            "message": fault.message,
            "@type": words.exception,
            "@message": str(fault),
            "@permanent": fault.permanent,
            "@errorCode": fault.code,
            "@errorMessage": fault.message,
        },
    }


def timestamp() -> str:
    """Return the time now as Kusto writes it, with seven digits."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def _words(fault: KustoError) -> _Words:
    if fault.code == TIMEOUT_CODE:
        return _TIMEOUT
    if fault.http_status >= 500 and not isinstance(fault, LimitFault):
        return _SERVICE_ERROR
    return next((words for kind, words in _WORDS if isinstance(fault, kind)), _BAD_REQUEST)
