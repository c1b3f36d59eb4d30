"""Views that are made over views, altered or enabled: filled beside the writer, and equal to their queries after it."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from emulator import Eventhouse
from emulator.engine.storage.computed import ComputedRows
from emulator.errors import CancelFault
from emulator.work import Work
from tests.emulator.engine.endless import PROMPT_SECONDS

pytestmark = pytest.mark.slow

QUERIES = {
    "merge": "T | summarize n = count(), s = sum(X) by k = Id % 3",
    "recompute": "T | summarize n = dcount(X), m = max(X) by k = Id % 3",
    "deduplicate": "T | summarize take_any(*) by Id",
    "extreme": "T | where X > 5 | summarize arg_max(X, *) by k = Id % 2",
    "no keys": "T | summarize n = dcount(X), m = sum(X)",
}
OF_VIEWS = {
    "merge": "U | summarize n = count(), s = sum(X) by k = Id % 3",
    "recompute": "U | summarize n = dcount(X) by k = Id % 3",
    "deduplicate": "U | summarize take_any(*) by Id = Id % 5",
}
# Each keeps groups and types, and the parts of its groups are others.
ALTERED = {
    "to recompute": ("T | summarize n = count() by k = Id % 3", "T | summarize n = dcount(X) by k = Id % 3"),
    "to merge": ("T | summarize n = dcount(X) by k = Id % 3", "T | summarize n = count() by k = Id % 3"),
    "to other parts": ("T | summarize n = max(X) by k = Id % 3", "T | summarize n = take_any(X % 1) by k = Id % 3"),
}


@pytest.fixture
def eventhouse() -> Iterator[Eventhouse]:
    opened = Eventhouse.open(None)
    opened.command(".create table T (Id: long, X: long)")
    opened.command(".set-or-append T <| range Id from 1 to 20 step 1 | extend X = Id * 10")
    yield opened
    opened.close()


class Meanwhile:
    """Does something once, when groups have been computed and are not stored yet; the writer has to be free for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.action: Callable[[], object] | None = None
        self.computed = 0
        fill = ComputedRows.fill

        def filled(rows: ComputedRows, connection: object, sql: str, values: Mapping[str, object]) -> None:
            fill(rows, connection, sql, values)  # type: ignore[arg-type]  # as it was called
            self.computed += 1
            action, self.action = self.action, None
            if action is not None:
                action()

        monkeypatch.setattr(ComputedRows, "fill", filled)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    return Meanwhile(monkeypatch)


def ingest(eventhouse: Eventhouse, *rows: str) -> Callable[[], object]:
    return lambda: eventhouse.ingest("T", "\n".join(rows).encode(), format="csv", work=Work(PROMPT_SECONDS))


def run(eventhouse: Eventhouse, *commands: str) -> Callable[[], object]:
    return lambda: [eventhouse.command(each, work=Work(PROMPT_SECONDS)) for each in commands]


def rows(eventhouse: Eventhouse, text: str) -> list[str]:
    return sorted(map(repr, eventhouse.query(text)[0].rows()))


def check(eventhouse: Eventhouse, view: str, query: str) -> None:
    """Compare a view with its query, now and after further batches; any row of a group may stand for it."""
    for _ in range(2):
        if "take_any" in query:
            key = query.rpartition(" by ")[2].partition(" = ")[0]
            assert rows(eventhouse, f"{view} | project {key}") == rows(eventhouse, f"{query} | project {key}")
        else:
            assert rows(eventhouse, view) == rows(eventhouse, query)
        eventhouse.command(".append T <| T | extend Id = Id + 1, X = X + 3")
    healthy = ".show materialized-views | project IsHealthy, IsEnabled | distinct IsHealthy, IsEnabled"
    assert eventhouse.command(healthy).records() == [{"IsHealthy": True, "IsEnabled": True}]


@pytest.mark.parametrize("name", OF_VIEWS)
@pytest.mark.parametrize(("between", "times"), [("nothing", 1), ("rows", 1), ("cleared", 2), ("behind", 1)])
def test_a_view_over_a_view_is_filled_beside_the_writer(
    eventhouse: Eventhouse, meanwhile: Meanwhile, name: str, between: str, times: int
) -> None:
    run(eventhouse, ".create materialized-view with (backfill=true) U on table T { T | summarize take_any(*) by Id }")()
    actions = {
        "rows": ingest(eventhouse, "3,77", "40,5", "41,6", "21,99"),
        "cleared": run(eventhouse, ".clear materialized-view U data"),
        "behind": run(
            eventhouse,
            ".disable materialized-view U",
            ".ingest inline into table T <| 50,51",
            ".enable materialized-view U",
        ),
    }
    meanwhile.computed, meanwhile.action = 0, actions.get(between)
    run(eventhouse, f".create materialized-view with (backfill=true) V on materialized-view U {{ {OF_VIEWS[name]} }}")()
    assert meanwhile.computed == times + (between == "behind")
    check(eventhouse, "V", OF_VIEWS[name])


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize(("between", "times"), [("nothing", 1), ("rows", 1), ("replaced", 2)])
def test_a_view_that_is_enabled_gains_beside_the_writer_what_it_has_missed(
    eventhouse: Eventhouse, meanwhile: Meanwhile, name: str, between: str, times: int
) -> None:
    query = QUERIES[name]
    run(eventhouse, f".create materialized-view with (backfill=true) V on table T {{ {query} }}")()
    run(eventhouse, ".disable materialized-view V")()
    ingest(eventhouse, "3,30", "30,1", "31,2", "3,300")()
    actions = {
        "rows": ingest(eventhouse, "3,77", "40,5", "41,6", "30,99"),
        # What the view has of rows that are gone it keeps, unless it is aggregated anew.
        "replaced": run(eventhouse, ".set-or-replace T <| T | extend X = X + 0"),
    }
    meanwhile.computed, meanwhile.action = 0, actions.get(between)
    run(eventhouse, ".enable materialized-view V")()
    assert meanwhile.computed == times + (between == "replaced")
    if between == "replaced" and name == "merge":
        # Twice what it had: the rows were stored again after it was disabled.
        total = f"({query} | project k, n, s) | union (range Id from 1 to 20 step 1 | extend X = Id * 10 | {query[4:]})"
        query = f"{total} | summarize n = sum(n), s = sum(s) by k"
        assert rows(eventhouse, "V") == rows(eventhouse, query)
    else:
        check(eventhouse, "V", query)


def test_views_over_one_that_is_enabled_follow(eventhouse: Eventhouse, meanwhile: Meanwhile) -> None:
    for command in (
        ".create materialized-view with (backfill=true) U on table T { T | summarize take_any(*) by Id }",
        f".create materialized-view with (backfill=true) V on materialized-view U {{ {OF_VIEWS['merge']} }}",
        ".disable materialized-view U",
    ):
        eventhouse.command(command)
    ingest(eventhouse, "3,30", "30,1", "31,2")()
    meanwhile.action = ingest(eventhouse, "30,1", "32,3")
    eventhouse.command(".enable materialized-view U")
    check(eventhouse, "V", OF_VIEWS["merge"])
    check(eventhouse, "U", QUERIES["deduplicate"])


@pytest.mark.parametrize("name", ALTERED)
@pytest.mark.parametrize(("between", "times"), [("nothing", 1), ("rows", 1), ("replaced", 2), ("disabled", 1)])
def test_a_view_that_is_altered_is_aggregated_beside_the_writer(
    eventhouse: Eventhouse, meanwhile: Meanwhile, name: str, between: str, times: int
) -> None:
    before, after = ALTERED[name]
    run(eventhouse, f".create materialized-view with (backfill=true) V on table T {{ {before} }}")()
    if between == "disabled":
        run(eventhouse, ".disable materialized-view V")()
        ingest(eventhouse, "3,77", "40,5")()
    actions = {
        "rows": ingest(eventhouse, "3,77", "40,5", "41,6", "30,99"),
        "replaced": run(eventhouse, ".clear table T data", ".ingest inline into table T <| 7,70"),
    }
    meanwhile.computed, meanwhile.action = 0, actions.get(between)
    run(eventhouse, f".alter materialized-view V on table T {{ {after} }}")()
    assert meanwhile.computed == times
    if between == "disabled":
        # It covers what it did before, and gets the rest when it is enabled.
        assert rows(eventhouse, "V") == rows(eventhouse, after.replace("T |", "T | where Id <= 20 and X != 77 |", 1))
        run(eventhouse, ".enable materialized-view V")()
    check(eventhouse, "V", after)


def test_a_view_that_views_are_built_on_is_altered_in_turn(eventhouse: Eventhouse, meanwhile: Meanwhile) -> None:
    run(
        eventhouse,
        ".create materialized-view with (backfill=true) U on table T { T | summarize take_any(*) by Id }",
        f".create materialized-view with (backfill=true) V on materialized-view U {{ {OF_VIEWS['merge']} }}",
    )()
    meanwhile.computed = 0
    run(eventhouse, ".alter materialized-view U on table T { T | where X > 0 | summarize take_any(*) by Id }")()
    # Its groups have the same columns, and move over.
    assert meanwhile.computed == 0
    check(eventhouse, "V", OF_VIEWS["merge"])


def test_nothing_is_aggregated_for_a_query_with_the_same_columns(eventhouse: Eventhouse, meanwhile: Meanwhile) -> None:
    run(eventhouse, f".create materialized-view with (backfill=true) V on table T {{ {QUERIES['merge']} }}")()
    held, meanwhile.computed = rows(eventhouse, "V"), 0
    text = "T | summarize n = count(), s = sum(X + 1) by k = Id % 3"
    run(eventhouse, f".create-or-alter materialized-view V on table T {{ {text} }}")()
    assert meanwhile.computed == 0
    assert rows(eventhouse, "V") == held


@pytest.mark.parametrize("command", ["enable", "alter"])
def test_ingestion_goes_on_beside_an_aggregation_that_takes_long(
    eventhouse: Eventhouse, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = ALTERED["to recompute"]
    run(eventhouse, f".create materialized-view with (backfill=true) V on table T {{ {before} }}")()
    text = f".alter materialized-view V on table T {{ {after} }}"
    if command == "enable":
        run(eventhouse, ".disable materialized-view V")()
        text, after = ".enable materialized-view V", before
    held, work, begun = rows(eventhouse, "V"), Work(), threading.Event()

    def stand_still(*_: object) -> None:
        begun.set()
        while not work.is_over:
            time.sleep(0.005)
        work.check()

    with monkeypatch.context() as patched, ThreadPoolExecutor(1) as pool:
        patched.setattr(ComputedRows, "fill", stand_still)
        heavy = pool.submit(eventhouse.command, text, work=work)
        assert begun.wait(PROMPT_SECONDS)
        assert [ingest(eventhouse, f"{number},1")() for number in range(50, 55)] == [1] * 5
        assert not heavy.done()
        work.cancel("enough")
        with pytest.raises(CancelFault, match="enough"):
            heavy.result(PROMPT_SECONDS)
    if command == "enable":
        assert rows(eventhouse, "V") == held
    else:
        assert rows(eventhouse, "V") == rows(eventhouse, before)
    run(eventhouse, text)()
    check(eventhouse, "V", after)
