"""Views kept up batch by batch equal their query over all rows, however late, repeated or null the rows are."""

import math
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator import Eventhouse
from emulator.engine.derived import upkeep
from emulator.engine.relation_names import INGESTION_TIME
from emulator.engine.storage.known_keys import Span
from emulator.engine.storage.transaction import Transaction
from emulator.errors import KustoError
from tests.emulator.engine.payloads import parquet

QUERIES = {
    "Bars": """T | summarize Open = arg_min(Time, Price), Close = arg_max(Time, Price), High = max(Price),
        Low = min(Price), Volume = sum(Size), Turnover = sum(Price * Size), count() by Symbol, bin(Time, 1h)""",
    "Counts": "T | summarize count(), countif(Size > 3), sumif(Size, Price > 2), avg(Size) by Symbol",
    "Averages": """T | extend Span = Time - datetime(2026-01-01) | summarize avg(Price), avgif(Size, Price > 1),
        avgif(Price, Size > 4), avg(Time), avg(Span), avg(todecimal(Size)) by Symbol""",
    "Recomputed": "T | summarize dcount(Size), percentile(Size, 50) by Symbol",
    "Twice": """T | extend Pair = strcat(Symbol, Size) | summarize dcount(Pair), max(strcat(Pair, Pair))
        by Symbol = tolower(Symbol)""",
    "Any": "T | summarize take_any(Symbol), take_any(Time), take_anyif(Price, Size > 0) by Size",
    "AnyName": "T | summarize take_any(Symbol) by Size",
    "AnyRow": "T | summarize take_any(Symbol, Time), count() by Size",
    "Latest": "T | where Price > 1 | summarize arg_max(Time, Size, Price) by Symbol, Size = Size % 2",
    "Sets": "T | summarize Sizes = make_set(Size) by Symbol",
    "Total": "T | summarize count(), max(Time)",
}
COMPARED = {
    # Which of several rows of one moment arg_max takes is open, so only the moment is compared there.
    "Bars": "project-away Price, Price1 | sort by Symbol asc, Time asc",
    "Latest": "project Symbol, Size, Time | sort by Symbol asc, Size asc",
    "Sets": "extend Sizes = array_sort_asc(Sizes) | sort by Symbol asc",
    **dict.fromkeys(("Any", "AnyName", "AnyRow"), "sort by Size asc"),
    "Total": "sort by count_ asc",
}
START = datetime(2026, 1, 1)  # noqa: DTZ001 - Arrow's timestamps here have no zone

ROW = st.tuples(
    st.sampled_from(["A", "B", ""]),
    st.none() | st.integers(0, 5).map(lambda hours: START + timedelta(minutes=25 * hours)),
    st.none() | st.sampled_from([0.5, 1.5, 2.5, 4.0]),
    st.none() | st.integers(-3, 6),
)
BATCHES = st.lists(st.lists(ROW, max_size=6), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def eventhouse() -> Iterator[Eventhouse]:
    opened = Eventhouse.open(None)
    yield opened
    opened.close()


@pytest.fixture(scope="module", params=["pairs", "index"])
def merging(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let all views be merged in the one way or in the other, which is that of large ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upkeep, "_PAIRS", 1 << 40 if request.param == "pairs" else -1)
        yield


def batch_of(rows: list[tuple[object, ...]]) -> bytes:
    types = {"Symbol": pa.string(), "Time": pa.timestamp("us"), "Price": pa.float64(), "Size": pa.int64()}
    return parquet({name: pa.array([row[n] for row in rows], type_) for n, (name, type_) in enumerate(types.items())})


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=BATCHES, backfilled=st.integers(0, 2))
def test_views_equal_their_queries(
    eventhouse: Eventhouse,
    merging: None,
    batches: list[list[tuple[object, ...]]],
    backfilled: int,
) -> None:
    eventhouse.command(".create database Views")
    try:
        run = eventhouse.command
        run(".create table T (Symbol: string, Time: datetime, Price: real, Size: long)", database="Views")
        for number, batch in enumerate(batches):
            if number == min(backfilled, len(batches) - 1):
                for name, query in QUERIES.items():
                    run(
                        f".create materialized-view with (backfill = true) {name} on table T {{ {query} }}",
                        database="Views",
                    )
            eventhouse.ingest("T", batch_of(batch), format="parquet", database="Views")
        for name, query in QUERIES.items():
            order = COMPARED.get(name, "sort by Symbol asc")
            # As text, since NaN equals nothing.
            kept, computed = (
                str(eventhouse.query(f"{text} | {order}", database="Views")[0].records()) for text in (name, query)
            )
            assert kept == computed, name
    finally:
        eventhouse.command(".drop database Views")


def test_the_rows_of_arg_max_stay_whole(eventhouse: Eventhouse) -> None:
    eventhouse.command(".create table Whole (Key: string, Time: datetime, A: long, B: string)")
    eventhouse.command(".create materialized-view Latest on table Whole { Whole | summarize arg_max(Time, *) by Key }")
    for minute, a, b in ((1, "1", "one"), (3, "null", ""), (2, "2", "two")):
        eventhouse.command(f".set-or-append Whole <| print 'k', datetime(2026-01-01 00:0{minute}), long({a}), '{b}'")
    latest = eventhouse.query("Latest | project A, B, minute = datetime_part('minute', Time)")[0].records()
    assert latest == [{"A": None, "B": "", "minute": 3}]


def test_a_view_made_anew_after_one_that_was_taken_back_knows_its_own_groups(eventhouse: Eventhouse) -> None:
    eventhouse.command(".create table Source (Id: long, Name: string)")
    eventhouse.command(".set-or-append Source <| range Id from 1 to 3 step 1 | extend Name = 'a'")
    writer = eventhouse._core.writer

    def fill(transaction: Transaction) -> None:
        memory = transaction.groups
        transaction.connection.execute('CREATE TABLE "v999$parts" ("$key" UBIGINT, "$IngestionTime" TIMESTAMP)')
        assert memory.count("v999$parts") == 0
        assert not memory.has_keys("v999$parts", None)
        memory.load_keys("v999$parts", None)
        assert memory.spans("v999$parts", np.array([7], np.uint64)) == []
        raise KustoError("taken back")

    with pytest.raises(KustoError, match="taken back"):
        writer.change(fill)

    def look(transaction: Transaction) -> tuple[int, bool, list[Span]]:
        memory = transaction.groups
        transaction.connection.execute('CREATE TABLE "v999$parts" ("$key" UBIGINT, "$IngestionTime" TIMESTAMP)')
        transaction.connection.execute('INSERT INTO "v999$parts" VALUES (7, $1), (8, $1)', [START])
        was_known = memory.has_keys("v999$parts", None)
        memory.load_keys("v999$parts", None)
        found = memory.count("v999$parts"), was_known, list(memory.spans("v999$parts", np.array([7], np.uint64)))
        transaction.connection.execute('DROP TABLE "v999$parts"')
        return found

    assert writer.change(look) == (2, False, [Span(START, START)])


@pytest.mark.slow
def test_an_event_counts_once_whenever_and_beside_whatever_it_comes_again(tmp_path: Path) -> None:
    def ingest(ids: Iterable[int]) -> None:
        lines = "\n".join(f'{{"Id": {each}, "Name": "n{each % 7}"}}' for each in ids)
        opened.ingest("E", lines.encode(), format="json")

    opened = Eventhouse.open(tmp_path)
    opened.command(".create table E (Id: long, Name: string)")
    opened.command(".create materialized-view Once on table E { E | summarize take_any(*) by Id }")
    opened.command(".create materialized-view Names on materialized-view Once { Once | summarize count() by Name }")
    for ids in ([1], [1], [1, 2, 2, 3], range(2, 6_000), [5_999], [6_000, 1], [6_000]):
        ingest(ids)
    # A key that is added by the large batch must be known to the small ones that follow, and to the next process.
    assert list(opened.query("Names | summarize sum(count_)")[0].rows()) == [(6_000,)]
    opened.close()
    opened = Eventhouse.open(tmp_path)
    for ids in ([6_000, 7_000], [3], [7_000]):
        ingest(ids)
    assert list(opened.query("Names | summarize sum(count_)")[0].rows()) == [(6_001,)]
    assert list(opened.query("Once | count")[0].rows()) == [(6_001,)]
    opened.close()


@pytest.mark.slow
def test_the_groups_of_a_view_are_counted_right_whichever_way_they_were_merged(eventhouse: Eventhouse) -> None:
    eventhouse.command(".create table Counted (Id: long)")
    eventhouse.command(".create materialized-view PerId on table Counted { Counted | summarize count() by Id }")
    parts = next(
        view.parts for view in eventhouse._core.database("NetDefaultDB").views.values() if view.name == "PerId"
    )
    # Few groups are compared, many are searched for; both add groups and meet known ones.
    for last, step in ((3, 1), (3_000, 1), (4_000, 1), (5_000, 2_000)):
        eventhouse.command(f".set-or-append Counted <| range Id from 1 to {last} step {step}")
        counted = eventhouse._core.writer.change(lambda transaction: transaction.groups.count(parts))
        assert [(counted,)] == list(eventhouse.query("PerId | count")[0].rows())


ROWS_OF_ONE: list[tuple[object, ...]] = [
    ("A", None, None, None),
    ("A", START, 2.5, 5),
    ("", START, -0.0, 2),
    ("B", None, 4.0, None),
    ("C", START, 0.5, -3),
]
OVER_ROWS = {
    "Filtered": "{0} | where Size > 2 | summarize count(), sum(Price) by Symbol",
    "Extremes": "{0} | summarize min(Price), max(Size), max(Symbol), arg_max(Price, Symbol, Size) by Time",
    "Sums": "{0} | summarize sum(Price), sumif(Size, Price > 1), countif(Size > 2), take_any(Symbol) by Symbol",
    "Averages": "{0} | summarize avg(Price), avg(Size), avgif(Size, Price > 1), avg(Time) by Symbol",
    "Any": "{0} | summarize take_any(Symbol), take_anyif(Price, Size > 2) by Time",
    "AnyName": "{0} | summarize take_any(Symbol) by Time",
    "Opened": "{0} | mv-expand Part = range(1, 2) to typeof(long) | summarize count(), sum(Part) by Symbol",
    "Alone": "{0} | where Size > 2 | summarize count(), max(Size)",
}


@pytest.mark.slow
def test_rows_that_come_one_by_one_count_like_any_others(eventhouse: Eventhouse) -> None:
    run = eventhouse.command
    run(".create table Singles (Symbol: string, Time: datetime, Price: real, Size: long)")
    run(".create materialized-view Rows on table Singles { Singles | summarize take_any(*) by Symbol, Size }")
    run(".create materialized-view Again on materialized-view Rows { Rows | summarize take_any(*) by Symbol }")
    over = {"Singles": "table", "Rows": "materialized-view", "Again": "materialized-view"}
    for source, kind in over.items():
        for name, query in OVER_ROWS.items():
            run(f".create materialized-view {name}{source} on {kind} {source} {{ {query.format(source)} }}")
    # One row, the same again, and several together, so that plans for either follow each other.
    for batch in (*([row] for row in ROWS_OF_ONE), *([row] for row in ROWS_OF_ONE), ROWS_OF_ONE[:2], ROWS_OF_ONE[3:4]):
        eventhouse.ingest("Singles", batch_of(batch), format="parquet")
    for source in over:
        for name, query in OVER_ROWS.items():
            order = (
                "| sort by Symbol asc" if "by Symbol" in query else "| sort by Time asc" if "by Time" in query else ""
            )
            kept, computed = (
                str(eventhouse.query(f"{text} {order}")[0].records())
                for text in (f"{name}{source}", query.format(source))
            )
            assert kept == computed, (name, source)


def test_a_view_without_keys_has_its_group_even_of_a_row_that_it_leaves_out(eventhouse: Eventhouse) -> None:
    eventhouse.command(".create table Keyless (Size: long)")
    query = "Keyless | where Size > 2 | summarize count(), max(Size)"
    eventhouse.command(f".create materialized-view Totals on table Keyless {{ {query} }}")
    eventhouse.command(".clear materialized-view Totals data")
    for size in (1, 5):
        eventhouse.command(f".set-or-append Keyless <| print Size = long({size})")
        assert eventhouse.query("Totals")[0].records() == eventhouse.query(query)[0].records()


@pytest.mark.slow
def test_an_average_goes_on_from_what_the_view_holds(eventhouse: Eventhouse) -> None:
    run = eventhouse.command
    run(".create table Averaged (Key: string, X: real, N: long, D: decimal, S: timespan, T: datetime)")
    run(
        ".create materialized-view Means on table Averaged { Averaged"
        " | summarize avg(X), avg(N), avgif(N, N > 1), avg(D), avg(S), avg(T), Rows = count() by Key }"
    )
    columns = "datatable(Key: string, X: real, N: long, D: decimal, S: timespan, T: datetime)"
    first = "'a', 1.0, 1, 0.1, 1s, datetime(2026-01-01), 'a', real(null), 2, 0.2, 2s, datetime(null), 'n', 0.5"
    rest = "long(null), decimal(null), timespan(null), datetime(null)"
    run(f".set-or-append Averaged <| {columns}[{first}, {rest}]")
    # What came before is nowhere but in the view, so that a computation over the source would be seen.
    run(".clear table Averaged data")
    for batch in ("'a', 4.0, 6, 0.9, 6s, datetime(2026-01-03)", f"'n', real(nan), {rest}, 'b', -0.0, {rest}"):
        run(f".set-or-append Averaged <| {columns}[{batch}]")
    kept = eventhouse.query("Means | project-away Rows | sort by Key asc")[0].rows()
    nothing = (None, None, None)
    assert str(list(kept)) == str(
        [
            ("a", 2.5, 3.0, 4.0, Decimal("0.40000000000000000"), 30_000_000, datetime(2026, 1, 2)),  # noqa: DTZ001 - as the engine answers
            ("b", 0.0, math.nan, math.nan, *nothing),
            ("n", math.nan, math.nan, math.nan, *nothing),
        ]
    )


def test_any_value_is_one_that_is_there_however_late(eventhouse: Eventhouse) -> None:
    eventhouse.command(".create table Named (Key: long, Name: string, Size: long)")
    for view, query in {
        "AnyOfOne": "Named | summarize take_any(Name) by Key",
        "AnyOfTwo": "Named | summarize take_any(Name), take_any(Size), take_anyif(Name, Size > 0) by Key",
    }.items():
        eventhouse.command(f".create materialized-view {view} on table Named {{ {query} }}")
    for row in ("1, '', long(null)", "1, 'late', long(null)", "1, 'later', 7"):
        eventhouse.command(f".set-or-append Named <| print {row}")
    assert list(eventhouse.query("AnyOfOne")[0].rows()) == [(1, "late")]
    assert list(eventhouse.query("AnyOfTwo")[0].rows()) == [(1, "late", 7, "later")]


def test_the_only_column_of_whole_rows_is_that_of_the_first_one(eventhouse: Eventhouse) -> None:
    eventhouse.command(".create table Pairs (Id: long, Name: string)")
    eventhouse.command(".create materialized-view FirstPairs on table Pairs { Pairs | summarize take_any(*) by Id }")
    both = "Pairs | summarize take_any(Name), count(), take_any(*) by Id"
    eventhouse.command(f".create materialized-view BothPairs on table Pairs {{ {both} }}")
    for name in ("", "late"):
        eventhouse.command(f".set-or-append Pairs <| print 1, '{name}'")
    for query in ("FirstPairs", "Pairs | summarize take_any(*) by Id"):
        assert list(eventhouse.query(query)[0].rows()) == [(1, "")]
    for query in ("BothPairs", both):
        assert list(eventhouse.query(query)[0].rows()) == [(1, "late", 2, "")]


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("bool", "true"),
        ("long", "7"),
        ("real", "7.5"),
        ("string", "'m'"),
        ("datetime", "datetime(2026-01-01)"),
        ("timespan", "1s"),
    ],
)
def test_the_extreme_of_no_row_gives_way_to_any(eventhouse: Eventhouse, type_: str, value: str) -> None:
    source, view = f"Empty_{type_}", f"Extremes_{type_}"
    eventhouse.command(f".create table {source} (Used: bool, X: {type_})")
    query = f"{source} | where Used | summarize min(X), max(X)"
    eventhouse.command(f".create materialized-view {view} on table {source} {{ {query} }}")
    for used in ("false", "true", "false"):
        eventhouse.command(f".set-or-append {source} <| print {used}, {value}")
        assert eventhouse.query(view)[0].records() == eventhouse.query(query)[0].records()


@pytest.mark.slow
def test_a_view_that_an_older_version_stored_in_other_columns_is_built_anew_on_opening(tmp_path: Path) -> None:
    opened = Eventhouse.open(tmp_path)
    opened.command(".create table T (Key: string, X: long)")
    opened.command(".create materialized-view V on table T { T | summarize avg(X), sum(X) by Key }")
    opened.command(".create materialized-view Sums on table T { T | summarize sum(X) by Key }")
    for value in (1, 2):
        opened.command(f".set-or-append T <| print 'a', {value}")
    view = opened._core.database("NetDefaultDB").views["V"]

    def store_as_before(transaction: Transaction) -> None:
        connection = transaction.connection
        connection.execute(f'DROP TABLE "{view.parts}"')
        connection.execute(
            f'CREATE TABLE "{view.parts}" AS SELECT \'a\' AS "$key_0", 1.5e0 AS "$avg_X", 3 AS "$sum_X",'
            f' 7::UBIGINT AS "$key", TIMESTAMP \'2026-01-01\' AS "{INGESTION_TIME}"'
        )

    opened._core.writer.change(store_as_before)
    opened.close()
    for values, average, total in (((), 1.5, 3), ((6,), 3.0, 9), ((11,), 5.0, 20)):
        opened = Eventhouse.open(tmp_path)
        for value in values:
            opened.command(f".set-or-append T <| print 'a', {value}")
        assert list(opened.query("V")[0].rows()) == [("a", average, total)]
        assert list(opened.query("Sums")[0].rows()) == [("a", total)]
        opened.close()


def test_groups_are_found_by_an_index_where_they_are_added_to(empty_database: Eventhouse) -> None:
    empty_database.command(".create table T (K: string, X: long)")
    for name, aggregation in (("Added", "sum(X)"), ("Distinct", "take_any(*)"), ("Latest", "arg_max(X, *)")):
        empty_database.command(f".create materialized-view {name} on table T {{ T | summarize {aggregation} by K }}")
    core = empty_database._core
    views = core.database(empty_database._default).views
    with core.cursor() as cursor:
        indexed = {table for (table,) in cursor.execute("SELECT table_name FROM duckdb_indexes()").fetchall()}
    assert [name for name, view in views.items() if view.parts in indexed] == ["Added", "Latest"]
