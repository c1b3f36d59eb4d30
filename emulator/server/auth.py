"""Who may speak to the server: the bearer token, and which web pages a browser lets in.

Without a token the server listens on loopback only and ignores any `Authorization` header, as clients always send one.
A web page elsewhere could still reach a loopback port through its visitor's browser; hence the checks of `Origin` and
`Host` here.
"""

import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit
from uuid import uuid4

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emulator.errors import KustoError
from emulator.loopback import is_loopback
from emulator.server.errors import ForbiddenFault, RequestContext, error_body
from emulator.server.queued.storage import PREFIX

# The SDKs' own defaults: a client that reads them behaves as against the public cloud.
METADATA = orjson.dumps(
    {
        "AzureAD": {
            "LoginEndpoint": "https://login.microsoftonline.com",
            "LoginMfaRequired": False,
            "KustoClientAppId": "db662dc1-0cfe-4e1c-a843-19a68e65be58",
            "KustoClientRedirectUri": "http://localhost",
            "KustoServiceResourceId": "https://kusto.kusto.windows.net",
            "FirstPartyAuthorityUrl": "https://login.microsoftonline.com/f8cdef31-a31e-4b4a-93e4-5f571e91255a",
        }
    }
)

_PUBLIC = frozenset({"/v1/rest/auth/metadata", "/v1/rest/ping"})
_EXPOSED = "x-ms-client-request-id, x-ms-activity-id"


class UnauthorizedFault(KustoError):
    """The token is missing or wrong."""

    kind = "Unauthorized"
    http_status = 401


class AccessLayer:
    """Pure ASGI layer that answers preflight requests, refuses foreign pages and checks the token."""

    def __init__(self, app: ASGIApp, token: str | None, origins: Iterable[str] = ()) -> None:
        self._app = app
        self._expected = None if token is None else f"Bearer {token}".encode()
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through to the application, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        fault = self._refusal(scope, headers, origin)
        if fault is not None:
            context = RequestContext(headers.get("x-ms-client-request-id", ""), str(uuid4()))
            answer = Response(error_body(fault, context), fault.http_status, media_type="application/json")
            if isinstance(fault, UnauthorizedFault):
                answer.headers["WWW-Authenticate"] = "Bearer"
            await answer(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await _preflight(origin)(scope, receive, send)
        elif origin is None:
            await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, _with_origin(send, origin))

    def _refusal(self, scope: Scope, headers: Headers, origin: str | None) -> KustoError | None:
        if origin is not None and not self._is_trusted(origin):
            return ForbiddenFault(f"Pages of the origin '{origin}' may not use this server", code="Forbidden")
        if self._expected is None:
            if not is_literal_or_loopback(headers.get("host", "")):
                return ForbiddenFault(
                    f"The host name '{headers.get('host')}' is not this machine's own",
                    code="Forbidden",
                    hint="use 127.0.0.1 or localhost, or start the server with a token",
                )
            return None
        if scope["method"] == "OPTIONS" or scope["path"] in _PUBLIC or scope["path"].startswith(PREFIX):
            # Storage clients send the signature of the address that an authorized request was told.
            return None
        if not hmac.compare_digest(headers.get("authorization", "").encode(), self._expected):
            return UnauthorizedFault(
                "The request carries no valid token", code="Unauthorized", hint="send 'Authorization: Bearer <token>'"
            )
        return None

    def _is_trusted(self, origin: str) -> bool:
        if origin.lower() in self._origins:
            return True
        try:
            host = urlsplit(origin).hostname
        except ValueError:
            return False
        return host is not None and is_loopback(host)


def is_literal_or_loopback(host: str) -> bool:
    """Whether a `Host` header is an address or a loopback name: no domain that someone else could point here."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return not name or is_loopback(name) or name.replace(".", "").isdigit() or ":" in name


def _preflight(origin: str | None) -> Response:
    headers = {
        "Allow": "GET, POST, OPTIONS",
        "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
        "Access-Control-Allow-Headers": (
            "Authorization, Content-Type, Content-Encoding, Accept, x-ms-app, x-ms-user, x-ms-version, "
            "x-ms-client-request-id, x-ms-client-version, x-ms-readonly"
        ),
        "Access-Control-Max-Age": "600",
    }
    if origin is not None:
        headers |= {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
    return Response(status_code=204, headers=headers)


def _with_origin(send: Send, origin: str) -> Send:
    async def send_with_origin(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Expose-Headers"] = _EXPOSED
            headers.add_vary_header("Origin")
        await send(message)

    return send_with_origin
