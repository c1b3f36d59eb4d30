"""`kill -9` amid loading: nothing acknowledged is lost, nothing is half there, and loading again completes."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emulator.engine.eventhouse import Eventhouse
from kql.loader import load_database
from tests.end_to_end.platform import MARKET, offline_environment, running, tickhouse

DAILY = MARKET / "daily" / "yahoo_splitadj_actions_2020_2023.parquet"
INTRADAY = MARKET / "intraday" / "av_1min_ext_2020q4.parquet"
COPIES = 3
# Seconds from the first sign of the data folder to each kill: the first ones meet the deployment, the others mostly the
# loading.
FIRST_KILLS, OTHER_KILLS = (0.02, 0.7), (0.3, 2.5)
FIGURES = """
union
    (IntradayBars | extend Kind = "landed"),
    (IntradayBarsLatest | extend Kind = "latest"),
    (IntradayCoverage | project Kind = "coverage", Symbol, Close = 0.0, Volume = 0.0)
| summarize Rows = count(), Total = round(sum(Close), 3), Shares = sum(Volume) by Kind, Symbol
| sort by Kind asc, Symbol asc
"""

pytestmark = [
    pytest.mark.skipif(not INTRADAY.exists(), reason=f"needs the real prices in {MARKET}"),
    pytest.mark.slow,
]


def figures(data: Path) -> list[tuple[object, ...]]:
    eventhouse = Eventhouse.open(data, database="Market")
    try:
        return list(eventhouse.query(FIGURES)[0].rows())
    finally:
        eventhouse.close()


def landed_and_latest(data: Path) -> dict[str, int]:
    """Return the rows of each symbol in what a killed load left, in table and view alike."""
    eventhouse = Eventhouse.open(data, database="Market")
    try:
        functions = {row[0] for row in eventhouse.command(".show functions | project Name").rows()}
        if load_database().statements[-1].name not in functions:
            tables = {row[0] for row in eventhouse.command(".show tables | project TableName").rows()}
            if "IntradayBars" in tables:
                assert list(eventhouse.query("IntradayBars | count")[0].rows()) == [(0,)], "loaded before deployed"
            return {}
        found = list(eventhouse.query(FIGURES)[0].rows())
    finally:
        eventhouse.close()
    rows = {kind: {str(row[1]): int(str(row[2])) for row in found if row[0] == kind} for kind in ("landed", "latest")}
    assert rows["landed"] == rows["latest"], "a view is behind its table"
    return rows["landed"]


def load_command(data: Path, *files: Path) -> list[str]:
    return [sys.executable, "-m", "cli", "load", *map(str, files), "--as", "intraday", "--data", str(data)]


def load(data: Path, files: list[Path]) -> None:
    loaded = subprocess.run(
        load_command(data, *files), check=False, env=offline_environment(), capture_output=True, text=True
    )
    assert loaded.returncode == 0, loaded.stderr


@pytest.fixture(scope="module")
def minutes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The real minutes three times, each under other dates, so that loading lasts long enough to be killed in."""
    table = pq.read_table(INTRADAY)
    folder = tmp_path_factory.mktemp("minutes")
    files = []
    for copy in range(COPIES):
        shift = pa.scalar(copy * 10 * 365 * 86_400_000_000, pa.duration("us"))
        moved = table
        for name in ("ts_et", "ts_utc_barend"):
            index = moved.schema.get_field_index(name)
            moved = moved.set_column(index, name, pa.compute.subtract(moved[name], shift))
        files.append(folder / "minutes.parquet" if copy == 0 else folder / f"minutes.{copy}.parquet")
        pq.write_table(moved, files[-1])
    return files


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, minutes: list[Path]) -> list[tuple[object, ...]]:
    data = tmp_path_factory.mktemp("undisturbed") / "data"
    load(data, minutes)
    return figures(data)


def test_killed_loads_complete_to_the_figures_of_an_undisturbed_one(
    tmp_path: Path, minutes: list[Path], undisturbed: list[tuple[object, ...]]
) -> None:
    data = tmp_path / "data"
    moments = random.Random(5)  # noqa: S311 - when to kill, not a secret
    rows_seen = []
    for wait in (*FIRST_KILLS, *(moments.uniform(*OTHER_KILLS) for _ in range(4))):
        process = subprocess.Popen(
            load_command(data, *minutes), env=offline_environment(), stderr=subprocess.DEVNULL, process_group=0
        )
        while not (data / "eventhouse.duckdb").exists():
            time.sleep(0.01)
        time.sleep(wait)
        process.kill()
        process.wait()
        rows_seen.append(sum(landed_and_latest(data).values()))
    assert rows_seen == sorted(rows_seen), "an acknowledged row got lost"
    load(data, minutes)
    assert figures(data) == undisturbed
    load(data, minutes)
    assert figures(data) == undisturbed


def test_a_killed_platform_restarts_with_all_it_had(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data, "--source", "none") as platform:
        loaded = tickhouse("load", str(DAILY), "--as", "daily", "--adjustment", "split", "--data", str(data))
        assert loaded.returncode == 0, loaded.stderr
        before = platform.get("/v1/prices/AMZN/history", **{"interval": "1d", "from": "2020-01-01"}).json()["data"]
        os.kill(platform.process.pid, signal.SIGKILL)
        platform.process.wait()
    with running(data, "--source", "none") as platform:
        after = platform.get("/v1/prices/AMZN/history", **{"interval": "1d", "from": "2020-01-01"}).json()["data"]
    assert len(before) == 1006
    assert after == before
