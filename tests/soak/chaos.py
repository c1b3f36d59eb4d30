"""Deaths and stalls at random, each process for itself, so that several may be away at once."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.soak.processes import Restartable

PAUSE_SECONDS = (3.0, 12.0)
STALL_SECONDS = (0.3, 5.0)
DOWN_SECONDS = (0.0, 4.0)
# How long is waited for a process that begins, and how often it is not, but disturbed in its beginnings.
BEGIN_SECONDS = 20.0
AGAIN_AT_ONCE = 0.25


def disturb(processes: Sequence[Restartable], seconds: float, seed: int, say: Callable[[str], None]) -> int:
    """Kill and stall processes until the time is over, and return how often one was away while another was too.

    Every one is started again; one that ended by itself is an error. The seed decides what is done, in which order.
    """
    deadline = time.monotonic() + seconds
    away = _Away()
    with ThreadPoolExecutor(len(processes)) as threads:
        disturbing = [
            threads.submit(_disturb_one, process, deadline, _chance(seed, process), away, say) for process in processes
        ]
        for each in disturbing:
            each.result()
    return away.overlaps


class _Away:
    """Counts the processes that are away."""

    def __init__(self) -> None:
        self.overlaps = 0
        self._count = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.overlaps += self._count > 0
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._count -= 1


def _chance(seed: int, process: Restartable) -> random.Random:
    return random.Random(f"{seed} {process.name}")  # noqa: S311 - chaos, not secrets


def _disturb_one(
    process: Restartable, deadline: float, chance: random.Random, away: _Away, say: Callable[[str], None]
) -> None:
    deeds: list[Callable[[], None]] = []

    def die() -> None:
        down = chance.uniform(*DOWN_SECONDS)
        say(f"kill {process.name}, back in {down:.1f} s")
        process.kill()
        process.deaths += 1
        time.sleep(down)
        process.start()

    def stall() -> None:
        seconds = chance.uniform(*STALL_SECONDS)
        say(f"stall {process.name} for {seconds:.1f} s")
        process.stop()
        time.sleep(seconds)
        process.resume()
        process.stalls += 1

    while (left := deadline - time.monotonic()) > 0:
        # In pairs of both, so that neither is left out by chance.
        deeds = deeds or chance.sample([die, stall], 2)
        time.sleep(min(left, chance.uniform(*PAUSE_SECONDS)))
        process.require()
        with away:
            deeds.pop()()
        if chance.random() >= AGAIN_AT_ONCE:
            # A slow machine would else see nothing but processes that begin.
            process.has_begun(max(0.0, min(BEGIN_SECONDS, deadline - time.monotonic())))
