"""The lanes of one party that works with an Eventhouse: the wire, the API, or the producer."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import CancelledError
from functools import partial
from typing import TypeVar

from emulator.errors import ClosingFault, CommandThrottledFault
from emulator.lanes.lane import Lane
from emulator.lanes.queries import QueryLane
from emulator.work import Work

T = TypeVar("T")

# A writer mostly waits for its turn; a group commit needs many of them waiting at once.
_INGESTION_THREADS = 32
_COMMAND_THREADS = 8
_CONTROL_THREADS = 8
_URGENT_THREADS = 4
_READING_THREADS = 2
_WAITING = 128
# How long closing waits for threads whose work has been canceled.
_CLOSING_SECONDS = 1.0
# How often who waits in a thread for what the event loop does looks whether there still is one.
_ASK_SECONDS = 1.0


class Lanes:
    """Threads by kind of work: queries, commands that compute, commands that order, those that show, and ingestion.

    `heavy` is how many queries at a time may be heavy, one for each core by default; parties that share a machine
    share its cores. What is waited for in one lane never takes a thread of another. Used from one event loop.
    """

    def __init__(self, name: str = "", heavy: int | None = None) -> None:
        cores = os.cpu_count() or 2
        prefix = f"{name} " if name else ""
        self._queries = QueryLane(f"{prefix}query", cores, cores if heavy is None else heavy)
        self._urgent = Lane(f"{prefix}urgent", _URGENT_THREADS, _WAITING, _command_throttled)
        self._control = Lane(f"{prefix}control", _CONTROL_THREADS, _WAITING, _command_throttled)
        self._commands = Lane(f"{prefix}command", _COMMAND_THREADS, _WAITING, _command_throttled)
        self._reading = Lane(f"{prefix}reading", _READING_THREADS, _WAITING, _command_throttled)
        self._ingestion = Lane(f"{prefix}ingestion", _INGESTION_THREADS, _WAITING, _ingestion_throttled)
        self._works: set[Work] = set()
        self._is_closed = False

    async def query(self, work: Work, call: Callable[[Work], T]) -> T:
        """Run what only reads; it may be run twice. Raises ThrottledFault, as all lanes do, where too many wait."""
        return await self._run(self._queries, work, call)

    async def command(self, work: Work, call: Callable[[Work], T]) -> T:
        """Run a command that stores what it computes: that part of it (`Work.compute`) counts as a query."""
        work.gate = partial(self._among_queries, asyncio.get_running_loop())
        return await self._run(self._commands, work, call)

    async def control(self, work: Work, call: Callable[[Work], T]) -> T:
        """Run a command that defines, alters or drops something, beside all commands that compute."""
        return await self._run(self._control, work, call)

    async def urgent(self, work: Work, call: Callable[[Work], T]) -> T:
        """Run what an administrator asks or orders to see what goes on and to end it; it is over in a moment."""
        return await self._run(self._urgent, work, call)

    async def read(self, work: Work, call: Callable[[Work], T]) -> T:
        """Run what finds out what a large request asks for; what it asks for has a lane of its own."""
        return await self._run(self._reading, work, call)

    async def ingest(self, work: Work, call: Callable[[Work], T]) -> T:
        """Run an ingestion, or what leads to it."""
        return await self._run(self._ingestion, work, call)

    async def close(self) -> None:
        """Cancel all work and wait a moment for its threads; what comes later is a ClosingFault."""
        self._is_closed = True
        for work in tuple(self._works):
            work.cancel("the Eventhouse closes")
        lanes = (self._queries, self._urgent, self._control, self._commands, self._reading, self._ingestion)
        for lane in lanes:
            lane.threads.close()
        if running := {each for lane in lanes for each in lane.threads.running}:
            await asyncio.wait(running, timeout=_CLOSING_SECONDS)

    async def _run(self, lane: Lane | QueryLane, work: Work, call: Callable[[Work], T]) -> T:
        if self._is_closed:
            raise _closing()
        if work in self._works:
            return await lane.run(work, call)
        self._works.add(work)
        try:
            return await lane.run(work, call)
        finally:
            self._works.discard(work)

    def _among_queries(self, loop: asyncio.AbstractEventLoop, work: Work, call: Callable[[Work], T]) -> T:
        """Run a call as a query, for a thread that waits for it; it may be one that is no lane's."""
        if loop.is_closed():
            raise _closing()
        computing = asyncio.run_coroutine_threadsafe(self.query(work, call), loop)
        while True:
            try:
                return computing.result(_ASK_SECONDS)
            except CancelledError:
                raise _closing() from None
            except TimeoutError:
                if computing.done():
                    raise
                if loop.is_closed():
                    raise _closing() from None


def _closing() -> ClosingFault:
    return ClosingFault("The Eventhouse closes", "TH_Closing", hint="ask again when it is open")


def _command_throttled(capacity: int) -> CommandThrottledFault:
    return CommandThrottledFault(
        "The management command was aborted due to throttling. Retrying after some backoff might succeed. "
        f"Capacity: {capacity}",
        "TooManyRequests",
    )


def _ingestion_throttled(capacity: int) -> CommandThrottledFault:
    return CommandThrottledFault(
        f"The ingestion was aborted due to throttling. Retrying after some backoff might succeed. Capacity: {capacity}",
        "TooManyRequests",
    )
