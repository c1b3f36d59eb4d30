"""A real websocket server on this machine that plays a script for each connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from producer.model import Trade
from producer.sources.streaming import StreamingSource

Step = Callable[[ServerConnection], Awaitable[None]]


class ScriptedServer:
    """Plays one list of steps per connection, the last one for all further ones; `heard` has what clients sent."""

    def __init__(self, *scripts: Sequence[Step]) -> None:
        self._scripts = list(scripts)
        self.heard: list[asyncio.Queue[str]] = []
        self.paths: list[str] = []
        self.refusal: Response | None = None
        self.url = ""

    async def handle(self, connection: ServerConnection) -> None:
        number = len(self.heard)
        heard: asyncio.Queue[str] = asyncio.Queue()
        self.heard.append(heard)
        listening = asyncio.create_task(self._listen(connection, heard))
        try:
            for step in self._scripts[min(number, len(self._scripts) - 1)]:
                await step(connection)
        except ConnectionClosed:
            pass
        finally:
            listening.cancel()
            await asyncio.wait({listening})

    async def _listen(self, connection: ServerConnection, heard: "asyncio.Queue[str]") -> None:
        async for message in connection:
            await heard.put(str(message))

    def check(self, connection: ServerConnection, request: Request) -> Response | None:
        self.paths.append(request.path)
        return self.refusal


@asynccontextmanager
async def serving(server: ScriptedServer) -> AsyncIterator[ScriptedServer]:
    running: Server
    async with serve(server.handle, "127.0.0.1", 0, process_request=server.check, close_timeout=1) as running:
        port = next(iter(running.sockets)).getsockname()[1]
        server.url = f"ws://127.0.0.1:{port}/"
        yield server


def say(*frames: str | bytes) -> Step:
    async def step(connection: ServerConnection) -> None:
        for frame in frames:
            await connection.send(frame)

    return step


def when(event: asyncio.Event) -> Step:
    """Wait until the test says so."""

    async def step(_: ServerConnection) -> None:
        await event.wait()

    return step


def delivered(event: asyncio.Event) -> Step:
    """Say when the client has everything so far."""

    async def step(connection: ServerConnection) -> None:
        await (await connection.ping())
        event.set()

    return step


async def drop(connection: ServerConnection) -> None:
    """End without a closing handshake, once the client has what was said."""
    await (await connection.ping())
    connection.transport.abort()


async def close(connection: ServerConnection) -> None:
    await connection.close()


async def stall(connection: ServerConnection) -> None:
    """Say nothing more for as long as the client stays."""
    await connection.wait_closed()


async def collect(source: StreamingSource, into: list[Trade]) -> None:
    """Keep the trades of a stream until it fails."""
    async for trade in source.trades():
        into.append(trade)  # noqa: PERF401 - the list is read while the stream runs


async def until(condition: Callable[[], bool]) -> None:
    """Let real sockets work until a condition holds."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in sockets
            await asyncio.sleep(0.001)
