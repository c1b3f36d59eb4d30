"""Commands that store what a query makes: it runs beside the writer, on a snapshot, and what comes meanwhile counts."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from emulator import Eventhouse
from emulator.engine.storage.computed import ComputedRows
from emulator.engine.writing.jobs import TableChanged
from emulator.errors import CancelFault, EntityAlreadyExists, IngestionFault
from emulator.work import Work
from tests.emulator.engine.endless import ENDLESS, PROMPT_SECONDS

pytestmark = pytest.mark.slow

POLICY = json.dumps([{"Source": "T", "Query": "T | project Id, X = -X", "IsTransactional": True}])
COMPUTING = {
    "set": (".set New <| print a = 1", 1),
    "append": (".append T <| print a = 1, b = 2", 1),
    "set-or-append": (".set-or-append T <| print a = 1, b = 2", 1),
    "set-or-replace": (".set-or-replace New <| print a = 1", 1),
    "async": (".set async New <| print a = 1", 1),
    "script": (".execute database script <|\n.set New <| print a = 1\n\n.append New <| print a = 2", 2),
    "piped": (".show tables | count", 1),
    "of a script, piped": (".execute database script <|\n.set New <| print a = 1\n\n.show tables | count", 2),
    "defining": (".create table Defined (A: long)", 0),
    "showing": (".show tables", 0),
}
DEFINITIONS = (
    ".create table T (Id: long, X: long)",
    ".create table Derived (Id: long, X: long)",
    f".alter table Derived policy update ```{POLICY}```",
    ".create table Other (Id: long, X: long)",
)


@pytest.fixture(params=["memory", "folder"])
def eventhouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Eventhouse]:
    opened = Eventhouse.open(tmp_path if request.param == "folder" else None)
    for command in DEFINITIONS:
        opened.command(command)
    opened.command(".ingest inline into table T <| 1,10\n2,20")
    yield opened
    opened.close()


def contents(eventhouse: Eventhouse, *tables: str) -> list[list[tuple[object, ...]]]:
    return [list(eventhouse.query(f"{table} | sort by Id asc, X asc")[0].rows()) for table in tables]


def left(eventhouse: Eventhouse) -> list[tuple[object, ...]]:
    """Return the tables of computed rows that are there."""
    with eventhouse._core.cursor() as cursor:
        return cursor.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = '$computed'").fetchall()


class Meanwhile:
    """Does something after each of the next computations, and before their rows are stored; counts all of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.actions: list[Callable[[], object]] = []
        self.computed = 0
        fill = ComputedRows.fill

        def filled(
            rows: ComputedRows, connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, object]
        ) -> None:
            self.computed += 1
            fill(rows, connection, sql, values)
            if self.actions:
                self.actions.pop(0)()

        monkeypatch.setattr(ComputedRows, "fill", filled)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    return Meanwhile(monkeypatch)


@pytest.mark.parametrize("verb", ["set", "append", "set-or-append", "set-or-replace"])
def test_nobody_waits_for_the_query_of_a_command(
    eventhouse: Eventhouse, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, fill, work = threading.Event(), ComputedRows.fill, Work()

    def noted(
        rows: ComputedRows, connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, object]
    ) -> None:
        begun.set()
        fill(rows, connection, sql, values)

    monkeypatch.setattr(ComputedRows, "fill", noted)
    table = "New" if verb == "set" else "T"
    with ThreadPoolExecutor(1) as pool:
        heavy = pool.submit(eventhouse.command, f".{verb} {table} <| {ENDLESS} | project a, b = a", work=work)
        try:
            assert begun.wait(PROMPT_SECONDS)
            assert eventhouse.ingest("T", b"3,30", format="csv", work=Work(PROMPT_SECONDS)) == 1
            eventhouse.command(".create table Second (Id: long, X: long)", work=Work(PROMPT_SECONDS))
            eventhouse.command(".set-or-replace Other <| T", work=Work(PROMPT_SECONDS))
            assert not heavy.done()
        finally:
            work.cancel()
        with pytest.raises(CancelFault):
            heavy.result()
    assert contents(eventhouse, "T", "Other", "Derived") == [
        [(1, 10), (2, 20), (3, 30)],
        [(1, 10), (2, 20), (3, 30)],
        [(1, -10), (2, -20), (3, -30)],
    ]
    assert left(eventhouse) == []


def test_a_replacement_reads_what_it_replaces(eventhouse: Eventhouse) -> None:
    eventhouse.command(".set-or-replace T <| T | where Id == 2 | extend X = X + 1")
    assert contents(eventhouse, "T", "Derived") == [[(2, 21)], [(2, -21)]]
    assert left(eventhouse) == []


def test_what_comes_while_a_replacement_computes_stays_and_counts_once(
    eventhouse: Eventhouse, meanwhile: Meanwhile
) -> None:
    meanwhile.actions.append(lambda: eventhouse.ingest("T", b"3,30", format="csv"))
    eventhouse.command(".set-or-replace T <| T | extend X = X + 1")
    assert contents(eventhouse, "T", "Derived") == [
        [(1, 11), (2, 21), (3, 30)],
        [(1, -11), (2, -21), (3, -30)],
    ]
    assert meanwhile.computed == 1
    # The next one replaces them too.
    eventhouse.command(".set-or-replace T <| T | take 0")
    assert contents(eventhouse, "T", "Derived") == [[], []]


def test_a_query_sees_one_snapshot(eventhouse: Eventhouse, meanwhile: Meanwhile) -> None:
    meanwhile.actions.append(lambda: eventhouse.ingest("T", b"3,30", format="csv"))
    eventhouse.command(".append Other <| T")
    assert contents(eventhouse, "Other") == [[(1, 10), (2, 20)]]


@pytest.mark.parametrize(
    ("between", "rows"),
    [
        (".alter-merge table T (Added: string)", [(1, 11, ""), (2, 21, "")]),
        (".set-or-replace T <| print Id = 5, X = 50", [(5, 51)]),
        (".clear table T data", []),
        (".drop table T", None),
    ],
)
def test_a_table_that_changes_meanwhile_is_read_again(
    eventhouse: Eventhouse, meanwhile: Meanwhile, between: str, rows: list[tuple[object, ...]] | None
) -> None:
    meanwhile.actions.append(lambda: eventhouse.command(between))
    if rows is None:
        eventhouse.command(".alter table Derived policy update '[]'")
        eventhouse.command(".set-or-replace T <| Other | union (print Id = 7, X = 70)")
        rows = [(7, 70)]
    else:
        eventhouse.command(".set-or-replace T <| T | extend X = X + 1")
    assert contents(eventhouse, "T") == [rows]
    assert meanwhile.computed == (3 if between.startswith(".set") else 2)
    assert left(eventhouse) == []


def test_targets_of_policies_that_are_replaced_meanwhile_are_seen(eventhouse: Eventhouse, meanwhile: Meanwhile) -> None:
    meanwhile.actions.append(lambda: eventhouse.command(".set-or-replace Derived <| print Id = 9, X = 90"))
    eventhouse.command(".set-or-replace T <| T | where Id == 1")
    assert contents(eventhouse, "T", "Derived") == [[(1, 10)], [(1, -10)]]
    assert meanwhile.computed == 3


def test_a_table_grows_by_what_a_query_has_more_than_it_has_then(eventhouse: Eventhouse, meanwhile: Meanwhile) -> None:
    meanwhile.actions.append(lambda: eventhouse.command(".alter-merge table Other (Added: string)"))
    eventhouse.command(".set-or-append Other with (extend_schema=true) <| T | extend Added = 'a', More = 1")
    assert contents(eventhouse, "Other") == [[(1, 10, "a", 1), (2, 20, "a", 1)]]
    assert meanwhile.computed == 2


def test_a_table_that_is_altered_again_and_again_is_given_up(eventhouse: Eventhouse, meanwhile: Meanwhile) -> None:
    def rename(number: int) -> Callable[[], object]:
        return lambda: eventhouse.command(f".rename column Other.X{number or ''} to X{number + 1}")

    meanwhile.actions += map(rename, range(9))
    with pytest.raises(TableChanged, match="TH_TableChanged"):
        eventhouse.command(".append Other <| T")
    assert meanwhile.computed == 4
    assert left(eventhouse) == []


def test_a_table_that_is_made_meanwhile_is_not_set(eventhouse: Eventhouse, meanwhile: Meanwhile) -> None:
    meanwhile.actions.append(lambda: eventhouse.command(".create table New (Id: long, X: long)"))
    with pytest.raises(EntityAlreadyExists):
        eventhouse.command(".set New <| T")
    assert contents(eventhouse, "New") == [[]]


def test_a_tag_that_comes_meanwhile_is_seen(eventhouse: Eventhouse, meanwhile: Meanwhile) -> None:
    text = """.append Other with (tags='["ingest-by:a"]', ingestIfNotExists='["a"]') <| T"""
    meanwhile.actions.append(lambda: eventhouse.command(text))
    with pytest.raises(IngestionFault):
        eventhouse.command(text)
    assert contents(eventhouse, "Other") == [[(1, 10), (2, 20)]]
    # Where the tag is there already nothing is computed.
    with pytest.raises(IngestionFault):
        eventhouse.command(text)
    assert meanwhile.computed == 2


def test_rows_of_an_instance_that_has_failed_are_computed_again(eventhouse: Eventhouse, meanwhile: Meanwhile) -> None:
    def reopened() -> None:
        eventhouse._core.writer.reopened += 1

    meanwhile.actions.append(reopened)
    eventhouse.command(".set-or-replace T <| T | extend X = X + 1")
    assert contents(eventhouse, "T") == [[(1, 11), (2, 21)]]
    assert meanwhile.computed == 2


@pytest.mark.parametrize("name", COMPUTING)
def test_what_a_command_computes_goes_through_the_gate_of_its_work(eventhouse: Eventhouse, name: str) -> None:
    text, times = COMPUTING[name]
    work, computed = Work(), list[Work]()

    def gate(part: Work, call: Callable[[Work], object]) -> object:
        computed.append(part)
        # Ended for want of a place, and begun again.
        canceled = part.part()
        canceled.cancel("it waits for a core")
        with pytest.raises(CancelFault):
            call(canceled)
        return call(part.part())

    work.gate = gate
    eventhouse.command(text, work=work)
    assert len(computed) == times
    assert all(each.gate is gate for each in computed)


VIEWS = {
    "merge": "T | summarize n = count(), s = sum(X) by k = Id % 3",
    "recompute": "T | summarize n = dcount(X), m = max(X) by k = Id % 3",
    "deduplicate": "T | summarize take_any(*) by Id",
    "filter": "T | where X > 5 | summarize m = max(X), a = arg_max(Id, *) by k = Id % 2",
}


def as_rows(eventhouse: Eventhouse, text: str) -> list[str]:
    return sorted(map(repr, eventhouse.query(text)[0].rows()))


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("meanwhile", ["nothing", "rows", "replaced", "altered"])
def test_a_view_is_filled_beside_the_writer_and_gets_what_comes_meanwhile(
    eventhouse: Eventhouse, monkeypatch: pytest.MonkeyPatch, name: str, meanwhile: str
) -> None:
    query = VIEWS[name]
    eventhouse.command(".set-or-append T <| range Id from 1 to 20 step 1 | extend X = Id * 10")
    fill, filled = ComputedRows.fill, list[str]()

    def held(rows: ComputedRows, connection: object, sql: str, values: Mapping[str, object]) -> None:
        fill(rows, connection, sql, values)  # type: ignore[arg-type]  # as it was called
        if not filled and meanwhile != "nothing":
            filled.append(sql)
            # The writer is free: all of this would wait for ever otherwise.
            match meanwhile:
                case "rows":
                    eventhouse.ingest("T", b"3,77\n40,5\n41,6\n21,99", format="csv", work=Work(PROMPT_SECONDS))
                case "replaced":
                    eventhouse.command(".clear table T data", work=Work(PROMPT_SECONDS))
                    eventhouse.ingest("T", b"7,70\n8,81", format="csv", work=Work(PROMPT_SECONDS))
                case _:
                    eventhouse.command(".alter-merge table T (Y: string)", work=Work(PROMPT_SECONDS))
        else:
            filled.append(sql)

    with monkeypatch.context() as patched:
        patched.setattr(ComputedRows, "fill", held)
        eventhouse.command(
            f".create materialized-view with (backfill=true) V on table T {{ {query} }}", work=Work(60.0)
        )
    # Twice where the source is another one, or has lost rows; an added column is one only to who reads all of them.
    assert len(filled) in ((2,) if meanwhile == "replaced" else (1, 2) if meanwhile == "altered" else (1,))
    assert eventhouse.query("V | count")[0].records() != [{"Count": 0}]
    for _ in range(2):
        if name == "deduplicate":
            assert as_rows(eventhouse, "V | project Id") == as_rows(eventhouse, "T | distinct Id")
        else:
            assert as_rows(eventhouse, "V") == as_rows(eventhouse, query)
        # Later batches find the groups that are there.
        eventhouse.command(".append T <| T | extend Id = Id + 1")
    assert eventhouse.command(".show materialized-views | project IsHealthy").records() == [{"IsHealthy": True}]


def test_a_backfill_that_is_canceled_leaves_nothing(eventhouse: Eventhouse) -> None:
    work = Work()
    text = """.create materialized-view with (backfill=true) V on table T {
        T | extend k = 1 | join kind=inner (range b from 1 to 3000000 step 1 | extend k = 1) on k
        | join kind=inner (range c from 1 to 1000 step 1 | extend k = 1) on k
        | where X + b * 7 + c < 0 | summarize count() by Id }"""
    with ThreadPoolExecutor(1) as pool:
        heavy = pool.submit(eventhouse.command, text, work=work)
        assert eventhouse.ingest("T", b"3,30", format="csv", work=Work(PROMPT_SECONDS)) == 1
        work.cancel("enough")
        with pytest.raises(CancelFault, match="enough"):
            heavy.result(PROMPT_SECONDS)
    assert eventhouse.command(".show materialized-views").arrow.num_rows == 0
    assert left(eventhouse) == []
