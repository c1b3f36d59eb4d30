"""Calls in threads that may be left: who is canceled goes at once, and the process ends without them."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def call_in_thread(call: Callable[[], T]) -> T:
    """Run a call that waits for somebody else in a thread of its own.

    `asyncio.to_thread` has threads for which the event loop, and then the interpreter, waits in the end: 30 s for an
    Eventhouse that does not answer. To start one takes 0.1 ms, once for a batch.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, error: BaseException | None) -> None:
        if ended.done():
            return
        if error is not None:
            ended.set_exception(error)
        else:
            ended.set_result(result)  # type: ignore[arg-type]  # there is one where there is no error

    def run() -> None:
        result, failure = None, None
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits
            failure = error
        # The loop may be gone.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(tell, result, failure)

    threading.Thread(target=run, name="data connection", daemon=True).start()
    return await ended
