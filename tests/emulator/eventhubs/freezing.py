"""A way to a hub on which connections can be made to fall silent: they stay open, and carry nothing any more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Way:
    """Passes bytes on between clients and a port."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._passing: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    def freeze(self) -> None:
        """Let the connections that are open now carry nothing any more; new ones are not concerned."""
        for task in self._passing:
            task.cancel()
        self._passing.clear()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers += [writer, back]
        for source, sink in ((reader, back), (there, writer)):
            self._passing.add(asyncio.create_task(_pass(source, sink)))

    async def close(self) -> None:
        self.freeze()
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)


async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    except ConnectionError:
        pass
    sink.close()


@asynccontextmanager
async def way_to(target: int) -> AsyncIterator[tuple[Way, int]]:
    """Open a way to a port of this machine; give it and the port where it begins."""
    way = Way(target)
    server = await asyncio.start_server(way.accept, "127.0.0.1", 0)
    try:
        yield way, int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await way.close()
        await server.wait_closed()
