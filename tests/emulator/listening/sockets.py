"""An application on a real socket in the loop of the test, and bytes to and from it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from emulator.listening.http_server import HttpServer, server_for
from emulator.listening.limits import Limits
from emulator.listening.protocol import LimitedProtocol
from emulator.listening.sockets import bind

GET = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what a server holds, of which it tells nobody."""
    while not condition():  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0.001)


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs, and its port."""

    http: HttpServer
    port: int

    @property
    def connections(self) -> list[LimitedProtocol]:
        """What the server holds open."""
        return [each for each in self.http.server_state.connections if isinstance(each, LimitedProtocol)]

    async def holds(self, number: int) -> None:
        """Wait until the server has that many connections."""
        await until(lambda: len(self.connections) == number)

    def look(self, after: float) -> None:
        """Look after the connections as if some seconds had gone by."""
        for connection in self.connections:
            connection.overdue(asyncio.get_running_loop().time() + after)


class Peer:
    """A client that writes and reads bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self) -> tuple[int, str]:
        """Read the status and the body of one answer."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        return int(head.split()[1]), (await self._reader.readexactly(length)).decode()

    async def end(self) -> bytes:
        """Read until the server closes."""
        try:
            return await self._reader.read()
        except ConnectionResetError:
            return b""

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def serving(app: ASGIApp, limits: Limits | None = None) -> AsyncIterator[Served]:
    """Serve for the duration."""
    listener = bind("127.0.0.1", 0)
    http = server_for(app, limits)
    task = asyncio.create_task(http.serve(sockets=[listener]))
    await until(lambda: http.started)
    try:
        yield Served(http, listener.getsockname()[1])
    finally:
        http.should_exit = True
        await task


@asynccontextmanager
async def connected(served: Served) -> AsyncIterator[Peer]:
    """Connect for the duration."""
    peer = Peer(*await asyncio.open_connection("127.0.0.1", served.port, limit=1 << 24))
    try:
        yield peer
    finally:
        peer.close()


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer how large the body was."""
    if scope["type"] != "http":
        return
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    body = b"%d" % size
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
