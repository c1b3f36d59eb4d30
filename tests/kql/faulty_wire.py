"""A wire in front of the emulator's that answers some requests itself, as a service in trouble does."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from emulator.engine.eventhouse import Eventhouse
from emulator.server.app import create_app
from tests.emulator.server.live import serving

Answer = Callable[[Request], Response | None]


@dataclass
class FaultyWire:
    """Hands requests on unless `answer` has one for them; `streamed` counts the streaming ingestions asked for."""

    app: ASGIApp
    answer: Answer = lambda _request: None
    streamed: int = 0
    paths: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            self.paths.append(scope["path"])
            self.streamed += scope["path"].startswith("/v1/rest/ingest/")
            answer = self.answer(Request(scope))
            if answer is not None:
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)


@contextmanager
def serving_faulty(engine: Eventhouse) -> Iterator[tuple[FaultyWire, str]]:
    """Serve an Eventhouse behind such a wire for the duration; yields it and its URL."""
    wire = FaultyWire(create_app(engine))
    with serving(wire) as url:
        yield wire, url


def refusing(prefix: str, status: int, *, is_permanent: bool = False, code: str = "General_InternalError") -> Answer:
    """Return what refuses requests to paths with a prefix in Kusto's words."""
    error = {"code": code, "message": "no", "@type": "x", "@message": f"{code}: no", "@permanent": is_permanent}

    def answer(request: Request) -> Response | None:
        if not request.url.path.startswith(prefix):
            return None
        return Response(json.dumps({"error": error}), status, media_type="application/json")

    return answer
