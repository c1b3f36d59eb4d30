"""A folder damaged anywhere: all that was acknowledged is there, or it is told that something is lost."""

import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.engine.data_folder.checking import check_database
from emulator.engine.eventhouse import Eventhouse
from emulator.errors import KustoError
from tests.end_to_end.platform import ROOT, offline_environment

pytestmark = pytest.mark.slow

ROWS = 40
# A process that is killed leaves its log as it is.
FILLED = f"""
import os, sys
from pathlib import Path
from emulator.engine.eventhouse import Eventhouse
eventhouse = Eventhouse.open(Path(sys.argv[1]), database="D")
eventhouse.command(".create table T (N: long, S: string)")
eventhouse.command(".create materialized-view V on table T {{ T | summarize C = count() by S }}")
for number in range({ROWS}):
    eventhouse.ingest("T", f"{{number}},{{'x' * (number * 7 % 50)}}".encode(), format="csv")
os._exit(9)
"""
Harm = Callable[[bytearray, random.Random], None]


def cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def flip(data: bytearray, chance: random.Random) -> None:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def blank(data: bytearray, chance: random.Random) -> None:
    start, size = chance.randrange(len(data)), chance.choice([1, 8, 100, 4096])
    data[start : start + size] = bytes(len(data[start : start + size]))


def flip_many(data: bytearray, chance: random.Random) -> None:
    for _ in range(10):
        data[chance.randrange(len(data))] ^= 255


def append(data: bytearray, chance: random.Random) -> None:
    data += chance.randbytes(chance.choice([1, 7, 16, 100, 5000]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("log") / "data"
    command = [sys.executable, "-c", FILLED, str(folder)]
    assert subprocess.run(command, cwd=ROOT, env=offline_environment(), check=False).returncode == 9
    return folder


def opened(folder: Path) -> tuple[int, int] | str:
    """Return the rows of table and view, or the code of the fault."""
    try:
        eventhouse = Eventhouse.open(folder, database="D")
    except KustoError as fault:
        return fault.code
    try:
        ((rows,),) = eventhouse.query("T | summarize dcount(N)")[0].rows()
        ((counted,),) = eventhouse.query("V | summarize sum(C)")[0].rows()
        return int(str(rows)), int(str(counted))
    finally:
        eventhouse.close()


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        *(("eventhouse.duckdb.wal", each) for each in (cut, flip, blank, flip_many, append)),
        ("eventhouse.duckdb", flip_many),
    ],
    ids=["cut", "flip", "blank", "flip-many", "append", "file"],
)
def test_a_damaged_folder_is_whole_or_says_what_is_lost(folder: Path, tmp_path: Path, name: str, harm: Harm) -> None:
    chance = random.Random(name + harm.__name__)  # noqa: S311 - places to damage
    told, found = {"TH_DataMissing", "TH_FolderDamaged"}, []
    for number in range(20):
        copy = tmp_path / str(number)
        shutil.copytree(folder, copy)
        data = bytearray((copy / name).read_bytes())
        harm(data, chance)
        (copy / name).write_bytes(data)
        found.append(opened(copy))
        shutil.rmtree(copy)
    assert [each for each in found if each != (ROWS, ROWS) and each not in told] == []
    # Each kind of harm is seen, but for what stands behind the last commit.
    assert harm is append or told & {each for each in found if isinstance(each, str)}


@pytest.mark.parametrize("harm", [flip, blank])
def test_a_damaged_record_of_commits_is_told(
    folder: Path, tmp_path: Path, harm: Harm, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(harm.__name__)  # noqa: S311 - places to damage
    text = "'eventhouse.commits' is damaged, which tells what was stored: whether all of it is there is not known"
    for number in range(10):
        copy = tmp_path / str(number)
        shutil.copytree(folder, copy)
        data = bytearray((copy / "eventhouse.commits").read_bytes())
        before = bytes(data)
        harm(data, chance)
        (copy / "eventhouse.commits").write_bytes(data)
        if bytes(data) == before or not any(data):
            continue
        assert [each.text for each in check_database(copy) if each.is_problem] == [text]
        caplog.clear()
        assert opened(copy) == (ROWS, ROWS)
        assert [each.getMessage() for each in caplog.records] == [f"{copy}: {text}"]
