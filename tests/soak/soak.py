"""One soak: start the processes, disturb them, let them finish in peace, and judge."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emulator.eventhubs.access import OPEN_KEY, POLICY
from tests.end_to_end.platform import free_port, offline_environment
from tests.soak.chaos import disturb
from tests.soak.market import JOURNAL
from tests.soak.processes import Restartable, wait_for
from tests.soak.verdict import Verdict, judge

CALM_SECONDS = 300.0


@dataclass(frozen=True)
class Soak:
    """What a soak is: seconds of chaos, trades per second, and the seed of the chaos."""

    seconds: float
    trades_per_second: float
    seed: int


def run(soak: Soak, folder: Path, say: Callable[[str], None]) -> Verdict:
    """Run a soak in an empty folder and return its verdict; a process that ends by itself is an error."""
    api, wire, hub = free_port(), free_port(), free_port()
    data, market = folder / "data", folder / "market"
    environment = offline_environment()
    places = f"--data {data} --port {api} --eventhouse-port {wire} --hub-port {hub}".split()
    platform = Restartable(
        "hub, data connection and eventhouse",
        [sys.executable, "-m", "cli", "up", "--source", "none", "--via", "eventhubs", *places],
        folder / "platform.log",
        environment,
    )
    environment["TICKHOUSE_EVENTHUBS_CONNECTION"] = (
        f"Endpoint=sb://127.0.0.1:{hub};SharedAccessKeyName={POLICY};SharedAccessKey={OPEN_KEY};"
        "UseDevelopmentEmulator=true;EntityPath=trades"
    )
    produce = [sys.executable, "-m", "tests.soak.market", str(market)]
    producer = Restartable("producer", [*produce, str(soak.trades_per_second)], folder / "producer.log", environment)
    rest = Restartable("producer", [*produce, "0"], folder / "rest.log", environment)
    ready = f"http://127.0.0.1:{api}/readyz"
    try:
        platform.start()
        wait_for(platform, ready)
        producer.start()
        disturb([platform, producer], soak.seconds, soak.seed, say)
        wait_for(platform, ready)
        say("chaos is over; the producer ends and delivers the rest")
        producer.end(CALM_SECONDS)
        rest.start()
        if rest.wait(CALM_SECONDS) != 0:
            raise AssertionError(f"the rest was not delivered:\n{rest.log[-3000:]}")
        say("the hub is stored to its end")
        settle(data, platform)
        say(
            f"deaths and stalls: {platform.deaths} and {platform.stalls} of {platform.name},"
            f" {producer.deaths} and {producer.stalls} of the producer"
        )
    finally:
        for process in (producer, rest, platform):
            process.end(60)
    return judge(market / JOURNAL, data)


def settle(data: Path, platform: Restartable) -> None:
    """End the platform, which stores all that is in its hub; one that cannot in its time is asked again."""
    deadline = time.monotonic() + CALM_SECONDS
    while time.monotonic() < deadline:
        if platform.end(60) == 0 and "stay in the hub" not in platform.log.rpartition("Deployed")[2]:
            return
        platform.start()
        time.sleep(10)
    raise AssertionError(f"the hub was not stored in {CALM_SECONDS:.0f} s:\n{platform.log[-3000:]}")
