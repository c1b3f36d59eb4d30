"""One soak: start the processes, disturb each of them, let them finish in peace, and judge."""

import json
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from emulator.eventhubs.service.access import OPEN_KEY, POLICY
from tests.end_to_end.platform import free_port, offline_environment
from tests.soak.chaos import disturb
from tests.soak.market import JOURNAL
from tests.soak.processes import Restartable
from tests.soak.verdict import Verdict, judge

# How long a process may take to begin, and the rest to be delivered: what chaos holds back can be most of a soak.
CALM_SECONDS = 300.0
ALL_STORED = " 0 events wait in the hub."


@dataclass(frozen=True)
class Soak:
    """What a soak is: seconds of chaos, trades per second, and the seed of the chaos."""

    seconds: float
    trades_per_second: float
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What came of a soak: the verdict on the data, and the deaths and stalls of each process."""

    verdict: Verdict
    deaths: dict[str, int]
    stalls: dict[str, int]
    overlaps: int

    @property
    def holds(self) -> bool:
        """Whether the data are right, after every process has died and stood still."""
        return self.verdict.holds and all(self.deaths.values()) and all(self.stalls.values())

    def lines(self) -> str:
        """Return one line per count."""
        disturbed = [
            f"  {name:<26} {self.deaths[name]:>5} deaths {self.stalls[name]:>5} stalls" for name in self.deaths
        ]
        overlaps = f"  {'away at the same time':<26} {self.overlaps:>5} times"
        return "\n".join([self.verdict.lines(), *disturbed, overlaps])


@dataclass(frozen=True)
class Pipeline:
    """The processes of production on one machine; `rest` delivers what a producer has left in its spool."""

    producer: Restartable
    rest: Restartable
    hub: Restartable
    connection: Restartable
    eventhouse: Restartable

    @property
    def disturbed(self) -> tuple[Restartable, ...]:
        """Those that die and stand still."""
        return self.producer, self.hub, self.connection, self.eventhouse


def run(soak: Soak, folder: Path, say: Callable[[str], None]) -> Outcome:
    """Run a soak in an empty folder and return what came of it; a process that ends by itself is an error."""
    pipeline = _pipeline(soak, folder)
    try:
        for process in pipeline.disturbed:
            process.start()
        for process in pipeline.disturbed:
            begin(process)
        overlaps = disturb(pipeline.disturbed, soak.seconds, soak.seed, say)
        say("chaos is over; the producer ends and delivers the rest")
        begin(pipeline.eventhouse)
        pipeline.producer.end(CALM_SECONDS)
        pipeline.rest.start()
        if pipeline.rest.wait(CALM_SECONDS + soak.seconds) != 0:
            raise AssertionError(f"the rest was not delivered:\n{pipeline.rest.log[-3000:]}")
        say("the hub is stored to its end")
        settle(pipeline.connection, CALM_SECONDS + soak.seconds)
        for process in (pipeline.hub, pipeline.eventhouse):
            if process.end(60) != 0:
                raise AssertionError(f"{process.name} did not end well:\n{process.log[-3000:]}")
        say("all is stored; the journal is compared with the tables")
    finally:
        for process in (*pipeline.disturbed, pipeline.rest):
            process.end(30)
    verdict = judge(folder / "market" / JOURNAL, folder / "eventhouse")
    deaths = {process.name: process.deaths for process in pipeline.disturbed}
    stalls = {process.name: process.stalls for process in pipeline.disturbed}
    return Outcome(verdict, deaths, stalls, overlaps)


def begin(process: Restartable) -> None:
    """Wait until a process works."""
    if not process.has_begun(CALM_SECONDS):
        raise AssertionError(f"{process.name} does not work after {CALM_SECONDS:.0f} s:\n{process.log[-3000:]}")


def settle(connection: Restartable, seconds: float) -> None:
    """End the data connection, which stores all that is in the hub; one that cannot in its time is asked again."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if connection.end(60) == 0 and ALL_STORED in connection.log.rpartition("Ended:")[2]:
            return
        connection.start()
        time.sleep(10)
    raise AssertionError(f"the hub was not stored in {seconds:.0f} s:\n{connection.log[-3000:]}")


def _pipeline(soak: Soak, folder: Path) -> Pipeline:
    api, wire, hub = free_port(), free_port(), free_port()
    environment = offline_environment()
    environment["TICKHOUSE_EVENTHUBS_CONNECTION"] = (
        f"Endpoint=sb://127.0.0.1:{hub};SharedAccessKeyName={POLICY};SharedAccessKey={OPEN_KEY};"
        "UseDevelopmentEmulator=true;EntityPath=trades"
    )

    def process(name: str, arguments: Sequence[str], works: Callable[[int], bool] = bool) -> Restartable:
        command = [sys.executable, "-m", *arguments]
        return Restartable(name, command, folder / f"{name.replace(' ', '-')}.log", environment, works)

    market = ["tests.soak.market", str(folder / "market")]
    house, url = folder / "eventhouse", f"http://127.0.0.1:{wire}"
    places = f"--data {house} --port {api} --eventhouse-port {wire}".split()
    return Pipeline(
        producer=process(
            "producer",
            [*market, str(soak.trades_per_second)],
            lambda pid: _says(folder / "market" / "producer.json", pid, "received"),
        ),
        rest=process("producer of the rest", [*market, "0"]),
        hub=process("hub", f"cli eventhubs --port {hub} --data {folder / 'hub'}".split(), lambda _: _listens(hub)),
        connection=process(
            "data connection",
            f"cli data-connection run --eventhouse {url} --data {folder / 'connection'}".split(),
            lambda pid: _says(folder / "connection" / "data-connection.json", pid, "stored"),
        ),
        eventhouse=process("eventhouse", ["cli", "up", "--source", "none", *places], lambda _: _is_ready(api)),
    )


def _says(status: Path, pid: int, count: str) -> bool:
    """Whether a process has left a status that counts something."""
    try:
        facts = json.loads(status.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    return bool(facts["pid"] == pid and facts[count])


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _is_ready(api: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{api}/readyz", timeout=2).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
