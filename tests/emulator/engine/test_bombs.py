"""Payloads that are small on their way and large once they are read, each in a process whose memory has a bound."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

# Beyond the addresses that are taken when the payload has been made: those of DuckDB, Arrow and their threads.
_BOUND = 3 * 1024**3
_PROGRAM = """
import gzip, io, resource
import pyarrow as pa, pyarrow.parquet
from emulator import Eventhouse
from emulator.errors import KustoError

# Without these, to write a long text takes 20 s.
PLAIN = {{"use_dictionary": False, "write_statistics": False}}

def parquet(column, **options):
    buffer = io.BytesIO()
    pa.parquet.write_table(pa.table({{"A": column}}), buffer, **options)
    return buffer.getvalue()

data = {payload}
house = Eventhouse.open(None)
house.command(".create table T (A: string, B: string)")
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, 2 * (taken + {bound},))
try:
    print(house.ingest("T", data, format={format!r}), "rows")
except KustoError as fault:
    print(type(fault).__name__, fault.code, fault.permanent)
print(*house.query("print 1")[0].rows(), *house.query("T | count")[0].rows())
"""
_LARGE = "IngestionFault BadRequest_FileTooLarge True"
_INVALID = "IngestionFault BadRequest_InvalidCsv True"


@pytest.mark.parametrize(
    ("format_", "payload", "outcome", "rows"),
    [
        ("csv", 'b"a\\n" * 10_000 + b",".join([b"1"] * 100_000) + b"\\n" + b"a\\n" * 10_000', "20001 rows", 20_001),
        ("csv", 'b"a\\n" + b"," * 5_000_000', _INVALID, 0),
        ("psv", 'b"|" * 5_000_000', _INVALID, 0),
        # 64 MB of even rows, of which only the last one is wrong.
        ("csv", 'b"a,1\\n" * 16_000_000 + b\'"\'', _INVALID, 0),
        ("csv", "gzip.compress(bytes(64_000_000), 1) * 10", _LARGE, 0),
        ("json", 'gzip.compress(b"{}\\n" * 20_000_000, 1) * 10', _LARGE, 0),
        ("parquet", 'parquet(pa.array(["x" * 540_000_000]), compression="zstd", **PLAIN)', _LARGE, 0),
        ("parquet", "parquet(pa.repeat(1, 100_000_000))", _LARGE, 0),
        ("parquet", 'parquet(pa.array(["x" * 1_000_000]).take(pa.repeat(0, 1_000)))', _LARGE, 0),
    ],
    ids=[
        "one wide row",
        "a row of 5 M fields",
        "a row of 5 M fields, first",
        "an open quote",
        "gzip",
        "gzip of JSON",
        "one string of 540 MB",
        "100 M equal rows",
        "1,000 equal strings of 1 MB",
    ],
)
def test_a_bomb_is_read_or_refused_within_its_memory(format_: str, payload: str, outcome: str, rows: int) -> None:
    program = _PROGRAM.format(payload=payload, format=format_, bound=_BOUND)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False)
    said = [outcome, f"(1,) ({rows},)"]
    assert (ended.stdout.splitlines(), ended.returncode) == (said, 0), ended.stderr[-2_000:]
