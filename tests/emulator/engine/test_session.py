"""Kept plans and staged rows: batches of any size, after failures and alterations, with nothing left behind."""

import json
from collections.abc import Iterator
from datetime import datetime

import duckdb
import pyarrow as pa
import pytest

from emulator import Eventhouse
from emulator.engine.session import kept_plans as plans
from emulator.engine.session.cores import Cores
from emulator.engine.session.session import Session
from emulator.engine.session.temporary import TemporaryTables
from emulator.engine.session.workload import TableSizes
from emulator.errors import KustoError
from tests.emulator.engine.payloads import parquet

TIME = datetime(2026, 1, 1)  # noqa: DTZ001 - naive UTC, as everywhere in the engine


@pytest.fixture
def eventhouse() -> Iterator[Eventhouse]:
    opened = Eventhouse.open(None)
    for command in (
        ".create table Raw (Id: long, Name: string)",
        ".create table Even (Id: long, Label: string)",
        ".alter table Even policy update "
        '@\'[{"Source": "Raw", "IsTransactional": true, "Query": "Raw | where Id % 2 == 0 | project Id, Name"}]\'',
        ".create materialized-view Unique on table Raw { Raw | summarize take_any(*) by Id }",
        ".create materialized-view Names on materialized-view Unique { Unique | summarize count(), max(Id) by Name }",
    ):
        opened.command(command)
    yield opened
    opened.close()


def ingest(eventhouse: Eventhouse, ids: range) -> None:
    lines = "\n".join(json.dumps({"Id": each, "Name": f"n{each % 3}"}) for each in ids)
    eventhouse.ingest("Raw", lines.encode(), format="json")


def rows(eventhouse: Eventhouse, query: str) -> list[tuple[object, ...]]:
    return list(eventhouse.query(query)[0].rows())


@pytest.mark.slow
def test_small_and_large_batches_in_turn_add_up(eventhouse: Eventhouse) -> None:
    for ids in (range(10), range(5, 6_000), range(5_990, 6_010), range(20)):
        ingest(eventhouse, ids)
    expected = "range Id from 0 to 6009 step 1 | summarize count(), max(Id) by Name = strcat('n', Id % 3)"
    assert rows(eventhouse, "Names | sort by Name asc") == rows(eventhouse, f"{expected} | sort by Name asc")
    assert rows(eventhouse, "Even | count") == rows(eventhouse, "Raw | where Id % 2 == 0 | count")


@pytest.mark.slow
def test_plans_make_room_for_each_other(eventhouse: Eventhouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "_CAPACITY", 1)
    for number in range(0, 20, 2):
        ingest(eventhouse, range(number, number + 4))
    expected = "range Id from 0 to 21 step 1 | summarize count(), max(Id) by Name = strcat('n', Id % 3)"
    assert rows(eventhouse, "Names | sort by Name asc") == rows(eventhouse, f"{expected} | sort by Name asc")
    assert rows(eventhouse, "Raw | count") == [(40,)]


@pytest.mark.slow
def test_the_first_batch_may_be_of_any_size(eventhouse: Eventhouse) -> None:
    # DuckDB keeps rows in groups of 122,880.
    columns = {"Id": pa.array(range(130_000), pa.int64()), "Name": pa.array(["n"] * 130_000)}
    eventhouse.ingest("Raw", parquet(columns), format="parquet")
    assert rows(eventhouse, "Unique | summarize count(), max(Id)") == [(130_000, 129_999)]
    assert rows(eventhouse, "Names") == [("n", 130_000, 129_999)]


@pytest.mark.slow
def test_an_altered_view_keeps_groups_that_its_source_has_lost(eventhouse: Eventhouse) -> None:
    columns = {"Id": pa.array(range(130_000), pa.int64()), "Name": pa.array(["n"] * 130_000)}
    eventhouse.command(".create materialized-view Counts on table Raw { Raw | summarize count() by Id }")
    eventhouse.ingest("Raw", parquet(columns), format="parquet")
    eventhouse.command(".clear table Raw data")
    eventhouse.command(".alter materialized-view Counts on table Raw { Raw | summarize count(), max(Name) by Id }")
    assert rows(eventhouse, "Counts | summarize count(), sum(count_), countif(max_Name == '')") == [(130_000,) * 3]
    eventhouse.command(".set Copy <| Counts")
    assert rows(eventhouse, "Copy | count") == [(130_000,)]


@pytest.mark.slow
def test_batches_go_on_after_one_that_failed(eventhouse: Eventhouse) -> None:
    ingest(eventhouse, range(4))
    eventhouse.command(".alter-merge table Even (Extra: long)")
    for _ in range(2):
        with pytest.raises(KustoError, match="Even"):
            ingest(eventhouse, range(4, 6))
    eventhouse.command(".alter table Even policy update '[]'")
    ingest(eventhouse, range(6, 8))
    assert rows(eventhouse, "Raw | summarize count(), max(Id)") == [(6, 7)]
    assert rows(eventhouse, "Names | summarize sum(count_)") == [(6,)]


@pytest.mark.slow
def test_a_new_column_reaches_the_batches_that_follow(eventhouse: Eventhouse) -> None:
    ingest(eventhouse, range(2))
    eventhouse.command(".alter-merge table Raw (Added: string)")
    eventhouse.ingest("Raw", b'{"Id": 9, "Name": "n", "Added": "a"}', format="json")
    assert rows(eventhouse, "Raw | where Id == 9 | project Added") == [("a",)]


def opened() -> Session:
    connection = duckdb.connect()
    return Session(connection, Cores(connection, TableSizes(connection)))


def kept(session: Session) -> int:
    """Return how many plans a session keeps."""
    ((count,),) = session.connection.execute("SELECT count(*) FROM duckdb_prepared_statements()").fetchall()
    return int(count)


def test_a_kept_plan_sees_rows_that_came_later() -> None:
    session = opened()
    session.connection.execute("CREATE TABLE source (a INTEGER); CREATE TABLE target (a INTEGER, t TIMESTAMP)")
    copy = "INSERT INTO target SELECT a, $time FROM source WHERE a > 10"
    assert session.run(copy, {"time": TIME}, rows=1) == 0
    session.connection.execute("INSERT INTO source VALUES (11), (12), (3)")
    assert session.run(copy, {"time": TIME}, rows=3) == 2
    session.connection.execute("CREATE INDEX found ON source (a)")
    assert session.run(copy, {"time": TIME}, rows=None) == 2
    assert session.connection.execute("SELECT count(*), max(t) FROM target").fetchall() == [(4, TIME)]


def test_staged_rows_leave_no_trace() -> None:
    session = opened()
    tables = TemporaryTables(session)
    for _ in range(3):
        session.begin()
        tables.define("staged", "CREATE OR REPLACE TEMP TABLE staged (a INTEGER)")
        for _ in range(2):
            tables.empty("staged")
            assert session.run("INSERT INTO staged SELECT * FROM range(3000)", {}, rows=3_000) == 3_000
        tables.clear()
        session.commit()
    assert session.connection.execute("SELECT count(*) FROM staged").fetchall() == [(0,)]
    assert session.connection.execute("SELECT count(*) FROM pragma_storage_info('staged')").fetchall() == [(0,)]


def test_a_plan_made_beside_a_definition_is_made_again_once_that_is_committed() -> None:
    # A plan of a catalog that was not committed yet would be made anew at every run.
    session = opened()
    tables = TemporaryTables(session)
    session.begin()
    tables.define("staged", "CREATE OR REPLACE TEMP TABLE staged (a INTEGER)")
    assert session.run("INSERT INTO staged SELECT 1", {}, rows=1) == 1
    session.commit()
    tables.end_transaction()
    assert kept(session) == 0
    assert session.run("INSERT INTO staged SELECT 2", {}, rows=1) == 1
    tables.end_transaction()
    assert kept(session) == 1


def test_a_rollback_takes_staged_relations_along() -> None:
    session = opened()
    tables = TemporaryTables(session)
    for _ in range(2):
        session.begin()
        tables.define("staged", "CREATE OR REPLACE TEMP TABLE staged (a INTEGER)")
        tables.empty("staged")
        assert session.run("INSERT INTO staged SELECT 1", {}, rows=1) == 1
        tables.forget()
        session.roll_back()
    assert kept(session) == 0
