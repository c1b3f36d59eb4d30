"""Kill a process in its work again and again, at random moments, and look each time at what it leaves."""

import multiprocessing
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emulator.engine.eventhouse import Eventhouse
from emulator.errors import SemanticFault
from tests.crash import worker
from tests.crash.verdict import Found, Sizes, Told, judge

SIZES = Sizes(worker.ROWS_PER_BATCH, worker.ROWS_PER_BATCH // 2, worker.ROWS_REPLACED)
# How long a life lasts after its first acknowledgement, however slow the machine is until then; some die while they
# begin, which is when a former death is made good.
LIFE_SECONDS = (0.0, 1.5)
BEGINNING_SECONDS = (0.0, 0.4)
DIES_YOUNG = 0.2
# What is queued is stored soon after, if at all.
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Outcome:
    """What came of it: deaths, acknowledgements by way, and what was wrong after which death."""

    deaths: int
    young: int
    acknowledged: dict[str, int]
    faults: Sequence[str]

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong, and there was something of each way to lose."""
        ways = {"streamed", "marked", "queued", "appended", "generations"}
        return not self.faults and all(self.acknowledged.get(way) for way in ways)

    def lines(self) -> str:
        """Return one line per count and fault."""
        counts = [f"  {way:<26} {number:>10,} acknowledged" for way, number in sorted(self.acknowledged.items())]
        return "\n".join([f"  {self.deaths} deaths, {self.young} of them while it began", *counts, *self.faults])


def run(deaths: int, seed: int, folder: Path, say: Callable[[str], None]) -> Outcome:
    """Let a process die so many times in an empty folder, and return what came of it; ends at the first fault."""
    chance = random.Random(seed)  # noqa: S311 - chaos, not secrets
    processes = multiprocessing.get_context("forkserver")
    # Imports take a second: a life is forked from a process that has done them, and has opened nothing.
    processes.set_forkserver_preload([worker.__name__])
    worker.prepare(folder)
    told, young, faults, died = Told(), 0, list[str](), 0
    for death in range(1, deaths + 1):
        reading, writing = processes.Pipe(duplex=False)
        life = processes.Process(target=worker.main, args=(folder, death, writing))
        life.start()
        writing.close()
        is_young = chance.random() < DIES_YOUNG
        young += is_young
        heard = b"" if is_young else _first_acknowledgement(reading.fileno())
        time.sleep(chance.uniform(*(BEGINNING_SECONDS if is_young else LIFE_SECONDS)))
        was_alive = life.is_alive()
        life.kill()
        while part := os.read(reading.fileno(), 1 << 16):
            heard += part
        life.join()
        reading.close()
        died += 1
        told.hear(heard.decode().splitlines())
        faults = [] if was_alive else ["it had ended by itself"]
        faults += judge(told, find(folder, told), SIZES)
        if death % 10 == 0 or faults:
            say(f"{death} deaths, {len(told.done):,} batches acknowledged")
        if faults:
            faults = [f"  after death {death}: {fault}" for fault in faults]
            break
    acknowledged: dict[str, int] = {"generations": told.generations_done}
    for batch in told.done:
        way = batch.partition("/")[0]
        acknowledged[way] = acknowledged.get(way, 0) + 1
    return Outcome(died, young, acknowledged, faults)


def find(folder: Path, told: Told, database: str = worker.DATABASE) -> Found:
    """Open the folder as its next owner does, and look at everything in it."""
    eventhouse = Eventhouse.open(folder, database=database, batching=worker.BATCHING)
    try:
        until = time.monotonic() + PATIENCE_SECONDS
        queued = {batch for batch in told.done if batch.startswith("queued/")}
        while not queued <= _batches(eventhouse).keys() and time.monotonic() < until:
            time.sleep(0.05)
        # Only what nobody was told of may still wait.
        while eventhouse.queued._worker.waiting and time.monotonic() < until:
            time.sleep(0.05)
        views = eventhouse.command(".show materialized-views").records()
        return Found(
            batches=_batches(eventhouse),
            large={
                str(batch): int(str(rows)) for batch, rows in _rows(eventhouse, "Large | summarize count() by Batch")
            },
            mark=eventhouse.mark(worker.SOURCE),
            generations={
                int(generation): rows
                for generation, rows in _numbers(eventhouse, "Replaced | summarize count() by Generation").items()
            },
            views={str(view["Name"]): _difference(eventhouse, view) for view in views},
        )
    finally:
        eventhouse.close()


def _batches(eventhouse: Eventhouse) -> dict[str, tuple[int, int]]:
    # Which rows a batch has is known, so that one with a wrong value is not whole.
    found = _rows(
        eventhouse,
        "Rows | summarize Rows = count(), Right = dcountif(Row, Size == Row * Row, 4) by Batch",
    )
    return {str(batch): (int(str(rows)), int(str(right))) for batch, rows, right in found}


def _difference(eventhouse: Eventhouse, view: Mapping[str, object]) -> int:
    """Count the rows that only one of a view and its query has."""
    try:
        computed = sorted(map(_exact, _rows(eventhouse, str(view["Query"]))))
    except SemanticFault:
        # Its query has no answer: a view that has fallen behind has to say so.
        return int(view["IsHealthy"] is not False)
    stored = sorted(map(_exact, _rows(eventhouse, str(view["Name"]))))
    return len(set(stored) ^ set(computed)) + abs(len(stored) - len(computed))


def _exact(row: tuple[object, ...]) -> str:
    """Write a row; of reals what does not depend on the order in which they were added up."""
    return repr([f"{value:.9g}" if isinstance(value, float) else value for value in row])


def _numbers(eventhouse: Eventhouse, query: str) -> dict[str, int]:
    return {str(name): int(str(number)) for name, number in _rows(eventhouse, query)}


def _rows(eventhouse: Eventhouse, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in eventhouse.query(f"set notruncation; {query}")[0].rows()]


def _first_acknowledgement(descriptor: int) -> bytes:
    """Wait until the life has done something, or has ended before."""
    heard = b""
    while b"\ndone" not in heard and (part := os.read(descriptor, 1 << 16)):
        heard += part
    return heard
