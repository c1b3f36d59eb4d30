"""One run: start the platform and its callers, take turns, let everything come to rest, and judge."""

import random
import re
import resource
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from emulator.engine.eventhouse import Eventhouse
from emulator.engine.relation_names import INGESTION_TIME
from tests.chaos import callers
from tests.chaos.notes import Notes
from tests.chaos.turns import Stage
from tests.chaos.verdict import Bounds, Finding, Measured, Moment, judge
from tests.crash.crash import SIZES, find
from tests.crash.verdict import Told
from tests.crash.verdict import judge as judge_rows
from tests.disks import Disk, small_disk, small_files
from tests.end_to_end.platform import free_port, offline_environment, rows_in
from tests.soak.processes import Restartable

_DISK = "1g"
_CALM_SECONDS = 0.5
_REST_SECONDS = 30.0
_HUB = "TradesUnique | where EventId startswith 'hub/' | summarize count() by EventId"


@dataclass(frozen=True)
class Outcome:
    """What came of a run: a finding for each promise, and answers by caller, status and code."""

    findings: Sequence[Finding]
    answers: Counter[str]
    turns: Counter[str]
    tracebacks: Sequence[str]

    @property
    def holds(self) -> bool:
        """Whether all promises are kept."""
        return all(finding.holds for finding in self.findings)

    def lines(self) -> str:
        """Return one line per finding, turn and kind of answer."""
        turns = ", ".join(f"{count} × {name}" for name, count in self.turns.items())
        answers = (f"  {count:>7,} {name}" for name, count in sorted(self.answers.items()))
        return "\n".join([*map(str, self.findings), *self.tracebacks, f"  turns: {turns}", *answers])


def run(seconds: float, seed: int, folder: Path, bounds: Bounds, say: Callable[[str], None]) -> Outcome:
    """Run in an empty folder for about so many seconds, each turn at least once, and return what came of it."""
    notes, ended = Notes(), threading.Event()
    places = callers.Places(free_port(), free_port(), free_port())
    data = folder / "disk" / "data"
    process = _process(places, data, folder / "up.log", bounds.resident)
    with _disk(data.parent, lambda: process.pid) as disk:
        stage = Stage(process, places, disk, notes, random.Random(seed))  # noqa: S311 - chaos, not secrets
        try:
            stage.start()
            stage.prepare()
            say("everything works")
            watching = threading.Thread(target=notes.watch_cores, args=(ended,))
            watching.start()
            threads = callers.start(places, notes, ended)
            _take_turns(stage, seconds, say)
            say("the turns are over")
            ended.set()
            until = time.monotonic() + _REST_SECONDS
            for thread in (*threads, watching):
                thread.join(max(0.0, until - time.monotonic()))
            say("the callers have ended")
            done = {line.removeprefix("done ") for line in notes.lines if line.startswith("done hub/")}
            callers.wait_until(lambda: done <= {str(name) for name, _ in callers.rows(places, _HUB)}, _REST_SECONDS)
            say("what waits in the hub is stored")
            stage.end()
        finally:
            ended.set()
            process.end(30)
        say("all is at rest; what was acknowledged is compared with what is there")
        measured = _measure(notes, data, process.log)
    return Outcome(judge(measured, bounds), notes.answers, notes.turns, measured.tracebacks)


def _take_turns(stage: Stage, seconds: float, say: Callable[[str], None]) -> None:
    until = time.monotonic() + seconds
    turns = stage.turns()
    while not stage.notes.turns or time.monotonic() < until:
        # In rounds of all, so that none is left out by chance.
        for name in stage.chance.sample(sorted(turns), len(turns)):
            time.sleep(_CALM_SECONDS)
            say(name)
            turns[name]()
            stage.notes.turns[name] += 1
            stage.go_on()


def _measure(notes: Notes, data: Path, log: str) -> Measured:
    told = Told()
    told.hear(line for line in notes.lines if "hub/" not in line)
    acknowledged = Counter(line.removeprefix("done ").partition("/")[0] for line in notes.lines if "done " in line)
    sent = {line.removeprefix("done ") for line in notes.lines if line.startswith("done hub/")}
    stored = {str(row["EventId"]): int(str(row["count_"])) for row in rows_in(data, _HUB)}
    return Measured(
        data=judge_rows(told, find(data, told, callers.DATABASE), SIZES),
        hub_lost=len(sent - set(stored)),
        hub_doubled=sum(count > 1 for count in stored.values()),
        unexpected=notes.unexpected,
        tracebacks=_tracebacks(log),
        stored=_trades(data) + notes.ingestions,
        prints=notes.prints,
        bombs=notes.bombs,
        endings=notes.endings,
        idle=notes.idle,
        disturbed=notes.disturbed,
        crowds=notes.crowds,
        resident=notes.resident,
        acknowledged=acknowledged,
        turns=notes.turns,
    )


def _trades(data: Path) -> list[Moment]:
    """Return when each trade of the market was received, and how long it took until it was stored."""
    eventhouse = Eventhouse.open(data, database=callers.DATABASE)
    try:
        relation = eventhouse._core.database(callers.DATABASE).tables["TradesRaw"].relation
        # KQL cannot ask for the time of an ingestion here.
        text = (
            f'SELECT epoch("ReceivedAt"), epoch("{INGESTION_TIME}") FROM "{relation}"'  # noqa: S608 - a name
            """ WHERE NOT starts_with("EventId", 'hub/')"""
        )
        with eventhouse._core.cursor() as cursor:
            return [Moment(at, stored - at) for at, stored in cursor.execute(text).fetchall()]
    finally:
        eventhouse.close()


def _tracebacks(log: str) -> list[str]:
    """Return the last line of each traceback, which names the exception."""
    return re.findall(r"Traceback \(most recent call last\):\n(?:.*\n)*?(?=\S)(.*)", log)


def _process(places: callers.Places, data: Path, log: Path, memory: int) -> Restartable:
    arguments = f"up --source simulated --symbols AAPL,MSFT,NVDA --trades-per-second 20 --via eventhubs --data {data}"
    ports = f"--port {places.api} --eventhouse-port {places.wire} --hub-port {places.hub}"

    def is_ready(pid: int) -> bool:
        # The memory that the platform is given, as a container would.
        resource.prlimit(pid, resource.RLIMIT_DATA, (memory, resource.prlimit(pid, resource.RLIMIT_DATA)[1]))
        try:
            return httpx.get(f"{places.api_url}/readyz", timeout=2).is_success
        except httpx.TransportError:
            return False

    command = [sys.executable, "-m", "cli", *arguments.split(), *ports.split()]
    return Restartable("up", command, log, offline_environment(), is_ready)


@contextmanager
def _disk(folder: Path, pid: Callable[[], int]) -> Iterator[Disk]:
    """Yield a small disk, or where none may be mounted files that may not grow."""
    with ExitStack() as opened:
        try:
            disk = opened.enter_context(small_disk(folder, _DISK))
        except pytest.skip.Exception:
            disk = opened.enter_context(small_files(folder, pid=pid))
        yield disk
