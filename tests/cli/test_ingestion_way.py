"""`tickhouse producer run --ingestion` against an Eventhouse by URL."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.engine.eventhouse import Eventhouse
from emulator.engine.queued.batching import BatchingLimits
from emulator.server.app import create_app
from tests.emulator.server.live import serving
from tests.emulator.server.queued import eventually
from tests.end_to_end.platform import offline_environment, tickhouse
from tests.kql.template import DATABASE, market_folder

pytestmark = pytest.mark.slow


def test_a_way_needs_an_eventhouse_by_url(tmp_path: Path) -> None:
    refused = tickhouse(
        "producer", "run", "--source", "simulated", "--data", str(tmp_path / "data"), "--ingestion", "queued"
    )
    assert refused.returncode == 1
    assert "--ingestion is for trades straight into an Eventhouse by URL" in refused.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("way", "is_queued"), [("queued", True), ("managed", False)])
def test_a_producer_takes_the_way_that_was_asked_for(tmp_path: Path, way: str, is_queued: bool) -> None:
    eventhouse = Eventhouse.open(market_folder(tmp_path), database=DATABASE, batching=BatchingLimits(age=0.1))
    command = [sys.executable, "-m", "cli", "producer", "run", "--source", "simulated", "--trades-per-second", "50"]

    def count() -> int:
        return int(str(eventhouse.query("TradesUnique | count")[0].records()[0]["Count"]))

    try:
        with (
            serving(create_app(eventhouse)) as url,
            subprocess.Popen(
                [*command, "--eventhouse", url, "--ingestion", way],
                stderr=subprocess.PIPE,
                text=True,
                cwd=tmp_path,
                env=offline_environment(),
            ) as producer,
        ):
            try:
                found = eventually(count, lambda found: found > 100)
            finally:
                producer.send_signal(signal.SIGINT)
                _, output = producer.communicate(timeout=60)
        assert found > 100, output
        assert producer.returncode == 0, output
        assert ("by queued ingestion" in output) == is_queued
        assert " 0 lost" in output
    finally:
        eventhouse.close()
