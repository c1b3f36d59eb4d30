"""Several servers in one event loop, with one place that decides when they end."""

import asyncio
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

import uvicorn
from starlette.types import ASGIApp

from cli.errors import CliError
from emulator.listening.exit import be_ready_to_exit, exit_within
from emulator.listening.http_server import HttpServer, configuration
from emulator.listening.keys import UnusableKey, usable_key
from emulator.listening.limits import LEAST_DESCRIPTORS
from emulator.listening.sockets import ListenError, OpenToNetwork, PortInUse, bind

T = TypeVar("T")


def run(main: Coroutine[object, object, T]) -> T:
    """Run a command that serves on the event loop that uvicorn takes where it runs alone: uvloop, if there is one."""
    try:
        require_files()
    except CliError:
        main.close()
        raise
    loop_factory = uvicorn.Config("", log_config=None).get_loop_factory()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(main)


def require_files() -> None:
    """Refuse to serve with so few open files that logs and clients would fail sooner or later."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < LEAST_DESCRIPTORS:
        raise CliError(
            f"a process may have {soft} files open here, and this one takes {LEAST_DESCRIPTORS} to serve",
            hint="raise the limit, for example with `ulimit -n 1024`",
        )


def listen(host: str, port: int, *, port_flag: str, key_flag: str = "", key: str | None = None) -> socket.socket:
    """Return a listening socket, or refuse with the flag that helps: for another port, or for a key."""
    try:
        usable_key(key)
        return bind(host, port, key=key)
    except OpenToNetwork as error:
        raise CliError(
            f"whoever reaches {host}:{port} could use it: beyond this machine it takes a key",
            hint=f"give {key_flag}, or leave --host at 127.0.0.1",
        ) from error
    except UnusableKey as error:
        raise CliError(str(error), hint=f"give {key_flag} another") from error
    except PortInUse as error:
        raise CliError(str(error), hint=f"choose another port with {port_flag}") from error
    except ListenError as error:
        raise CliError(str(error), hint="see --host") from error


class Server(HttpServer):
    """A server that leaves signals to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signal handlers as they are."""
        yield


@asynccontextmanager
async def running(*served: tuple[ASGIApp, socket.socket]) -> AsyncIterator[Callable[[], None]]:
    """Serve applications on sockets for the duration, or until the yielded function is called.

    All of them let requests in flight finish for a while, then end them.
    """
    servers = [Server(configuration(app)) for app, _ in served]
    tasks = [
        asyncio.create_task(server.serve(sockets=[listener]))
        for server, (_, listener) in zip(servers, served, strict=True)
    ]

    def end() -> None:
        for server in servers:
            server.should_exit = True

    try:
        yield end
    finally:
        end()
        await asyncio.gather(*tasks)


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGINT, SIGTERM and SIGHUP set from now on, in place of ending the process.

    A command that waits for the signals asks for it before it says that it serves: who reads that may end it at once.
    """
    be_ready_to_exit()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        exit_within()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)

    shown_on = terminals()

    def hang_up() -> None:
        leave(shown_on)
        end()

    loop.add_signal_handler(signal.SIGHUP, hang_up)
    return stop


async def until_signal_or_end(
    *work: Awaitable[object], stop: asyncio.Event | None = None, on_end: Callable[[], None] = lambda: None
) -> None:
    """Wait for SIGINT, SIGTERM or SIGHUP, or until one of the awaitables ends.

    Its error is raised, the rest is cancelled; `on_end` is called before. After a signal the process has a few seconds.
    `stop` is what `stop_on_signals` returned, if it was called already.
    """
    loop = asyncio.get_running_loop()
    stop = stop or stop_on_signals()
    tasks = [asyncio.ensure_future(each) for each in work]
    stopped = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        on_end()
        for task in (stopped, *tasks):
            task.cancel()
        await asyncio.gather(stopped, *tasks, return_exceptions=True)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)


def terminals() -> list[int]:
    """Return the standard streams that are a terminal; one that is gone no longer says that it was."""
    return [stream.fileno() for stream in (sys.stdin, sys.stdout, sys.stderr) if stream.isatty()]


def leave(descriptors: list[int]) -> None:
    """Send what is still to be said nowhere: writing to a terminal that is gone is an error."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
