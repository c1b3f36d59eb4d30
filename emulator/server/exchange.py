"""One HTTP request and its answer: ids, body, headers, compression, faults."""

import gzip
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import quote
from uuid import uuid4

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from emulator.content_codings import accepted_codings
from emulator.errors import KustoError, ThrottledFault
from emulator.listening.faults import log_fault
from emulator.loopback import is_loopback
from emulator.server.bodies import MAX_BODY, Body, Rooms
from emulator.server.errors import PayloadFault, RequestContext, error_body, internal_fault, status_of

# What a client calls its request is repeated in a header.
_LONGEST_ID = 1024
_IN_HEADERS = "".join(chr(code) for code in range(0x20, 0x7F))


@dataclass(slots=True)
class Exchange:
    """What one request needs from start to end; `text` and `database` become known on the way."""

    request: Request
    client_request_id: str
    activity_id: str
    compress_above: int
    compress_loopback: bool
    body: Body
    text: str = ""
    database: str = ""

    @property
    def context(self) -> RequestContext:
        """What an error document says of this request."""
        return RequestContext(self.client_request_id, self.activity_id, self.text, self.database)

    def identify(self, client_request_id: str) -> None:
        """Take the id from the request's properties where no header carried one."""
        if client_request_id and "x-ms-client-request-id" not in self.request.headers:
            self.client_request_id = header_text(client_request_id)

    async def received(self) -> bytes:
        """Read the whole body as it is.

        Clients send `Content-Encoding: gzip` with bodies that are not gzip (Parquet), so the header is ignored and
        the first bytes decide; `body` inflates them in a thread.
        """
        too_large = PayloadFault(f"The request body is larger than {MAX_BODY} bytes", hint="send smaller batches")
        return await self.body.read(self.request, MAX_BODY, too_large)

    def reply(self, body: bytes, *, status: int = 200, media_type: str = "application/json") -> Response:
        """Return an answer with the protocol's headers, compressed where that pays."""
        headers = {"x-ms-client-request-id": self.client_request_id, "x-ms-activity-id": self.activity_id}
        encoding = self._encoding(len(body))
        if encoding is not None:
            body = gzip.compress(body, 1, mtime=0) if encoding == "gzip" else zlib.compress(body, 1)
            headers |= {"Content-Encoding": encoding, "Vary": "Accept-Encoding"}
        return Response(body, status, headers, media_type)

    def fail(self, fault: KustoError) -> Response:
        """Return a fault as Kusto's error document."""
        answer = self.reply(error_body(fault, self.context), status=status_of(fault))
        if isinstance(fault, ThrottledFault):
            answer.headers["Retry-After"] = str(fault.retry_after)
        return answer

    def _encoding(self, size: int) -> str | None:
        if size <= self.compress_above:
            return None
        # Between processes of one machine compression only costs: every client asks for it, none needs it there.
        client = self.request.client
        if client is not None and not self.compress_loopback and is_loopback(client.host):
            return None
        accepted = accepted_codings(self.request.headers.get("accept-encoding", ""))
        return next((encoding for encoding in ("gzip", "deflate") if encoding in accepted), None)


@dataclass(frozen=True, slots=True)
class ExchangePolicy:
    """When answers are compressed, above a size and for this machine only if asked to; the room for bodies."""

    compress_above: int = 16 * 1024
    compress_loopback: bool = False
    rooms: Rooms = field(default_factory=Rooms)

    async def run(self, request: Request, handle: Callable[[Exchange], Awaitable[Response]]) -> Response:
        """Answer one request; every fault becomes a document, an unforeseen one without its cause."""
        exchange = Exchange(
            request,
            client_request_id=request.headers.get("x-ms-client-request-id") or f"unspecified;{uuid4()}",
            activity_id=str(uuid4()),
            compress_above=self.compress_above,
            compress_loopback=self.compress_loopback,
            body=Body(self.rooms),
        )
        try:
            return await handle(exchange)
        except KustoError as fault:
            return exchange.fail(fault)
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - the outermost place of a request
            log_fault("request", exchange.activity_id, error)
            return exchange.fail(internal_fault(exchange.activity_id))
        finally:
            exchange.body.release()


def header_text(text: str) -> str:
    """Return a text as a header can carry it: what it cannot is percent-encoded, what is too long cut off."""
    return quote(text[:_LONGEST_ID], safe=_IN_HEADERS, errors="replace")
