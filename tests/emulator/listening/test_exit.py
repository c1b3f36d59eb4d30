"""A process that was told to end is gone in time, also where nothing can be begun any more."""

import signal
import subprocess
import sys

import pytest

from tests.end_to_end.platform import ROOT, offline_environment

pytestmark = pytest.mark.slow

# A thread that never ends and keeps the process, then no room for another one: stacks of threads are addresses.
EXHAUSTED = """
import asyncio, resource, sys, threading
from pathlib import Path

def exhaust():
    threading.Thread(target=threading.Event().wait).start()
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + 1_000_000, resource.RLIM_INFINITY))
    try:
        threading.Thread(target=print).start()
    except RuntimeError:
        print("exhausted", flush=True)
    if threading.current_thread() is not threading.main_thread():
        # The stack of a thread that ends is taken by the next one.
        threading.Event().wait()
"""
WIRE = """
from emulator.engine.eventhouse import Eventhouse
from emulator.listening.sockets import bind
from emulator.server.app import serve_on
eventhouse = Eventhouse.open(None)
listener = bind("127.0.0.1", 0)
threading.Timer(1.0, exhaust).start()
serve_on(eventhouse, listener)
"""
COMMAND = """
from cli.composition.servers import run, until_signal_or_end

async def main():
    asyncio.get_running_loop().call_later(0.2, exhaust)
    await until_signal_or_end(asyncio.Event().wait())

run(main())
"""


@pytest.mark.parametrize("serving", [WIRE, COMMAND], ids=["wire", "command"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=str)
def test_a_process_without_room_for_a_thread_ends(serving: str, number: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", EXHAUSTED + serving],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=offline_environment() | {"MALLOC_ARENA_MAX": "1"},
        cwd=ROOT,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"exhausted\n"
            process.send_signal(number)
            assert process.wait(60) == 0
        finally:
            process.kill()
