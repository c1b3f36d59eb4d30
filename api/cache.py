"""Answers kept as bytes, in front of routing: age limits, single flight, entity tags, compression.

A pure ASGI layer. Requests for the same URL that arrive while it is being computed share that computation.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from re import Pattern

from starlette.datastructures import Headers
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.kept import Answer, KeptAnswers, RawHeaders
from api.limits import ApiLimits
from api.spelling import Key, key_of
from emulator.content_codings import accepted_codings
from emulator.loopback import is_loopback
from kql.reference import Company
from kql.registry import Registry

# Spellings of requests whose key is known, each of at most so many bytes.
_SPELLINGS = 2048
_LONGEST_SPELLING = 1000


@dataclass(slots=True)
class _Flight:
    """An answer on its way, and how many wait for it."""

    task: asyncio.Task[Answer]
    callers: int = 0


class AnswerCache:
    """The layer; it holds answers of registered routes with a `max_age`, at most `cache_bytes` of them."""

    def __init__(
        self,
        app: ASGIApp,
        registry: Registry,
        limits: ApiLimits,
        clock: Callable[[], float] = time.monotonic,
        companies: tuple[Company, ...] = (),
    ) -> None:
        self._app = app
        self._limits = limits
        self._clock = clock
        self._companies = companies
        self._endpoints = [(_pattern(endpoint.route), endpoint) for endpoint in registry.endpoints]
        self._kept = KeptAnswers(limits.cache_bytes, clock)
        self._spellings: dict[tuple[str, bytes], tuple[int, Key]] = {}
        self._flights: dict[Key, _Flight] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request from memory, or let it through and keep what comes back."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        known = self._known(scope["path"], scope["query_string"])
        if known is None:
            await self._app(scope, receive, send)
            return
        max_age, key = known
        headers = Headers(scope=scope)
        wants_fresh = "no-cache" in headers.get("cache-control", "")
        answer = None if wants_fresh else self._kept.find(key)
        if answer is None:
            answer = await (self._compute(scope, key, max_age) if wants_fresh else self._share(scope, key, max_age))
        await self._reply(answer, key, max_age, scope, headers, send)

    def _known(self, path: str, query: bytes) -> tuple[int, Key] | None:
        """Return the age limit and the key of a request to a registered route."""
        known = self._spellings.get((path, query))
        if known is not None:
            return known
        for pattern, endpoint in self._endpoints:
            match = pattern.match(path)
            if match is not None:
                known = endpoint.max_age, key_of(endpoint, match.groupdict(), query, self._companies)
                if len(path) + len(query) <= _LONGEST_SPELLING:
                    if len(self._spellings) >= _SPELLINGS:
                        self._spellings.clear()
                    self._spellings[path, query] = known
                return known
        return None

    async def _share(self, scope: Scope, key: Key, max_age: int) -> Answer:
        if max_age == 0:
            return await self._compute(scope, key, max_age)
        flight = self._flights.get(key)
        if flight is None:
            # A task of its own: a caller that goes away must not take the others' answer along.
            flight = self._flights[key] = _Flight(asyncio.create_task(self._compute(scope, key, max_age)))
            flight.task.add_done_callback(_look_at)
        flight.callers += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.callers -= 1
            if not flight.callers:
                # Either it has ended, or nobody waits for it any more.
                flight.task.cancel()
                del self._flights[key]

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
            self._kept.keep(key, answer, max_age)
        return answer

    async def _reply(self, answer: Answer, key: Key, max_age: int, scope: Scope, headers: Headers, send: Send) -> None:
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
                is_new = answer.compressed is None
                body = answer.gzipped()
                if is_new:
                    self._kept.weigh(key, answer)
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


def _look_at(ended: asyncio.Task[Answer]) -> None:
    # So that nothing is said of an error whose callers have all gone.
    if not ended.cancelled():
        ended.exception()


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
