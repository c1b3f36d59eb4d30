"""Errors of Microsoft's SDK as the errors of the client seam.

The SDK keeps of an answer its code, its text and whether it is permanent; the kind of error is read from the
words of the text.
"""

import re
from urllib.parse import urlsplit

from azure.kusto.data.exceptions import (
    KustoApiError,
    KustoAuthenticationError,
    KustoBlobError,
    KustoMultiApiError,
    KustoNetworkError,
    KustoServiceError,
    KustoThrottlingError,
    OneApiError,
)

from emulator.errors import (
    AccessFault,
    EngineFault,
    EntityAlreadyExists,
    EntityNotFound,
    IngestionFault,
    KustoError,
    LimitFault,
    NetworkFault,
    SemanticFault,
    SyntaxFault,
    ThrottledFault,
    UnsupportedFault,
)
from emulator.text import NOWHERE, Span

_KINDS: tuple[tuple[str, type[KustoError]], ...] = (
    (UnsupportedFault.kind, UnsupportedFault),
    (SemanticFault.kind, SemanticFault),
    (SyntaxFault.kind, SyntaxFault),
    (EntityNotFound.kind, EntityNotFound),
    (EntityAlreadyExists.kind, EntityAlreadyExists),
    (IngestionFault.kind, IngestionFault),
    (LimitFault.kind, LimitFault),
)
_CODES: tuple[tuple[str, type[KustoError]], ...] = (
    ("EntityNotFound", EntityNotFound),
    ("EntityAlreadyExists", EntityAlreadyExists),
    ("StreamingIngestion", IngestionFault),
    ("LimitsExceeded", LimitFault),
    ("Timeout", LimitFault),
    ("Syntax", SyntaxFault),
)
_PREFIX = re.compile(r"^Request is invalid and cannot be (?:processed|executed)[:.]\s*")
_CODE = re.compile(r"^([A-Z]{2,}\d{3,}|[A-Z]\w*_\w+|TH\w+): ")
_OTHER_KIND = re.compile(rf"^[A-Z][A-Za-z ]+: (?={_CODE.pattern[1:]})")
# The SDK's words for an answer 404.
_NO_ENDPOINT = "requested endpoint"
_POSITION = re.compile(r"\s*\[line:position=(\d+):(\d+)\]")


def fault_of(error: Exception, text: str) -> KustoError:
    """Return an SDK error as what the seam raises; `text` is the query or command it was about."""
    match error:
        case KustoNetworkError():
            return NetworkFault(
                f"no connection to {_base(str(error.endpoint))}",
                "TH_NETWORK",
                hint="is the Eventhouse running, and is the URL right?",
            )
        case KustoThrottlingError():
            return ThrottledFault("the Eventhouse is busy and asks to try again later", "TH_THROTTLED")
        case KustoAuthenticationError():
            return AccessFault(
                f"no access: {error.exception}",
                "TH_AUTHENTICATION",
                hint="sign in with `az login`, or set AZURE_CLIENT_ID…",
            )
        case KustoApiError():
            return _api_fault(error.error, text)
        case KustoMultiApiError() if error.errors:
            return _api_fault(error.errors[0], text)
        case KustoBlobError():
            return not_queued(error)
        case KustoServiceError() if _NO_ENDPOINT in str(error):
            # Whatever serves there knows nothing of queries: mostly the REST API, a port beside.
            return EngineFault(
                str(error),
                "TH_SERVICE",
                hint="is that the URL of an Eventhouse? The REST API has another port; `tickhouse up` prints both",
            )
        case _:
            return EngineFault(str(error) or type(error).__name__, "TH_SERVICE")


def not_queued(error: Exception) -> EngineFault:
    """Return the fault of a batch that blob or queue did not take."""
    # The cause may hold the signed address of the resource; its kind says enough.
    return EngineFault(f"the batch could not be queued: {type(error.__cause__ or error).__name__}", "TH_QUEUE")


def _base(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else url


def _api_fault(answer: OneApiError, text: str) -> KustoError:
    message = _PREFIX.sub("", answer.description or answer.message or "unknown error")
    kind = next((kind for words, kind in _KINDS if message.startswith(f"{words}: ")), None)
    if kind is not None:
        message = message.removeprefix(f"{kind.kind}: ")
    else:
        # Words of a kind that the answer's code tells as well; the fault puts its own in front.
        message = _OTHER_KIND.sub("", message)
        code = answer.code or ""
        kind = next((kind for words, kind in _CODES if words in code), KustoError if answer.permanent else EngineFault)
    if kind.permanent and not answer.permanent:
        # What the service expects to pass is not the payload's fault, whatever its code is called.
        kind = EngineFault
    code_match = _CODE.match(message)
    code = code_match[1] if code_match else answer.code or "General_BadRequest"
    message = message[code_match.end() :] if code_match else message
    message, _, hint = message.partition("\nhint: ")
    message, span = _placed(message, text)
    return kind(message, code, span, hint, text if span != NOWHERE else "")


def _placed(message: str, text: str) -> tuple[str, Span]:
    """Split `message [line:position=2:5]` and the excerpt below it from the message."""
    position = _POSITION.search(message)
    if position is None or not text:
        return message, NOWHERE
    line, column = int(position[1]), int(position[2])
    lines = text.split("\n")
    excerpt = re.search(r"^\d+ \| (.*)$", message[position.end() :], re.MULTILINE)
    if excerpt is not None and (line > len(lines) or excerpt[1] != lines[line - 1]):
        # The place is one in a part of the text, such as the body of a function: what is shown of it stays as it is.
        return message, NOWHERE
    offset = sum(len(before) + 1 for before in lines[: line - 1]) + column - 1
    carets = re.search(r"\^+", message[position.end() :])
    return message[: position.start()], Span(offset, offset + (len(carets[0]) if carets else 1))
