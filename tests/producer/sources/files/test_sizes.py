"""Files that are larger than `load` reads, or than the memory there is."""

import gzip
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from producer.errors import BadData
from producer.history import load
from producer.history.load import LoadKind, LoadRequest, load_file
from producer.history.store import LandingStore
from producer.sources.files import tabular
from producer.sources.files.tabular import read_table
from tests.producer.clock import ManualClock
from tests.producer.memory import MemoryEventhouse

LIMIT = 100_000
_BOUND = 3 * 1024**3
_PROGRAM = """
import asyncio, gzip, resource, sys
from pathlib import Path
import pyarrow as pa, pyarrow.parquet
from producer.clock import SystemClock
from producer.errors import BadData
from producer.history.load import LoadRequest, load_file

path = Path(sys.argv[1])
{write}
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, 2 * (taken + {more},))
try:
    asyncio.run(load_file(None, LoadRequest(path, "daily"), SystemClock()))
except BadData as fault:
    print(str(fault).replace(str(path), "file"))
"""


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_text_above_the_limit_is_refused_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setattr(tabular, "LARGEST", LIMIT)
    path = tmp_path / name
    pack = gzip.compress if name.endswith("gz") else bytes
    text = b"a,b\n" + b"1,2\n" * (LIMIT // 4 - 1)
    path.write_bytes(pack(text))
    assert read_table(path).num_rows == LIMIT // 4 - 1
    path.write_bytes(pack(text + b"\n"))
    with pytest.raises(BadData) as caught:
        read_table(path)
    assert (caught.value.message, caught.value.hint) == (
        f"is larger than {LIMIT} bytes without its compression",
        "split it",
    )


def test_columns_above_the_limit_are_refused_before_they_are_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tabular, "LARGEST", LIMIT)
    path = tmp_path / "a.parquet"
    pa.parquet.write_table(pa.table({"a": pa.repeat(1, LIMIT)}), path)
    with pytest.raises(BadData) as caught:
        read_table(path)
    assert (caught.value.message, caught.value.hint) == (
        f"is too large: its columns take more than {LIMIT} bytes",
        "split it",
    )


@pytest.mark.parametrize("reader", ["read_bars", "read_trades", "read_actions"])
async def test_a_file_that_memory_has_no_room_for_is_named(monkeypatch: pytest.MonkeyPatch, reader: str) -> None:
    def full(*_given: object) -> None:
        raise MemoryError

    monkeypatch.setattr(load, reader, full)
    kinds: dict[str, LoadKind] = {"read_bars": "daily", "read_trades": "trades", "read_actions": "actions"}
    clock = ManualClock()
    request = LoadRequest(Path("a.csv"), kinds[reader])
    with pytest.raises(BadData) as caught:
        await load_file(LandingStore(MemoryEventhouse(), clock), request, clock)
    assert str(caught.value) == "a.csv: takes more memory than this process may use\nhint: split it"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "write", "more", "said"),
    [
        (
            "a.csv.gz",
            "path.write_bytes(gzip.compress(bytes(64_000_000), 1) * 20)",
            _BOUND,
            "is larger than 1073741824 bytes without its compression",
        ),
        (
            "a.parquet",
            "pa.parquet.write_table(pa.table({'a': pa.repeat(1, 140_000_000)}), path)",
            _BOUND,
            "is too large: its columns take more than 1073741824 bytes",
        ),
        ("a.csv", "path.write_text('symbol,date\\n')", 500_000_000, "takes more memory than this process may use"),
    ],
    ids=["gzip", "equal rows", "no room for the text"],
)
def test_a_bomb_is_refused_within_its_memory(tmp_path: Path, name: str, write: str, more: int, said: str) -> None:
    program = _PROGRAM.format(write=write, more=more)
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / name)], capture_output=True, text=True, timeout=300, check=False
    )
    assert (ended.stdout, ended.returncode) == (f"file: {said}\nhint: split it\n", 0), ended.stderr[-2_000:]
