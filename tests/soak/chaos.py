"""Deaths and stalls at random, the same for the same seed."""

import random
import time
from collections.abc import Callable, Sequence

from tests.soak.processes import Restartable

PAUSE_SECONDS = (1.0, 4.0)
STALL_SECONDS = (0.3, 3.0)
DOWN_SECONDS = (0.0, 2.0)


def disturb(processes: Sequence[Restartable], seconds: float, seed: int, say: Callable[[str], None]) -> None:
    """Kill or stall one process after the other until the time is over; every one is started again."""
    chance = random.Random(seed)  # noqa: S311 - chaos, not secrets
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(left, chance.uniform(*PAUSE_SECONDS)))
        process, is_death = chance.choice(processes), chance.random() < 0.5
        for each in processes:
            if not each.is_running:
                raise AssertionError(f"{each.name} ended by itself:\n{each.log[-3000:]}")
        if is_death:
            down = chance.uniform(*DOWN_SECONDS)
            say(f"kill {process.name}, back in {down:.1f} s")
            process.kill()
            time.sleep(down)
            process.start()
        else:
            stall = chance.uniform(*STALL_SECONDS)
            say(f"stall {process.name} for {stall:.1f} s")
            process.stall(stall)
