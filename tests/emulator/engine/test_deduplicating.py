"""Views of the first row of each key: each event once, whatever comes again, and nothing in memory that only grows."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from emulator import Eventhouse
from emulator.engine.session import budget
from emulator.engine.session.session import Session
from emulator.engine.storage import known_groups, known_keys
from emulator.engine.storage.known_groups import KnownGroups
from emulator.engine.storage.known_keys import Span
from emulator.engine.storage.transaction import Transaction
from emulator.engine.writing import writer
from emulator.errors import KustoError

WHOLE = Span(datetime(1970, 1, 1), datetime(9999, 1, 1))  # noqa: DTZ001 - ingestion times have no zone
DEFINITION = (
    ".create table E (Id: long, Name: string)",
    ".create materialized-view Once on table E { E | summarize take_any(*) by Id }",
    ".create materialized-view Names on materialized-view Once { Once | summarize count() by Name }",
)


class Feed:
    """An Eventhouse with the view, and what the view has to hold."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.eventhouse = Eventhouse.open(folder)
        self.expected: dict[int, str] = {}
        self.batches = 0

    def define(self, properties: str = "") -> None:
        for command in DEFINITION:
            self.eventhouse.command(
                command.replace("materialized-view Once on", f"materialized-view {properties} Once on")
            )

    def add(self, ids: Iterable[int], *, again: bool = False) -> None:
        """Ingest rows of these ids, named after the batch; with `again` those of known ids are to count too."""
        self.batches += 1
        rows = [(each, f"b{self.batches}") for each in ids]
        lines = "\n".join(f'{{"Id": {each}, "Name": "{name}"}}' for each, name in rows)
        self.eventhouse.ingest("E", lines.encode(), format="json")
        for each, name in rows:
            if again:
                self.expected[each] = name
            else:
                self.expected.setdefault(each, name)

    def check(self) -> None:
        """Compare what the view holds, and the one over it, with what they have to."""
        kept = self.eventhouse.query("Once | sort by Id asc")[0].rows()
        assert list(kept) == sorted(self.expected.items())
        names = Counter(self.expected.values())
        assert list(self.eventhouse.query("Names | sort by Name asc")[0].rows()) == sorted(names.items())

    def reopen(self) -> None:
        self.eventhouse.close()
        self.eventhouse = Eventhouse.open(self.folder)

    def parts(self) -> str:
        return self.eventhouse._core.database("NetDefaultDB").views["Once"].parts

    def indexes(self) -> list[str]:
        """Return the tables that have an index, by the views that they hold."""
        views = self.eventhouse._core.database("NetDefaultDB").views.values()
        names = {view.parts: view.name for view in views}
        found: list[tuple[str]] = self.eventhouse._core.writer.change(
            lambda transaction: transaction.connection.execute("SELECT table_name FROM duckdb_indexes()").fetchall()
        )
        return [names[name] for (name,) in found]


@pytest.fixture
def feed() -> Iterator[Feed]:
    made = Feed()
    made.define()
    yield made
    made.eventhouse.close()


@pytest.fixture
def kept_feed(tmp_path: Path) -> Iterator[Feed]:
    made = Feed(tmp_path)
    yield made
    made.eventhouse.close()


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the relations whose hashes are read, in a list that grows."""
    found: list[str] = []
    load = KnownGroups.load_keys

    def noted(groups: KnownGroups, relation: str, since: datetime | None) -> None:
        found.append(relation)
        load(groups, relation, since)

    monkeypatch.setattr(KnownGroups, "load_keys", noted)
    return found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Return what sets the time of ingestion, counted from a start."""
    start = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)

    def set_to(after: timedelta) -> None:
        monkeypatch.setattr(writer, "utc_now", lambda: start + after)

    set_to(timedelta())
    return set_to


@pytest.mark.slow
@pytest.mark.parametrize("way", ["as it is", "small sections", "everything is searched"])
def test_the_first_row_of_a_key_stays_whatever_comes_again(
    kept_feed: Feed, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "small sections":
        monkeypatch.setattr(known_keys, "SECTION", 500)
        monkeypatch.setattr(known_groups, "_ROWS", 2_048)
    if way == "everything is searched":
        monkeypatch.setattr(KnownGroups, "spans", lambda *_: [WHOLE])
    feed = kept_feed
    feed.define()
    batches: tuple[Iterable[int], ...] = (
        *([1], [1], [2], [1, 2, 2, 3, 3], [4, 5], [5, 4], range(2, 300), [299], [301, 17], [301]),
        *(range(250, 6_000), range(6_000), [5_999], [6_000, 250], [9_000], [9_000, 1]),
    )
    for number, ids in enumerate(batches):
        feed.add(ids)
        if number in (3, 9, 12):
            feed.reopen()
    feed.check()
    feed.reopen()
    for ids in ([9_000, 9_001], [3], [9_001], range(9_100)):
        feed.add(ids)
    feed.check()


@pytest.mark.slow
def test_a_batch_that_is_taken_back_is_stored_when_it_comes_again(feed: Feed) -> None:
    feed.eventhouse.command(".create table F (Id: long, Name: string)")
    policy = [{"Source": "E", "Query": 'E | where assert(Id > 0, "not above zero")', "IsTransactional": True}]
    feed.eventhouse.command(f".alter table F policy update @'{json.dumps(policy)}'")
    for before in ((), (1, 2)):
        feed.add(before)
        for ids in ([3, -1], range(-5, 5_000)):
            batches, expected = feed.batches, dict(feed.expected)
            with pytest.raises(KustoError):
                feed.add(ids)
            feed.batches, feed.expected = batches, expected
            feed.check()
    feed.add([3])
    feed.add(range(1, 5_010))
    feed.check()


@pytest.mark.slow
def test_an_index_over_a_view_is_only_where_groups_are_merged(kept_feed: Feed) -> None:
    feed = kept_feed
    feed.define()
    feed.add([1, 2])
    assert feed.indexes() == ["Names"]
    parts = feed.parts()

    def index_as_before(transaction: Transaction) -> None:
        transaction.connection.execute(f'CREATE INDEX "{parts}$index" ON "{parts}" ("$key")')

    feed.eventhouse._core.writer.change(index_as_before)
    assert sorted(feed.indexes()) == ["Names", "Once"]
    for _ in range(2):
        feed.reopen()
        assert feed.indexes() == ["Names"]
        feed.add([2, 3])
        feed.add([3])
    feed.check()


@pytest.mark.slow
def test_the_hashes_of_a_view_are_read_once_whatever_else_changes(feed: Feed, loads: list[str]) -> None:
    feed.add([1, 2])
    parts = feed.parts()
    feed.eventhouse.command(".create table Other (X: long)")
    feed.add([2, 3])

    def fail(transaction: Transaction) -> None:
        raise KustoError("taken back")

    with pytest.raises(KustoError, match="taken back"):
        feed.eventhouse._core.writer.change(fail)
    feed.add([3])
    feed.check()
    assert loads == [parts]
    feed.eventhouse.command(".drop materialized-view Names")
    feed.eventhouse.command(".drop materialized-view Once")
    for command in DEFINITION[1:]:
        feed.eventhouse.command(command)
    feed.expected.clear()
    feed.add([3, 4])
    feed.add([4])
    feed.check()
    assert loads == [parts, feed.parts()]
    assert list(feed.eventhouse._core.writer._groups._keys) == [feed.parts()]


@pytest.mark.slow
def test_a_batch_is_searched_for_only_where_the_filter_says_so(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []
    run = Session.run

    def noted(session: Session, sql: str, times: dict[str, datetime], rows: int | None = None) -> int:
        count = run(session, sql, times, rows)
        if {"first", "last"} == set(times):
            searched.append(count)
        return count

    monkeypatch.setattr(Session, "run", noted)
    for ids in ([1], [2, 3], range(10, 5_000), [4], range(6, 10)):
        feed.add(ids)
    assert searched == []
    feed.add([1])
    feed.add([1, 4, 5])
    feed.add(range(5_100))
    assert searched == [1, 2, 4_999]
    feed.check()


@pytest.mark.slow
def test_no_view_fails_for_the_time_of_reading_its_hashes(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = [0.0]
    monkeypatch.setattr(budget, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + ahead[0]))
    load, times = KnownGroups.load_keys, []

    def long(groups: KnownGroups, relation: str, since: datetime | None) -> None:
        load(groups, relation, since)
        ahead[0] += 100
        times.append(relation)

    monkeypatch.setattr(KnownGroups, "load_keys", long)
    # After the step of a view over it, its own would have time again.
    feed.eventhouse.command(".drop materialized-view Names")
    feed.add([1, 2])
    assert list(feed.eventhouse.query("Once | sort by Id asc")[0].rows()) == [(1, "b1"), (2, "b1")]
    # A view that had fallen behind would have caught up in a moment, and read them again.
    assert times == [feed.parts()]
    failures = ".show materialized-view Once failures"
    assert list(feed.eventhouse.command(failures).rows()) == []


@pytest.mark.slow
def test_cleared_rows_may_come_again(feed: Feed) -> None:
    feed.add([1, 2, 3])
    feed.eventhouse.command(".clear materialized-view Once data")
    feed.eventhouse.command(".clear materialized-view Names data")
    feed.expected.clear()
    feed.add([2])
    feed.add([2, 4])
    feed.check()


LOOKBACK = "with (lookback = 1h)"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("properties", "kept", "after", "counts_again"),
    [
        (LOOKBACK, 1, timedelta(minutes=59), False),
        (LOOKBACK, 1, timedelta(minutes=61), True),
        (LOOKBACK, 1 << 24, timedelta(days=400), False),
        ("", 1, timedelta(days=400), False),
        ("with (lookback = 1h, lookback_column = 'Name')", 1, timedelta(days=400), False),
        ("with (lookback = 10000000d)", 1, timedelta(days=400), False),
        ("with (lookback = -1h)", 1, timedelta(minutes=1), False),
    ],
)
def test_what_came_before_the_lookback_counts_again_where_too_much_is_known(
    kept_feed: Feed,
    monkeypatch: pytest.MonkeyPatch,
    clock: Callable[[timedelta], None],
    properties: str,
    kept: int,
    after: timedelta,
    counts_again: bool,
) -> None:
    monkeypatch.setattr(known_keys, "SECTION", 4)
    monkeypatch.setattr(known_groups, "_KEPT_KEYS", kept)
    feed = kept_feed
    feed.define(properties)
    feed.add([1, 2, 3, 4])
    clock(after)
    # Hashes are forgotten in whole blocks, of which the first has four here.
    feed.add([10])
    feed.add([1, 11])
    feed.reopen()
    feed.add([1, 2])
    rows = list(feed.eventhouse.query("Once | sort by Id asc, Name asc")[0].rows())
    once = [(1, "b1"), (2, "b1"), (3, "b1"), (4, "b1"), (10, "b2"), (11, "b3")]
    assert rows == sorted([*once, (1, "b3"), (2, "b4")] if counts_again else once)


@pytest.mark.slow
@pytest.mark.parametrize("reopened", [False, True])
def test_a_longer_lookback_finds_what_was_forgotten(
    kept_feed: Feed,
    monkeypatch: pytest.MonkeyPatch,
    clock: Callable[[timedelta], None],
    loads: list[str],
    reopened: bool,
) -> None:
    feed = kept_feed
    feed.define()
    monkeypatch.setattr(known_keys, "SECTION", 4)
    monkeypatch.setattr(known_groups, "_KEPT_KEYS", 1)
    for lookback in ("1h", "2h"):
        feed.eventhouse.command(f".alter materialized-view Once lookback {lookback}")
    feed.add([1, 2, 3, 4])
    clock(timedelta(minutes=121))
    feed.add([10])
    clock(timedelta(minutes=122))
    if reopened:
        feed.reopen()
        feed.add([12])
    feed.eventhouse.command(".alter materialized-view Once lookback 3h")
    feed.add([1, 2, 11])
    feed.check()
    assert loads == [feed.parts()] * (3 if reopened else 2)


@pytest.mark.slow
def test_a_million_rows_at_once_and_again(feed: Feed) -> None:
    run = feed.eventhouse.command
    run(".set-or-append E <| range Id from 1 to 1000000 step 1 | extend Name = 'first'")
    run(".set-or-append E <| range Id from 1000001 to 1200000 step 1 | extend Name = 'second'")
    run(".set-or-append E <| range Id from 500000 to 1500000 step 1 | extend Name = 'third'")
    run(".set-or-append E <| range Id from 1 to 1500000 step 1 | extend Name = 'fourth'")
    counts = [("first", 1_000_000), ("second", 200_000), ("third", 300_000)]
    assert list(feed.eventhouse.query("Names | sort by Name asc")[0].rows()) == counts
    query = "Once | summarize count(), count_distinct(Id), min(Id), max(Id)"
    assert list(feed.eventhouse.query(query)[0].rows()) == [(1_500_000, 1_500_000, 1, 1_500_000)]
