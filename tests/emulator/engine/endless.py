"""Texts that would take hours, and ways to end what runs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from emulator import Eventhouse
from emulator.work import Work

# Each row becomes a million, of which none is kept: little memory, much time. (By mv-expand they would be numbered, and
# sorted for it: 400 MB more each second.)
ENDLESS = """range a from 1 to 3000000 step 1 | extend k = 1
| join kind=inner (range b from 1 to 1000 step 1 | extend k = 1) on k
| join kind=inner (range c from 1 to 1000 step 1 | extend k = 1) on k
| where a * 7 + b + c < 0 | project a, s = tostring(b)"""
# What an ended request may take, on a machine that does much else.
PROMPT_SECONDS = 5.0


@contextmanager
def canceled_soon(work: Work, seconds: float = 0.2) -> Iterator[None]:
    """Cancel a piece of work a moment after the block has begun."""
    timer = threading.Timer(seconds, work.cancel, ("enough",))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def count(eventhouse: Eventhouse, table: str) -> int:
    """Return how many rows a table has."""
    ((rows,),) = eventhouse.query(f"{table} | count")[0].rows()
    assert isinstance(rows, int)
    return rows
