"""Two producers that share a lease: the one that stands by takes over from a killed one without a gap."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.test_producer import status_of, until
from tests.end_to_end.platform import free_port, offline_environment, rows_in, running

pytestmark = pytest.mark.slow

RATE = 20
RUN = (sys.executable, "-m", "cli", "producer", "run", "--source", "simulated")
SECONDS = """
TradesUnique
| summarize Trades = count() by Second = bin(Timestamp, 1s)
| sort by Second asc
| extend Before = prev(Second)
"""


@contextmanager
def producer(data: Path, lease: Path, connection: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [*RUN, "--data", str(data), "--lease", str(lease), "--trades-per-second", str(RATE)],
        env={**offline_environment(), "TICKHOUSE_EVENTHUBS_CONNECTION": connection},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def role(data: Path) -> object:
    return status_of(data)["role"] if (data / "producer.json").exists() else None


def test_the_one_that_stands_by_takes_over_without_a_gap(tmp_path: Path) -> None:
    hub_port, lease = free_port(), tmp_path / "lease"
    connection = (
        f"Endpoint=sb://127.0.0.1:{hub_port};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=key;"
        "UseDevelopmentEmulator=true;EntityPath=trades"
    )
    data, first, second = tmp_path / "data", tmp_path / "first", tmp_path / "second"
    via = ("--source", "none", "--via", "eventhubs", "--hub-port", str(hub_port))
    with running(data, *via), producer(first, lease, connection) as active:
        until(lambda: role(first) == "active" and int(str(status_of(first)["sent"])) > RATE, "the first one's turn")
        with producer(second, lease, connection) as standby:
            until(lambda: role(second) == "standby", "standing by")
            assert status_of(second)["sent"] == 0
            active.kill()
            until(lambda: role(second) == "active", "taking over")
            until(lambda: int(str(status_of(second)["sent"])) > 10 * RATE, "going on")
            standby.terminate()
            assert standby.wait(30) == 0
    seconds = rows_in(data, SECONDS)
    # The first and the last second were not told whole.
    assert {row["Trades"] for row in seconds[1:-1]} == {RATE}
    assert rows_in(data, SECONDS + "| where Second - Before > 1s") == []
