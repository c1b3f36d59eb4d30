"""The server: hubs in a data folder, a listening socket, and the connections of its clients."""

import asyncio
import socket
from collections.abc import Collection, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

from emulator.engine.folder_lock import FolderLock
from emulator.errors import KustoError
from emulator.eventhubs.amqp.connection import Connection
from emulator.eventhubs.amqp.room import Room
from emulator.eventhubs.hubs.hub import DEFAULT_GROUP, Hub, Hubs
from emulator.eventhubs.hubs.log import Retention
from emulator.eventhubs.hubs.throttle import Meter, Throttle
from emulator.eventhubs.service.access import OPEN_KEY, POLICY
from emulator.eventhubs.service.client import Client, Namespace
from emulator.listening.limits import most_connections
from emulator.listening.sockets import bind

DEFAULT_PORT = 5672
DEFAULT_HUBS: Mapping[str, int] = MappingProxyType({"trades": 4})
IN_MEMORY = Retention(age=timedelta(days=1), size=256 << 20, segment_size=16 << 20)
_RETENTION_SECONDS = 60.0
_GOODBYE_SECONDS = 1.0
_COMMITS = 8


@dataclass(frozen=True, slots=True)
class Options:
    """What can be set beside the hubs.

    Without a key nobody is asked for one; then only loopback addresses are served. `retention` is by default a week
    and 8 GiB per partition on disk, a day and 256 MiB in memory. `connections` are served at once.
    """

    key: str | None = None
    consumer_groups: Collection[str] = (DEFAULT_GROUP,)
    retention: Retention | None = None
    throttle: Throttle | None = None
    connections: int = field(default_factory=most_connections)


DEFAULTS = Options()


class EventHubs:
    """Event hubs that are being served; belongs to the event loop that it was started in."""

    def __init__(
        self, hubs: Hubs, listener: socket.socket, options: Options, lock: FolderLock | None, commits: Executor
    ) -> None:
        self._hubs = hubs
        self._commits = commits
        self._options = options
        self._lock = lock
        self._room = Room()
        self._namespace = Namespace(hubs, options.key, Meter(options.throttle))
        self._host, self._port = listener.getsockname()[:2]
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None
        self._expiring: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls,
        *,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        data: Path | None,
        hubs: Mapping[str, int] = DEFAULT_HUBS,
        options: Options = DEFAULTS,
    ) -> "EventHubs":
        """Open the hubs, given with their partition counts, and listen; port 0 takes a free one.

        `data` is a folder of the hubs' own, or None for memory. Raises ListenError where the port cannot be had, and
        KustoError where the folder is in use or was made for other partitions.
        """
        listener = bind(host, port, key=options.key, what="the hubs", key_name="a key")
        lock: FolderLock | None = None
        # Threads of its own: in a process that also stores what it reads, the loop's would all be busy with that.
        commits = ThreadPoolExecutor(_COMMITS, thread_name_prefix="commit")
        try:
            lock = None if data is None else await asyncio.to_thread(_lock, data)
            # In a thread: the end of every log is read through.
            opened = await asyncio.to_thread(_open_all, data, hubs, options, commits)
        except BaseException:
            commits.shutdown()
            listener.close()
            if lock is not None:
                lock.release()
            raise
        served = cls(opened, listener, options, lock, commits)
        served._server = await asyncio.start_server(served._accept, sock=listener)
        served._expiring = asyncio.create_task(served._expire())
        return served

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._port)

    def connection_string(self, hub: str) -> str:
        """Return what the Azure clients take to reach a hub; raises KustoError for one that is not served."""
        served = self.hub(hub)
        host = f"[{self._host}]" if ":" in self._host else self._host
        return (
            f"Endpoint=sb://{host}:{self._port};SharedAccessKeyName={POLICY};"
            f"SharedAccessKey={self._options.key or OPEN_KEY};UseDevelopmentEmulator=true;EntityPath={served.name}"
        )

    def hub(self, name: str) -> Hub:
        """Return a hub for use in this process; raises KustoError for one that is not served."""
        for hub in self._hubs.all():
            if hub.name.lower() == name.lower():
                return hub
        names = ", ".join(hub.name for hub in self._hubs.all())
        raise KustoError(f"The hub '{name}' is not served.", "TH_Hub", hint=f"hubs are {names}")

    async def close(self) -> None:
        """Say goodbye to the clients, store what waits and close; closing twice is fine."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        if self._expiring is not None:
            self._expiring.cancel()
        tasks = list(self._connections.values())
        # What has arrived is stored and acknowledged before the clients hear that the server goes; what else they send
        # is not waited for.
        for connection in tuple(self._connections):
            connection.pause()
        for hub in self._hubs.all():
            await hub.flush()
        for connection in tuple(self._connections):
            connection.close()
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=_GOODBYE_SECONDS)
            for connection in tuple(self._connections):
                # One that does not read would be waited for, and its connection too.
                connection.abort()
            if left:
                await asyncio.wait(left, timeout=_GOODBYE_SECONDS)
        await server.wait_closed()
        for hub in self._hubs.all():
            await hub.close()
        self._commits.shutdown()
        if self._lock is not None:
            self._lock.release()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(self._namespace)
        connection = Connection(client.open_link, reader, writer, lambda: client.is_known, self._room)
        if len(self._connections) >= self._options.connections:
            # Whoever has begun nothing yet makes room, the oldest first; where all are at work, the new one goes.
            (next((each for each in self._connections if not each.is_used), connection)).abort()
        task = asyncio.current_task()
        if task is not None:
            self._connections[connection] = task
        try:
            await connection.serve()
        finally:
            self._connections.pop(connection, None)

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(_RETENTION_SECONDS)
            for hub in self._hubs.all():
                for partition in hub.partitions:
                    partition.expire()


def default_retention(*, in_memory: bool) -> Retention:
    """Return what is kept where nothing is said of it."""
    return IN_MEMORY if in_memory else Retention()


def _lock(data: Path) -> FolderLock:
    data.mkdir(parents=True, exist_ok=True)
    return FolderLock.acquire(data)


def _open_all(data: Path | None, hubs: Mapping[str, int], options: Options, commits: Executor) -> Hubs:
    return Hubs({name: _open(data, name, partitions, options, commits) for name, partitions in hubs.items()})


def _open(data: Path | None, name: str, partitions: int, options: Options, commits: Executor) -> Hub:
    # A folder is named by what is certain to be one name on every file system.
    folder = None if data is None else data / _folder_name(name)
    retention = options.retention or default_retention(in_memory=data is None)
    return Hub.open(folder, name, partitions, options.consumer_groups, retention, commits)


def _folder_name(name: str) -> str:
    if not name or not all(character.isalnum() or character in "-_." for character in name) or name.startswith("."):
        raise KustoError(
            f"The name '{name}' cannot be that of a hub.", "TH_Hub", hint="use letters, digits, '-', '_' and '.'"
        )
    return name.lower()
