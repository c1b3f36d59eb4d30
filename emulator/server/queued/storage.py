"""What all storage endpoints share: signatures, bodies, headers, and faults as XML."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4
from xml.sax.saxutils import escape

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from emulator.engine.queued.access import ACCOUNT, EXPORT, SCRATCH, Access
from emulator.engine.queued.blobs import BlobNotFound, BlobsFull
from emulator.errors import CommandThrottledFault, EngineFault, KustoError
from emulator.listening.faults import log_fault
from emulator.server.bodies import MAX_BODY, Body, Rooms
from emulator.server.errors import PayloadFault

PREFIX = f"/{ACCOUNT}/"
SECONDS = 300.0

_STATUSES = {"BlobNotFound": 404, "MessageNotFound": 404, "ResourceNotFound": 404, "EntityAlreadyExists": 409}
_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'


@dataclass(frozen=True, slots=True)
class Storage:
    """Runs storage requests: the signature first, then the work, and every fault as a document."""

    access: Access
    rooms: Rooms = field(default_factory=Rooms)

    async def run(self, request: Request, handle: Callable[[Request], Awaitable[Response]]) -> Response:
        """Answer one request."""
        try:
            return _with_headers(await handle(request))
        except KustoError as fault:
            return fault_response(fault)
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - the outermost place of a request
            id_ = str(uuid4())
            log_fault("storage request", id_, error)
            text = f"The request failed inside the embedded Eventhouse (request {id_})."
            return fault_response(EngineFault(text, "InternalError"))

    def check(self, request: Request, resource: str, permission: str) -> None:
        """Raise AccessDenied unless the request may do this to a resource."""
        self.access.check(resource, request.query_params, permission)

    @asynccontextmanager
    async def body(self, request: Request, most: int = MAX_BODY, hint: str = "send blocks") -> AsyncIterator[bytes]:
        """Read a body as it is, and hold it for the duration; where there is no room for it, clients come again."""
        body = Body(self.rooms)
        too_large = PayloadFault(f"The body is larger than {most} bytes.", "RequestBodyTooLarge", hint=hint)
        try:
            yield await body.read(request, most, too_large)
        except CommandThrottledFault as fault:
            raise BlobsFull(fault.message, "ServerBusy") from fault
        finally:
            body.release()

    def own_blob(self, address: str) -> str:
        """Return the key of the blob at an address, which must be one of ours with a valid signature."""
        try:
            parts = urlsplit(address)
        except ValueError:
            parts = urlsplit("")
        container, _, name = unquote(parts.path.removeprefix(PREFIX)).partition("/")
        if not parts.path.startswith(PREFIX) or container not in (SCRATCH, EXPORT) or not name:
            raise KustoError(
                f"'{without_query(address)}' is no blob of this Eventhouse, and no other addresses are read.",
                "BadRequest_ForeignBlob",
                hint="upload to a container of '.get ingestion resources' or '.show export containers'",
            )
        self.access.check(container, dict(parse_qsl(parts.query)), "r")
        return f"{container}/{name}"


def without_query(address: str) -> str:
    """Return an address without what may be secret in it."""
    return address.partition("?")[0].partition(";")[0]


def xml(text: str, status: int = 200) -> Response:
    """Return an XML document as an answer."""
    return Response(_DECLARATION + text, status, media_type="application/xml")


def fault_response(fault: KustoError) -> Response:
    """Return a fault as storage clients read it."""
    status = _STATUSES.get(fault.code, 404 if isinstance(fault, BlobNotFound) else fault.http_status)
    text = fault.message + (f" Hint: {fault.hint}" if fault.hint else "")
    answer = xml(f"<Error><Code>{escape(fault.code)}</Code><Message>{escape(text)}</Message></Error>", status)
    answer.headers["x-ms-error-code"] = fault.code
    return _with_headers(answer)


def http_date(moment: datetime | float) -> str:
    """Return a moment (naive UTC, or seconds of the epoch) as headers and queues write it."""
    at = datetime.fromtimestamp(moment, UTC) if isinstance(moment, float) else moment.replace(tzinfo=UTC)
    return format_datetime(at, usegmt=True)


def number(query: Mapping[str, str], name: str, default: int, highest: int) -> int:
    """Return a number of the query, from 1 to `highest`."""
    text = query.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= highest:
        raise KustoError(f"'{name}' is a number from 1 to {highest}, found '{text}'.", "OutOfRangeQueryParameterValue")
    return int(text)


def _with_headers(answer: Response) -> Response:
    answer.headers.setdefault("x-ms-request-id", str(uuid4()))
    answer.headers.setdefault("x-ms-version", "2021-08-06")
    return answer
