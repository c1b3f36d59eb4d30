"""Ends a request whose client has gone away, or whose server ends: its task is canceled, and with it what it awaits.

A pure ASGI layer. It looks for the client only after a while, so that a request that is answered at once pays a timer
and no task of its own.
"""

import asyncio
from collections import deque

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SERVER_ENDS = "the server ends"
"""The message with which a server cancels the tasks of requests that it no longer waits for."""

# A client is missed so much later at most.
_LOOK_SECONDS = 0.1
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})


class DisconnectLayer:
    """The layer around an application; `closing` is what it answers for a server that ends."""

    def __init__(self, app: ASGIApp, closing: ASGIApp) -> None:
        self._app = app
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, unless nobody waits for the answer any more."""
        task = asyncio.current_task()
        if scope["type"] != "http" or task is None:
            await self._app(scope, receive, send)
            return
        client = _Client(receive, send, task, is_read=scope["method"] in _WITHOUT_BODY)
        try:
            await self._app(scope, client.receive, client.send)
        except asyncio.CancelledError as canceled:
            if not client.is_gone and canceled.args != (SERVER_ENDS,):
                raise
            task.uncancel()
            if not client.is_gone and not client.is_answered:
                await self._closing(scope, receive, send)
        finally:
            client.forget()


class _Client:
    """The client of one request; one that is gone cancels the request's task."""

    __slots__ = (
        "_is_read",
        "_kept",
        "_loop",
        "_receive",
        "_send",
        "_task",
        "_timer",
        "_watch",
        "is_answered",
        "is_gone",
    )

    def __init__(self, receive: Receive, send: Send, task: asyncio.Task[object], *, is_read: bool) -> None:
        self.is_gone = False
        self.is_answered = False
        self._receive = receive
        self._send = send
        self._task = task
        self._is_read = is_read
        self._kept: deque[Message] = deque()
        self._watch: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(_LOOK_SECONDS, self._look)

    async def receive(self) -> Message:
        """Receive as the application does; it sees itself when a client leaves while it reads."""
        if self._kept:
            return self._kept.popleft()
        message = await self._receive()
        self._is_read = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send for the application."""
        self.is_answered = True
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.forget()
        await self._send(message)

    def forget(self) -> None:
        """Look no longer."""
        self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()

    def _look(self) -> None:
        if self._is_read:
            self._watch = self._loop.create_task(self._wait())
        else:
            # Two that receive at once would share the body among them; who reads it sees the client leave.
            self._timer = self._loop.call_later(_LOOK_SECONDS, self._look)

    async def _wait(self) -> None:
        while (message := await self._receive())["type"] == "http.request":
            # The empty body of a request that nobody reads the body of; a longer one is not heaped up here.
            self._kept.append(message)
            if message.get("more_body", False):
                return
        self._kept.append(message)
        self.is_gone = True
        self._task.cancel()
