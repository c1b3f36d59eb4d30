"""What was acknowledged survives `kill -9`, whole batches only, with what policies and views made of them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from emulator import Eventhouse
from emulator.errors import KustoError
from tests.emulator.engine.loader import ROWS_PER_BATCH

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_kill_9_loses_no_acknowledged_row_and_leaves_no_half_batch(tmp_path: Path) -> None:
    eventhouse = Eventhouse.open(tmp_path)
    for command in (
        ".create table Raw (Batch: string, Row: long, Size: long)",
        ".create table Large (Batch: string, Row: long, Size: long)",
        """.alter table Large policy update
           @'[{"Source": "Raw", "Query": "Raw | where Row >= 10", "IsTransactional": true}]'""",
        ".create materialized-view Unique on table Raw { Raw | summarize take_any(*) by Batch, Row }",
        ".create materialized-view PerRow on materialized-view Unique { Unique | summarize sum(Size), count() by Row }",
    ):
        eventhouse.command(command)
    eventhouse.close()
    acknowledged: set[str] = set()
    for run, patience in enumerate((1, 23, 60)):
        acknowledged |= killed_after(tmp_path, f"run{run}", patience)
        compare(tmp_path, acknowledged)


def killed_after(folder: Path, run: str, acknowledgements: int) -> set[str]:
    command = [sys.executable, "-m", "tests.emulator.engine.loader", str(folder), run]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        seen = {process.stdout.readline().strip() for _ in range(acknowledgements)}
        process.send_signal(signal.SIGKILL)
        # What it had written to the pipe before it died was acknowledged too; a torn last line was not.
        rest = process.stdout.read()
        seen |= {line.strip() for line in rest.splitlines(keepends=True) if line.endswith("\n")}
    assert process.returncode == -signal.SIGKILL
    assert "" not in seen
    return seen


def compare(folder: Path, acknowledged: set[str]) -> None:
    eventhouse = Eventhouse.open(folder)
    try:
        stored = {str(row["Batch"]): row["count_"] for row in rows(eventhouse, "Raw | summarize count() by Batch")}
        assert set(stored.values()) == {ROWS_PER_BATCH}
        assert acknowledged - set(stored) == set()
        # A thread waits for each answer: beside what was acknowledged there is at most the batch it was about.
        told = by_thread(acknowledged)
        for thread, numbers in by_thread(stored).items():
            assert numbers == list(range(len(numbers)))
            assert len(numbers) - len(told.get(thread, [])) in (0, 1)
        large = rows(eventhouse, "Large | summarize count() by Batch")
        assert {row["Batch"]: row["count_"] for row in large} == dict.fromkeys(stored, ROWS_PER_BATCH // 2)
        totals = "| sort by Row asc"
        assert rows(eventhouse, f"PerRow {totals}") == rows(
            eventhouse, f"Raw | summarize sum(Size), count() by Row {totals}"
        )
    finally:
        eventhouse.close()


def by_thread(batches: Iterable[str]) -> dict[str, list[int]]:
    """Return the numbers of batches by the thread that sent them, in order."""
    found: dict[str, list[int]] = {}
    for batch in batches:
        thread, _, number = batch.rpartition("-")
        found.setdefault(thread, []).append(int(number))
    return {thread: sorted(numbers) for thread, numbers in found.items()}


def rows(eventhouse: Eventhouse, query: str) -> list[dict[str, object]]:
    return eventhouse.query(query)[0].records()


@pytest.mark.slow
def test_everything_is_there_after_closing(tmp_path: Path) -> None:
    eventhouse = Eventhouse.open(tmp_path, database="Market")
    eventhouse.command('.create table T (A: int, B: dynamic) with (folder = "f", docstring = "d")')
    eventhouse.command('.create table T ingestion json mapping \'m\' \'[{"column": "A", "path": "$.a"}]\'')
    eventhouse.command(".alter table T policy caching hot = 3d")
    eventhouse.command(".create function with (docstring = 'f') F(x: int = 1) { T | where A == x }")
    eventhouse.command(".create materialized-view V on table T { T | summarize count(), make_set(A) by tostring(B) }")
    eventhouse.ingest("T", b'{"a": 1}\n{"a": 2}', format="json", mapping="m")
    questions = (
        ".show tables",
        ".show functions",
        ".show materialized-views | project-away MaterializedTo, LastRun",
        ".show table T ingestion mappings",
        ".show table T policy caching",
        ".show database schema as json",
        "F(2)",
        "V",
    )
    before = [rows(eventhouse, question) for question in questions]
    eventhouse.close()
    eventhouse.close()
    assert [path.name for path in tmp_path.glob("*.duckdb*")] == ["eventhouse.duckdb"], "no log is left behind"
    again = Eventhouse.open(tmp_path, database="Market")
    assert [rows(again, question) for question in questions] == before
    again.ingest("T", b'{"a": 3}', format="json", mapping="m")
    assert rows(again, "V | project count_, set_A = array_sort_asc(set_A)") == [{"count_": 3, "set_A": "[1,2,3]"}]
    again.close()


@pytest.mark.slow
def test_a_folder_has_one_owner(tmp_path: Path) -> None:
    owner = Eventhouse.open(tmp_path)
    with pytest.raises(KustoError, match=rf"'{tmp_path}' is in use by process {os.getpid()}\."):
        Eventhouse.open(tmp_path)
    owner.close()
    Eventhouse.open(tmp_path).close()


def test_a_damaged_file_is_named_and_frees_the_folder(tmp_path: Path) -> None:
    (tmp_path / "eventhouse.duckdb").write_bytes(b"not a database" * 1000)
    for _ in range(2):
        with pytest.raises(KustoError, match=f"'{tmp_path}' cannot be opened"):
            Eventhouse.open(tmp_path)


@pytest.mark.slow
def test_a_closed_eventhouse_says_so(tmp_path: Path) -> None:
    eventhouse = Eventhouse.open(tmp_path)
    eventhouse.command(".create table T (A: int)")
    eventhouse.close()
    with pytest.raises(KustoError, match="closed"):
        eventhouse.query("T")
    with pytest.raises(KustoError, match="closed"):
        eventhouse.ingest("T", b'{"A": 1}', format="json")
    with pytest.raises(KustoError, match="closed"):
        eventhouse.command(".drop table T")
