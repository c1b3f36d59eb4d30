"""Answers kept as bytes, in front of routing: age limits, single flight, entity tags, compression.

A pure ASGI layer. Requests for the same URL that arrive while it is being computed share that computation.
"""

import asyncio
import gzip
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from re import Pattern

from starlette.datastructures import Headers
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.limits import ApiLimits
from emulator.content_codings import accepted_codings
from emulator.loopback import is_loopback
from kql.registry import Registry

RawHeaders = list[tuple[bytes, bytes]]
Key = tuple[str, bytes]


@dataclass(slots=True)
class Answer:
    """A finished answer: what is sent again, and when it was computed."""

    status: int
    headers: RawHeaders
    body: bytes
    computed: float
    compressed: bytes | None = field(default=None, repr=False)

    @property
    def tag(self) -> bytes | None:
        """The entity tag."""
        return next((value for name, value in self.headers if name == b"etag"), None)

    def gzipped(self) -> bytes:
        """Return the compressed body, made once."""
        if self.compressed is None:
            self.compressed = gzip.compress(self.body, 5, mtime=0)
        return self.compressed


class AnswerCache:
    """The layer; it holds answers of registered routes with a `max_age`, at most `cache_bytes` of them."""

    def __init__(
        self, app: ASGIApp, registry: Registry, limits: ApiLimits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._limits = limits
        self._clock = clock
        self._ages = [(_pattern(endpoint.route), endpoint.max_age) for endpoint in registry.endpoints]
        self._kept: OrderedDict[Key, Answer] = OrderedDict()
        self._bytes = 0
        self._flights: dict[Key, asyncio.Task[Answer]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request from memory, or let it through and keep what comes back."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        max_age = self._max_age(scope["path"])
        if max_age is None:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        key = (scope["path"], scope["query_string"])
        wants_fresh = "no-cache" in headers.get("cache-control", "")
        answer = None if wants_fresh else self._fresh(key, max_age)
        if answer is None:
            answer = await (self._compute(scope, key, max_age) if wants_fresh else self._share(scope, key, max_age))
        await self._reply(answer, max_age, scope, headers, send)

    def _max_age(self, path: str) -> int | None:
        return next((age for pattern, age in self._ages if pattern.match(path)), None)

    def _fresh(self, key: Key, max_age: int) -> Answer | None:
        answer = self._kept.get(key)
        if answer is None:
            return None
        if self._clock() - answer.computed >= max_age:
            self._forget(key)
            return None
        self._kept.move_to_end(key)
        return answer

    async def _share(self, scope: Scope, key: Key, max_age: int) -> Answer:
        if max_age == 0:
            return await self._compute(scope, key, max_age)
        flight = self._flights.get(key)
        if flight is None:
            # A task of its own: a caller that goes away must not take the others' answer along.
            flight = asyncio.create_task(self._compute(scope, key, max_age))
            self._flights[key] = flight
            flight.add_done_callback(lambda _: self._flights.pop(key, None))
        return await asyncio.shield(flight)

    async def _compute(self, scope: Scope, key: Key, max_age: int) -> Answer:
        answer = Answer(500, [], b"", self._clock())
        parts: list[bytes] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
            else:
                parts.append(message.get("body", b""))

        await self._app(dict(scope), receive, send)
        answer.body = b"".join(parts)
        if answer.status == 200 and max_age > 0 and not _has_own_age(answer):
            self._keep(key, answer)
        return answer

    def _keep(self, key: Key, answer: Answer) -> None:
        self._forget(key)
        if len(answer.body) > self._limits.cache_bytes:
            return
        self._kept[key] = answer
        self._bytes += len(answer.body)
        while self._bytes > self._limits.cache_bytes:
            self._forget(next(iter(self._kept)))

    def _forget(self, key: Key) -> None:
        answer = self._kept.pop(key, None)
        if answer is not None:
            self._bytes -= len(answer.body)

    async def _reply(self, answer: Answer, max_age: int, scope: Scope, headers: Headers, send: Send) -> None:
        body, added = answer.body, RawHeaders()
        if answer.status == 200:
            if not _has_own_age(answer):
                added.append((b"cache-control", b"max-age=%d" % max_age if max_age else b"no-cache"))
            added.append((b"vary", b"Accept-Encoding"))
            if age := int(self._clock() - answer.computed):
                added.append((b"age", b"%d" % age))
            if answer.tag is not None and _matches(headers.get("if-none-match"), answer.tag):
                await send({"type": "http.response.start", "status": 304, "headers": [(b"etag", answer.tag), *added]})
                await send({"type": "http.response.body", "body": b""})
                return
            if self._compresses(len(body), scope, headers):
                body = answer.gzipped()
                added.append((b"content-encoding", b"gzip"))
        kept = [(name, value) for name, value in answer.headers if name != b"content-length"]
        added.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": answer.status, "headers": kept + added})
        await send({"type": "http.response.body", "body": body})

    def _compresses(self, size: int, scope: Scope, headers: Headers) -> bool:
        if size <= self._limits.compress_above or "gzip" not in accepted_codings(headers.get("accept-encoding", "")):
            return False
        # Between processes of one machine compression only costs.
        client = scope.get("client")
        return self._limits.compress_loopback or client is None or not is_loopback(client[0])


def _has_own_age(answer: Answer) -> bool:
    return any(name == b"cache-control" for name, _ in answer.headers)


def _pattern(route: str) -> Pattern[str]:
    pattern, _, _ = compile_path(route)
    return pattern


def _matches(if_none_match: str | None, tag: bytes) -> bool:
    if if_none_match is None:
        return False
    opaque = tag.decode().removeprefix("W/")
    listed = [item.strip().removeprefix("W/") for item in if_none_match.split(",")]
    return "*" in listed or opaque in listed
