"""Who may speak to the server: the bearer token, and which web pages a browser lets in.

Without a token the server listens on loopback only and ignores any `Authorization` header, as clients always send one.
"""

from collections.abc import Collection
from uuid import uuid4

import orjson
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from emulator.errors import KustoError
from emulator.listening.keys import Key
from emulator.listening.pages import Pages
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


class UnauthorizedFault(KustoError):
    """The token is missing or wrong."""

    kind = "Unauthorized"
    http_status = 401


class AccessLayer:
    """Pure ASGI layer that answers preflight requests, refuses foreign pages and checks the token."""

    def __init__(
        self, app: ASGIApp, token: str | None, origins: Collection[str] = (), hosts: Collection[str] = ()
    ) -> None:
        self._app = app
        self._key = None if token is None else Key(token)
        self._pages = Pages(
            hosts=hosts,
            origins=origins,
            has_key=token is not None,
            methods="GET, POST, OPTIONS",
            headers=(
                "Authorization, Content-Type, Content-Encoding, Accept, x-ms-app, x-ms-user, x-ms-version, "
                "x-ms-client-request-id, x-ms-client-version, x-ms-readonly"
            ),
            exposed="x-ms-client-request-id, x-ms-activity-id",
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through to the application, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        fault = self._refusal(scope, headers)
        if fault is not None:
            context = RequestContext(headers.get("x-ms-client-request-id", ""), str(uuid4()))
            answer = Response(error_body(fault, context), fault.http_status, media_type="application/json")
            if isinstance(fault, UnauthorizedFault):
                answer.headers["WWW-Authenticate"] = "Bearer"
            await answer(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await self._pages.preflight(origin)(scope, receive, send)
        elif origin is None:
            await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, self._pages.shown_to(origin, send))

    def _refusal(self, scope: Scope, headers: Headers) -> KustoError | None:
        refusal = self._pages.refusal(headers)
        if refusal is not None:
            return ForbiddenFault(refusal.text, code="Forbidden", hint=refusal.hint)
        if self._key is None:
            return None
        if scope["method"] == "OPTIONS" or scope["path"] in _PUBLIC or scope["path"].startswith(PREFIX):
            # Storage clients send the signature of the address that an authorized request was told.
            return None
        if not self._key.is_bearer_of(headers):
            return UnauthorizedFault(
                "The request carries no valid token", code="Unauthorized", hint="send 'Authorization: Bearer <token>'"
            )
        return None
