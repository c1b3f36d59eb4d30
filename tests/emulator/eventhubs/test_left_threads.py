"""Calls that nobody waits for any more: they keep neither their task nor the process."""

import asyncio
import threading

import pytest

from emulator.eventhubs.data_connection.left_threads import call_in_thread

PATIENCE = 30.0


async def test_a_call_returns_or_raises_as_it_would() -> None:
    def fail() -> int:
        raise ZeroDivisionError

    assert await call_in_thread(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        await call_in_thread(fail)


def test_a_program_ends_though_a_call_does_not() -> None:
    begun, release = threading.Event(), threading.Event()

    def silent() -> None:
        begun.set()
        release.wait(PATIENCE)

    async def program() -> None:
        waiting = asyncio.create_task(call_in_thread(silent))
        while not begun.is_set():  # noqa: ASYNC110 - no event of this loop
            await asyncio.sleep(0.001)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    running = threading.Thread(target=lambda: asyncio.run(program()), daemon=True)
    running.start()
    running.join(PATIENCE / 2)
    ended = not running.is_alive()
    release.set()
    assert ended
