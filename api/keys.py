"""The API key: a pure ASGI layer that lets nothing but health checks through without it."""

import hmac

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import ApiError

_OPEN = frozenset({"/healthz", "/readyz"})


class ApiKeyLayer:
    """Checks `X-API-Key` or `Authorization: Bearer` in constant time."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app = app
        self._key = key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request with the key through."""
        if scope["type"] != "http" or scope["path"] in _OPEN or self._holds_key(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        problem = ApiError(
            401,
            "unauthorized",
            "Unauthorized",
            "The request carries no valid API key.",
            hint="send it in the header 'X-API-Key'",
            headers={"WWW-Authenticate": "Bearer"},
        )
        await problem.response()(scope, receive, send)

    def _holds_key(self, headers: Headers) -> bool:
        sent = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(sent.encode(), self._key)
