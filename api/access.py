"""Who may ask: the API key, names of this server, web pages; and HEAD, which is GET without a body."""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import ApiError
from emulator.listening.keys import Key
from emulator.listening.pages import Pages
from kql.registry_rules import ALIVE_ROUTE, DOCUMENTATION_ROUTE, LANDING_ROUTE, READY_ROUTE

METHODS = "GET, HEAD, OPTIONS"
_OPEN = frozenset({ALIVE_ROUTE, READY_ROUTE})
# What people open in a browser, which can send a password but no header of ours.
_FOR_PEOPLE = frozenset({LANDING_ROUTE, DOCUMENTATION_ROUTE})


class AccessLayer:
    """Pure ASGI layer in front of the cache; without a key everyone who is on this machine may ask."""

    def __init__(
        self, app: ASGIApp, key: str | None, hosts: Collection[str] = (), origins: Collection[str] = ()
    ) -> None:
        self._app = app
        self._key = None if key is None else Key(key)
        self._pages = Pages(
            hosts=hosts,
            origins=origins,
            has_key=key is not None,
            methods=METHODS,
            headers="Authorization, X-API-Key, Accept, Cache-Control, If-None-Match",
            exposed="Age, ETag, Retry-After",
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._pages.refusal(headers)
        if refusal is not None:
            problem = ApiError(403, "forbidden", "Forbidden", f"{refusal.text}.", hint=refusal.hint or None)
            await problem.response()(scope, receive, send)
            return
        origin = headers.get("origin")
        if origin is not None:
            if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
                await self._pages.preflight(origin)(scope, receive, send)
                return
            send = self._pages.shown_to(origin, send)
        if scope["method"] == "HEAD":
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        if self._key is None or scope["path"] in _OPEN or self._holds_key(self._key, headers):
            await self._app(scope, receive, send)
        else:
            await _unauthorized(scope["path"]).response()(scope, receive, send)

    def _holds_key(self, key: Key, headers: Headers) -> bool:
        return key.is_in(headers, "x-api-key") or key.is_bearer_of(headers) or key.is_password_of(headers)


def _unauthorized(path: str) -> ApiError:
    return ApiError(
        401,
        "unauthorized",
        "Unauthorized",
        "The request carries no valid API key.",
        hint="send it in the header 'X-API-Key'; a browser may give it as the password, with any name",
        headers={"WWW-Authenticate": 'Basic realm="API key", charset="UTF-8"' if path in _FOR_PEOPLE else "Bearer"},
    )


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head
