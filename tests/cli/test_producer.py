"""`tickhouse producer` and `up --via eventhubs` as processes: trades arrive, and the status tells how."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.platform import free_port, offline_environment, rows_in, running, tickhouse

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 60.0


def until(found: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not found():
        assert time.monotonic() < deadline, f"{what} did not happen in {PATIENCE_SECONDS:.0f} s"
        time.sleep(0.2)


def trades_in(data: Path) -> object:
    return rows_in(data, "TradesUnique | count")[0]["Count"]


def status_of(data: Path) -> dict[str, object]:
    return dict(json.loads((data / "producer.json").read_text(encoding="utf-8")))


def test_trades_take_the_way_of_production_and_ctrl_c_leaves_none_behind(tmp_path: Path) -> None:
    data = tmp_path / "data"
    via = ("--source", "simulated", "--via", "eventhubs", "--hub-port", str(free_port()), "--trades-per-second", "50")
    with running(data, *via) as platform:
        until(lambda: (data / "producer.json").exists() and int(str(status_of(data)["sent"])) > 100, "sending")
        shown = tickhouse("producer", "status", "--data", str(data))
        assert shown.returncode == 0, shown.stdout + shown.stderr
        assert f"running (active), process {platform.process.pid}" in shown.stdout
        assert "drops         0" in shown.stdout
        assert platform.get("/v1/prices/AAPL/latest").json()["data"][0]["source"] == "simulated"
    assert platform.process.returncode == 0
    ended = tickhouse("producer", "status", "--data", str(data))
    assert ended.returncode == 1
    assert "ended; last heard of" in ended.stdout
    status = status_of(data)
    assert status["sent"] == status["received"]
    # The trades of the half hour before the start come as history; the log of the hub has the live ones.
    before = (data / "eventhubs" / "trades").glob("*/*.log")
    assert sum(path.stat().st_size for path in before) > 0
    assert rows_in(data, "TradesRaw | count") == rows_in(data, "TradesUnique | count")


def test_a_producer_of_its_own_fills_the_hub_and_spools_while_it_is_down(tmp_path: Path) -> None:
    data, own = tmp_path / "data", tmp_path / "producer"
    hub_port = free_port()
    via = ("--source", "none", "--via", "eventhubs", "--hub-port", str(hub_port))
    connection = (
        f"Endpoint=sb://127.0.0.1:{hub_port};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=key;"
        "UseDevelopmentEmulator=true;EntityPath=trades"
    )
    command = [sys.executable, "-m", "cli", "producer", "run", "--source", "simulated", "--data", str(own)]
    log = tmp_path / "producer.log"
    with log.open("w") as output:
        producer = subprocess.Popen(
            [*command, "--trades-per-second", "50"],
            stdout=output,
            stderr=output,
            env={**offline_environment(), "TICKHOUSE_EVENTHUBS_CONNECTION": connection},
        )
    try:
        # The hub is not there yet: what is received goes to disk.
        until(lambda: (own / "producer.json").exists() and int(str(status_of(own)["spooled"])) > 0, "spooling")
        with running(data, *via):
            until(lambda: int(str(status_of(own)["sent"])) > 200 and status_of(own)["spooled"] == 0, "delivery")
            producer.send_signal(signal.SIGINT)
            assert producer.wait(30) == 0, log.read_text()
        assert "0 lost" in log.read_text()
        assert "SharedAccessKey" not in log.read_text()
        assert trades_in(data) == status_of(own)["received"]
    finally:
        producer.kill()
        producer.wait()


def test_a_producer_writes_straight_into_a_data_folder_and_drains_on_sigterm(tmp_path: Path) -> None:
    data = tmp_path / "data"
    command = [sys.executable, "-m", "cli", "producer", "run", "--source", "simulated", "--data", str(data)]
    with running(data, "--source", "none"):
        producer = subprocess.Popen(
            [*command, "--batch-age", "0.3"],
            env=offline_environment(),
            stderr=subprocess.DEVNULL,
        )
        try:
            until(lambda: (data / "producer.json").exists() and int(str(status_of(data)["sent"])) > 10, "sending")
            producer.send_signal(signal.SIGTERM)
            assert producer.wait(30) == 0
        finally:
            producer.kill()
            producer.wait()
    assert trades_in(data) == status_of(data)["received"]


@pytest.mark.parametrize(
    ("connection", "said"),
    [
        ("", "no event hub is known"),
        (
            "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKey=abc123;EntityPath=trades",
            "not on this machine",
        ),
        ("Endpoint=sb://127.0.0.1;SharedAccessKey=abc123", "names no hub"),
        ("abc123", "is not a connection string"),
    ],
)
def test_a_hub_that_cannot_be_reached_is_refused_without_showing_the_key(
    connection: str, said: str, tmp_path: Path
) -> None:
    environment = {**offline_environment(), "TICKHOUSE_EVENTHUBS_CONNECTION": connection}
    command = [sys.executable, "-m", "cli", "producer", "run", "--via", "eventhubs", "--source", "simulated"]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert result.returncode == 1
    assert said in result.stderr
    assert "abc123" not in result.stderr + result.stdout


def test_without_a_producer_there_is_no_status(tmp_path: Path) -> None:
    result = tickhouse("producer", "status", cwd=tmp_path)
    assert result.returncode == 1
    assert "no producer has run" in result.stderr
    (tmp_path / "producer.json").write_text("{")
    damaged = tickhouse("producer", "status", "--data", str(tmp_path))
    assert damaged.returncode == 1
    assert "producer.json" in damaged.stderr
