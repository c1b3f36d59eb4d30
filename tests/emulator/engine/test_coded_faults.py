"""What fails below the interface, DuckDB or its file, reaches callers in this process as a fault with a code."""

import uuid
from collections.abc import Callable

import duckdb
import pytest

from emulator import Eventhouse
from emulator.engine.queued.store import ReportQueue
from emulator.errors import EngineFault

CALLS: dict[str, tuple[str, Callable[[Eventhouse], object]]] = {
    "mark": ("$marks", lambda eventhouse: eventhouse.mark("a")),
    "status": ("$queued_statuses", lambda eventhouse: eventhouse.queued.status(str(uuid.uuid4()))),
    "reports": ("$queued_reports", lambda eventhouse: eventhouse.queued.peek(ReportQueue.FAILED, 5)),
    "failures": ("$failures", lambda eventhouse: eventhouse.command(".show ingestion failures")),
    "details": ("t1", lambda eventhouse: eventhouse.command(".show table T details")),
    "piped": ("$failures", lambda eventhouse: eventhouse.command(".show ingestion failures | count")),
    "set": ("t1", lambda eventhouse: eventhouse.command(".set New <| T")),
    "query": ("t1", lambda eventhouse: eventhouse.query("T")),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_a_table_that_is_gone_is_an_internal_fault(name: str) -> None:
    eventhouse = Eventhouse.open(None)
    eventhouse.command(".create table T (A: long)")
    relation, call = CALLS[name]
    if relation == "t1":
        relation = eventhouse._core.database("NetDefaultDB").tables["T"].relation
    eventhouse._core._connection.execute(f'DROP TABLE "{relation}"')
    with pytest.raises(EngineFault, match=r"TH\d+"):
        call(eventhouse)
    eventhouse.close()


def test_a_connection_that_cannot_be_made_is_a_fault(
    empty_database: Eventhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = empty_database._core

    def fail() -> duckdb.DuckDBPyConnection:
        raise duckdb.IOException("IO Error: it cannot be opened")

    monkeypatch.setattr(core._readers, "_new", fail)
    monkeypatch.setattr(core._readers, "_idle", [])
    for call in (lambda: empty_database.mark("a"), lambda: empty_database.query("print 1")):
        with pytest.raises(EngineFault, match="TH0910"):
            call()
