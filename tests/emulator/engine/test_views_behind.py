"""A view or policy that cannot compute a row fails for itself: the row is stored, the view falls behind, catches up.

Every test is slow, as views are made and altered in all of them.
"""

import json
import random
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from emulator import Eventhouse
from emulator.backoff import Backoff
from emulator.engine.storage.staging import Staging
from emulator.engine.writing import materializing
from emulator.errors import IngestionFault, KustoError

LARGEST = 2**63 - 1
OVERFLOW = "A value cannot be computed: 9223372036854775807 + {} is beyond the range of long"
NEVER = Backoff(3600.0, 3600.0)
pytestmark = pytest.mark.slow
TABLE = ".create table T (Id: long, S: string, N: long)"


@pytest.fixture(autouse=True)
def no_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave it to each test when views try to catch up."""
    monkeypatch.setattr(materializing, "BACKOFF", NEVER)


@pytest.fixture
def eventhouse(empty_database: Eventhouse) -> Iterator[Eventhouse]:
    empty_database.command(TABLE)
    yield empty_database
    for name in reversed([name for (name, *_) in health(empty_database)]):
        empty_database.command(f".drop materialized-view {name}")


def define(eventhouse: Eventhouse, name: str, query: str, source: str = "table T") -> None:
    eventhouse.command(f".create materialized-view {name} on {source} {{ {query} }}")


def store(eventhouse: Eventhouse, *rows: tuple[int, str, int], table: str = "T") -> int:
    lines = [json.dumps(dict(zip(("Id", "S", "N"), row, strict=True))) for row in rows]
    return eventhouse.ingest(table, "\n".join(lines).encode(), format="json")


def rows(eventhouse: Eventhouse, text: str) -> list[tuple[object, ...]]:
    return sorted(eventhouse.query(text)[0].rows(), key=repr)


def health(eventhouse: Eventhouse) -> list[tuple[object, ...]]:
    text = ".show materialized-views | project Name, LastRunResult, IsHealthy, IsEnabled"
    return list(eventhouse.command(text).rows())


def details(eventhouse: Eventhouse, name: str) -> list[object]:
    return [row["Details"] for row in eventhouse.command(f".show materialized-view {name} failures").records()]


def materialized_to(eventhouse: Eventhouse, name: str) -> object:
    return eventhouse.command(f".show materialized-view {name} | project MaterializedTo").records()[0]["MaterializedTo"]


POISON = [(7, "a", LARGEST), (8, "b", 1), (9, "a", 1)]
FAILING = {
    "a sum": ("T | summarize sum(N) by S", [("a", 3), ("b", 2)]),
    "a sum of many groups": ("T | summarize sum(N), count() by S", [("a", 3, 2), ("b", 2, 1)]),
    "a value": ("T | extend M = N + 2 | summarize max(M) by S", [("a", 4), ("b", 4)]),
    "a key": ("T | summarize count() by K = N + 2", [(3, 1), (4, 2)]),
    "a recomputed group": ("T | extend M = N + 2 | summarize dcount(M) by S", [("a", 2), ("b", 1)]),
    "a first row": ("T | extend M = N + 2 | summarize take_any(*) by Id",
        [(1, "a", 1, 3), (2, "a", 2, 4), (3, "b", 2, 4)]),
    "a row that is no single one": ("T | mv-expand X = range(0, N + 2, N + 1) to typeof(long) | summarize count() by S",
        [("a", 4), ("b", 2)]),
}  # fmt: skip


@pytest.mark.parametrize("one_by_one", [True, False], ids=["one by one", "together"])
@pytest.mark.parametrize("name", FAILING)
def test_a_view_that_cannot_compute_a_row_falls_behind_and_no_row_is_refused(
    eventhouse: Eventhouse, name: str, one_by_one: bool
) -> None:
    query, before = FAILING[name]
    define(eventhouse, "V", query)
    define(eventhouse, "Counts", "T | summarize count() by S")
    store(eventhouse, (1, "a", 1), (2, "a", 2), (3, "b", 2))
    assert rows(eventhouse, "V") == before
    position = materialized_to(eventhouse, "V")
    for batch in [[row] for row in POISON] if one_by_one else [POISON]:
        assert store(eventhouse, *batch) == len(batch)
    assert rows(eventhouse, "T") == [(1, "a", 1), (2, "a", 2), (3, "b", 2), *POISON]
    assert rows(eventhouse, "Counts") == [("a", 4), ("b", 2)]
    assert rows(eventhouse, "V") == before
    assert rows(eventhouse, "materialized_view('V')") == before
    assert health(eventhouse) == [("V", "Failed", False, True), ("Counts", "Completed", True, True)]
    assert materialized_to(eventhouse, "V") == position
    (failure,) = eventhouse.command(".show materialized-view V failures").records()
    assert (failure["Name"], failure["LastSuccessRun"]) == ("V", position)
    assert str(failure["Details"]).startswith("A value cannot be computed: ")
    assert details(eventhouse, "Counts") == []
    # It can go on when the row is left out: with all rows that it has missed, and with none twice.
    eventhouse.command(f".alter materialized-view V on table T {{ {query.replace('T |', 'T | where N < 1000 |', 1)} }}")
    assert health(eventhouse)[0] == ("V", "Completed", True, True)
    assert details(eventhouse, "V") == []
    good = "T | where Id != 7"
    assert rows(eventhouse, "V") == rows(eventhouse, query.replace("T", good, 1))
    store(eventhouse, (10, "c", 5))
    assert rows(eventhouse, "V") == rows(eventhouse, query.replace("T", good, 1))


def test_views_over_a_view_that_is_behind_follow_it(eventhouse: Eventhouse) -> None:
    define(eventhouse, "Unique", "T | extend M = N + 2 | summarize take_any(*) by Id")
    define(eventhouse, "Sums", "Unique | summarize count() by S", "materialized-view Unique")
    store(eventhouse, (1, "a", 1))
    store(eventhouse, (2, "a", LARGEST))
    store(eventhouse, (3, "a", 3))
    assert rows(eventhouse, "Sums") == [("a", 1)]
    assert health(eventhouse) == [("Unique", "Failed", False, True), ("Sums", "Failed", False, True)]
    reason = OVERFLOW.format(2)
    assert details(eventhouse, "Unique") == [reason]
    assert details(eventhouse, "Sums") == [f"Its source, materialized view 'Unique', is behind: {reason}"]
    assert materialized_to(eventhouse, "Sums") == materialized_to(eventhouse, "Unique")
    query = "T | where N < 9 | extend M = N + 2 | summarize take_any(*) by Id"
    eventhouse.command(f".alter materialized-view Unique on table T {{ {query} }}")
    assert rows(eventhouse, "Sums") == [("a", 2)]
    assert health(eventhouse) == [("Unique", "Completed", True, True), ("Sums", "Completed", True, True)]


def test_a_view_over_a_view_falls_behind_alone(eventhouse: Eventhouse) -> None:
    define(eventhouse, "Unique", "T | summarize take_any(*) by Id")
    define(eventhouse, "Sums", "Unique | summarize sum(N) by S", "materialized-view Unique")
    define(eventhouse, "Counts", "Unique | summarize count() by S", "materialized-view Unique")
    store(eventhouse, (1, "a", 1))
    store(eventhouse, (2, "a", LARGEST))
    store(eventhouse, (2, "a", LARGEST), (3, "a", -2))
    assert rows(eventhouse, "Unique") == [(1, "a", 1), (2, "a", LARGEST), (3, "a", -2)]
    assert rows(eventhouse, "Sums") == [("a", 1)]
    assert rows(eventhouse, "Counts") == [("a", 3)]
    assert [row[:3] for row in health(eventhouse)] == [
        ("Unique", "Completed", True),
        ("Sums", "Failed", False),
        ("Counts", "Completed", True),
    ]
    # All that it has missed is less than what was too much for it.
    eventhouse.command(".disable materialized-view Sums")
    assert materialized_to(eventhouse, "Sums") != materialized_to(eventhouse, "Unique")
    store(eventhouse, (4, "a", 1))
    eventhouse.command(".enable materialized-view Sums")
    assert rows(eventhouse, "Sums") == [("a", LARGEST)]
    assert health(eventhouse)[1] == ("Sums", "Completed", True, True)


def test_what_a_view_cannot_catch_up_with_is_told_by_the_command(eventhouse: Eventhouse) -> None:
    define(eventhouse, "V", "T | summarize sum(N) by S")
    store(eventhouse, (1, "a", LARGEST))
    store(eventhouse, (2, "a", 1))
    eventhouse.command(".disable materialized-view V")
    with pytest.raises(KustoError, match=re.escape(OVERFLOW.format(1))):
        eventhouse.command(".enable materialized-view V")
    assert health(eventhouse) == [("V", "Failed", False, False)]
    eventhouse.command(".clear materialized-view V data")
    store(eventhouse, (3, "a", 5))
    eventhouse.command(".enable materialized-view V")
    assert rows(eventhouse, "V") == [("a", 5)]
    store(eventhouse, (4, "a", LARGEST))
    eventhouse.command(".clear materialized-view V data")
    store(eventhouse, (5, "a", 6))
    assert rows(eventhouse, "V") == [("a", 6)]
    assert health(eventhouse) == [("V", "Completed", True, True)]


def test_a_view_whose_query_no_longer_binds_falls_behind(eventhouse: Eventhouse) -> None:
    eventhouse.command(".create function F() { T | where N > 0 }")
    define(eventhouse, "Unique", "T | summarize take_any(*) by Id")
    define(eventhouse, "V", "F() | summarize count() by S")
    eventhouse.command(".create function G(s: string) { strlen(s) }")
    define(eventhouse, "W", "Unique | summarize count() by L = G(S)", "materialized-view Unique")
    store(eventhouse, (1, "a", 1))
    eventhouse.command(".drop functions (F, G)")
    assert store(eventhouse, (2, "a", 1)) == 1
    assert rows(eventhouse, "Unique") == [(1, "a", 1), (2, "a", 1)]
    assert [row[:3] for row in health(eventhouse)] == [
        ("Unique", "Completed", True),
        ("V", "Failed", False),
        ("W", "Failed", False),
    ]
    eventhouse.command(".create function F() { T | where N > 0 }")
    eventhouse.command(".create function G(s: string) { strlen(s) }")
    for name in ("V", "W"):
        eventhouse.command(f".disable materialized-view {name}")
        eventhouse.command(f".enable materialized-view {name}")
    assert rows(eventhouse, "V") == [("a", 2)]
    assert rows(eventhouse, "W") == [(1, 2)]


def test_a_table_under_a_view_that_is_behind_can_be_altered(eventhouse: Eventhouse) -> None:
    query = "T | summarize arg_max(Id + N, *) by S"
    eventhouse.command(f".create materialized-view with (autoUpdateSchema = true) V on table T {{ {query} }}")
    store(eventhouse, (1, "a", 1))
    store(eventhouse, (1, "a", LARGEST))
    eventhouse.command(".alter-merge table T (More: string)")
    store(eventhouse, (2, "b", 1))
    assert rows(eventhouse, "V | project S, N, More") == [("a", 1, "")]
    assert health(eventhouse) == [("V", "Failed", False, True)]


def test_views_try_again_by_themselves(eventhouse: Eventhouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(materializing, "BACKOFF", Backoff(0.005, 0.02))
    define(eventhouse, "V", "T | summarize sum(N) by S")
    store(eventhouse, (1, "a", LARGEST))
    store(eventhouse, (2, "a", 10))
    trying = eventhouse._core._materializing._thread
    assert trying is not None
    store(eventhouse, (3, "a", -11))
    # It ends when no view is behind.
    trying.join(20)
    assert not trying.is_alive()
    assert health(eventhouse) == [("V", "Completed", True, True)]
    assert rows(eventhouse, "V") == [("a", LARGEST - 1)]


def test_a_view_that_is_behind_stays_so_and_catches_up_in_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eventhouse = Eventhouse.open(tmp_path)
    eventhouse.command(TABLE)
    define(eventhouse, "V", "T | summarize sum(N) by S")
    store(eventhouse, (1, "a", LARGEST))
    store(eventhouse, (2, "a", 10), (3, "b", 1))
    position = materialized_to(eventhouse, "V")
    eventhouse.close()
    eventhouse = Eventhouse.open(tmp_path)
    assert health(eventhouse) == [("V", "Failed", False, True)]
    assert materialized_to(eventhouse, "V") == position
    assert details(eventhouse, "V") == [OVERFLOW.format(10)]
    store(eventhouse, (4, "a", -11))
    assert rows(eventhouse, "V") == [("a", LARGEST)]
    eventhouse.close()
    monkeypatch.setattr(materializing, "BACKOFF", Backoff(0.005, 0.02))
    eventhouse = Eventhouse.open(tmp_path)
    trying = eventhouse._core._materializing._thread
    if trying is not None:
        trying.join(20)
    assert health(eventhouse) == [("V", "Completed", True, True)]
    assert rows(eventhouse, "V") == [("a", LARGEST - 1), ("b", 1)]
    eventhouse.close()


@pytest.mark.parametrize("seed", range(5))
def test_whatever_it_fails_on_and_whenever_it_catches_up_a_view_equals_its_query(
    eventhouse: Eventhouse, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    queries = {
        "Sums": ("table T", "T | summarize sum(N * 2), count() by S"),
        "Unique": ("table T", "T | extend M = N + 1 | summarize take_any(*) by Id"),
        "Over": ("materialized-view Unique", "Unique | summarize sum(M), count() by S"),
        "Recomputed": ("table T", "T | summarize dcount(Id + N) by S"),
    }
    for name, (source, query) in queries.items():
        define(eventhouse, name, query, source)
    for number in range(0, 400, 10):
        batch = [(number + n, chance.choice("ab"), n) for n in range(chance.choice((1, 1, 3)))]
        if chance.random() < 0.2:
            batch[-1] = (number + len(batch), "a", LARGEST)
        assert store(eventhouse, *batch) == len(batch)
        if chance.random() < 0.3:
            try_again(eventhouse, chance.choice(list(queries)))
    assert [row[0] for row in health(eventhouse) if row[2]] in ([], ["Over"])
    for name, (source, query) in queries.items():
        kept = query.replace("T |", "T | where N < 1000 |")
        eventhouse.command(f".alter materialized-view {name} on {source} {{ {kept} }}")
        try_again(eventhouse, name)
    assert health(eventhouse) == [(name, "Completed", True, True) for name in queries]
    for name, (_, query) in queries.items():
        assert rows(eventhouse, name) == rows(eventhouse, query.replace("T |", "T | where N < 1000 |")), name


def try_again(eventhouse: Eventhouse, name: str) -> None:
    """Let a view that is behind, or was left disabled here, catch up if it can."""
    (_, _, is_healthy, is_enabled) = next(row for row in health(eventhouse) if row[0] == name)
    if is_enabled and not is_healthy:
        eventhouse.command(f".disable materialized-view {name}")
        is_enabled = False
    if not is_enabled:
        with suppress(KustoError):
            eventhouse.command(f".enable materialized-view {name}")


def policy(eventhouse: Eventhouse, target: str, source: str, query: str, *, is_transactional: bool = False) -> None:
    text = json.dumps([{"Source": source, "Query": query, "IsTransactional": is_transactional}])
    eventhouse.command(f".alter table {target} policy update ```{text}```")


def failures(eventhouse: Eventhouse) -> list[tuple[object, ...]]:
    return list(eventhouse.command(".show ingestion failures | project Table, Details").rows())


def test_a_transactional_policy_behind_one_that_is_not_fails_that_ones_rows_alone(eventhouse: Eventhouse) -> None:
    for name in ("First", "Second"):
        eventhouse.command(f".create table {name} (Id: long, S: string, N: long)")
    policy(eventhouse, "First", "T", "T")
    policy(eventhouse, "Second", "First", "First | extend N = N + 1", is_transactional=True)
    assert store(eventhouse, (1, "a", LARGEST)) == 1
    assert store(eventhouse, (2, "a", 1)) == 1
    assert (rows(eventhouse, "T"), rows(eventhouse, "First")) == ([(1, "a", LARGEST), (2, "a", 1)], [(2, "a", 1)])
    assert rows(eventhouse, "Second") == [(2, "a", 2)]
    reason = f"The update policy of table 'Second' failed: {OVERFLOW.format(1)}"
    assert failures(eventhouse) == [("First", reason)]
    policy(eventhouse, "First", "T", "T", is_transactional=True)
    with pytest.raises(IngestionFault, match="The update policy of table 'Second' failed"):
        store(eventhouse, (3, "a", LARGEST))
    assert rows(eventhouse, "T") == [(1, "a", LARGEST), (2, "a", 1)]


@pytest.mark.parametrize("is_transactional", [True, False])
def test_a_disk_that_fails_is_no_failure_of_a_policy(
    eventhouse: Eventhouse, monkeypatch: pytest.MonkeyPatch, is_transactional: bool
) -> None:
    eventhouse.command(".create table Target (Id: long, S: string, N: long)")
    policy(eventhouse, "Target", "T", "T", is_transactional=is_transactional)

    def fail(*_: object) -> int:
        raise duckdb.IOException("IO Error: Could not write file: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Staging, "stage", fail)
        with pytest.raises(KustoError, match="TH_DiskFull"):
            store(eventhouse, (1, "a", 1))
    assert store(eventhouse, (1, "a", 1)) == 1
    assert rows(eventhouse, "Target") == [(1, "a", 1)]
    assert failures(eventhouse) == []
