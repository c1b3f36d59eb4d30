"""A call for which no thread can be started: refused, and not begun later by one that is there."""

import asyncio
import threading

import pytest

from emulator.errors import OutOfResources
from emulator.lanes.threads import Threads
from emulator.work import Work


async def test_a_call_that_no_thread_could_be_started_for_is_never_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = Threads("test", 2)
    finish = threading.Event()
    begun: list[str] = []
    given_back: list[str] = []

    def first(_: Work) -> str:
        begun.append("first")
        finish.wait(30)
        return "ended"

    running = threads.start(first, Work(30), lambda: given_back.append("first"))

    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", none_left)
        with pytest.raises(OutOfResources) as caught:
            threads.start(lambda _: begun.append("second"), Work(30), lambda: given_back.append("second"))
    finish.set()
    assert await running == "ended"
    # Behind the call that was refused, so that the thread has been there before.
    await threads.start(lambda _: begun.append("third"), Work(30), lambda: given_back.append("third"))
    threads.close()
    await asyncio.sleep(0)

    assert caught.value.message == "No thread can be started: the machine, or its limits, have none to give."
    assert begun == ["first", "third"]
    assert sorted(given_back) == ["first", "second", "third"]
