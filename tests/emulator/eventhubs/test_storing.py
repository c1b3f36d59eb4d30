"""How a batch of events is stored of which some cannot be: in which requests, and what of it is told."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from emulator.engine.writing.marks import IMMOVABLE, IMMOVABLE_CODE, StaleMark, Stretch
from emulator.errors import EngineFault, IngestionFault, KustoError
from emulator.eventhubs.data_connection.dead_letters import DeadLetter, DeadLetters
from emulator.eventhubs.data_connection.storing import Destination, PartitionStore, Source
from emulator.eventhubs.hubs.messages import Event

AT = datetime(2026, 3, 2, 15, tzinfo=UTC)
MARK = "c/D/T/trades/monday/0"
REFUSED = IngestionFault("no such number")
HEAVY = EngineFault("too much", "OutOfMemory")


class Table:
    """A table that refuses lines with certain words, and writes down what it is asked to store."""

    def __init__(self, **faults: KustoError) -> None:
        self.faults = faults
        self.trials: list[str] = []
        self.stored: list[tuple[str, Stretch]] = []

    def ingest(
        self,
        table: str,
        data: bytes,
        *,
        format: str,
        mapping: str | None = None,
        database: str | None = None,
        marks: Mapping[str, Stretch] | None = None,
    ) -> int:
        assert (table, format, mapping, database) == ("T", "json", "M", "D")
        assert marks is not None
        ((name, stretch),) = marks.items()
        assert name == MARK
        words = " ".join(json.loads(line)["w"] for line in data.split(b"\n") if line)
        if stretch == IMMOVABLE:
            self.trials.append(words)
        for word, fault in self.faults.items():
            if word in words:
                raise fault
        if stretch == IMMOVABLE:
            raise KustoError("it cannot move", IMMOVABLE_CODE)
        self.stored.append((words, stretch))
        return len(words.split())

    def mark(self, name: str) -> int | None:
        assert name == MARK
        return 10


def event(sequence: int, *words: str) -> Event:
    return Event(sequence, f"{sequence}", AT, None, b"\n".join(json.dumps({"w": word}).encode() for word in words))


def letter(sequence: int, reason: str, *words: str) -> DeadLetter:
    body = event(sequence, *words).body.decode()
    return DeadLetter("trades", "0", sequence, f"{sequence}", AT.isoformat(), None, reason, body, "utf-8")


async def store_of(table: Table) -> tuple[PartitionStore, DeadLetters]:
    letters = DeadLetters(None)
    store = PartitionStore(table, Destination("T", "M", "D"), Source("c", "trades", "monday", "0"), letters)
    assert await store.ask() == 10
    return store, letters


async def test_a_batch_is_one_request_that_moves_the_mark_behind_it() -> None:
    table = Table()
    store, letters = await store_of(table)
    await store.store([event(10, "a", "b"), event(11, "c")])
    await store.store([event(12, "d")])
    assert (table.stored, table.trials) == ([("a b c", Stretch(10, 12)), ("d", Stretch(12, 13))], [])
    assert (store.stored, store.dead_letters, letters.latest()) == (4, 0, ())


async def test_what_is_no_record_is_a_letter_and_the_rest_a_row() -> None:
    table = Table()
    store, letters = await store_of(table)
    odd = Event(10, "10", AT, None, b'{"w": "a"}\nodd')
    await store.store([odd, Event(11, "11", AT, None, b" "), event(12, "c")])
    assert table.stored == [("a c", Stretch(10, 13))]
    assert [(each.sequence, each.reason) for each in letters.latest()] == [
        (10, "1 of 2 lines are no JSON objects"),
        (11, "the event has no body"),
    ]
    assert (store.stored, store.dead_letters) == (2, 2)


async def test_an_event_that_is_refused_is_found_by_halves() -> None:
    table = Table(bad=REFUSED)
    store, letters = await store_of(table)
    await store.store([event(10, "a"), event(11, "b"), event(12, "bad"), event(13, "d")])
    # Before each cut nothing at all is tried: would that be refused, it were not for the events.
    assert (table.stored, table.trials) == (
        [("a b", Stretch(10, 12)), ("", Stretch(12, 13)), ("d", Stretch(13, 14))],
        ["", "", ""],
    )
    assert letters.latest() == (letter(12, "no such number", "bad"),)
    assert (store.stored, store.dead_letters) == (3, 1)


async def test_of_an_event_the_lines_that_can_be_are_stored_and_each_part_is_tried_once() -> None:
    table = Table(bad=REFUSED)
    store, letters = await store_of(table)
    await store.store([event(10, "a", "b", "bad", "d")])
    assert table.stored == [("a b d", Stretch(10, 11))]
    assert table.trials == ["", "a b bad d", "a b", "bad d", "bad", "d"]
    assert letters.latest() == (letter(10, "1 of 4 records are refused: no such number", "a", "b", "bad", "d"),)
    assert (store.stored, store.dead_letters) == (3, 1)


async def test_an_event_of_which_no_line_can_be_stored_is_a_letter() -> None:
    table = Table(bad=REFUSED)
    store, letters = await store_of(table)
    await store.store([event(10, "bad", "bad")])
    assert (table.stored, table.trials) == ([("", Stretch(10, 11))], ["", "bad bad", "bad", "bad"])
    assert letters.latest() == (letter(10, "no such number", "bad", "bad"),)


async def test_lines_that_are_refused_only_together_are_a_letter() -> None:
    table = Table(**{"a c": REFUSED, "bad": REFUSED})
    store, letters = await store_of(table)
    await store.store([event(10, "a", "bad", "c")])
    assert table.stored == [("", Stretch(10, 11))]
    assert letters.latest() == (letter(10, "no such number", "a", "bad", "c"),)
    assert (store.stored, store.dead_letters) == (0, 1)


async def test_an_event_of_too_many_bad_lines_is_given_up() -> None:
    table = Table(bad=REFUSED)
    store, letters = await store_of(table)
    await store.store([event(10, "a", *["bad"] * 200)])
    assert len(table.trials) == 201
    assert table.stored == [("a", Stretch(10, 11))]
    assert [each.reason for each in letters.latest()] == ["200 of 201 records are refused: no such number"]


async def test_where_nothing_can_be_stored_it_is_not_for_the_events() -> None:
    table = Table(**{"": REFUSED})
    store, letters = await store_of(table)
    with pytest.raises(IngestionFault, match="no such number"):
        await store.store([event(10, "a"), event(11, "b")])
    assert (table.stored, table.trials, letters.latest()) == ([], [""], ())


async def test_too_much_at_once_is_cut_and_an_event_that_is_too_much_alone_is_tried_five_times() -> None:
    table = Table(big=HEAVY)
    store, letters = await store_of(table)
    for _ in range(4):
        with pytest.raises(EngineFault):
            await store.store([event(10, "big"), event(11, "b")])
        assert (table.stored, letters.latest()) == ([], ())
    await store.store([event(10, "big"), event(11, "b")])
    assert table.stored == [("", Stretch(10, 11)), ("b", Stretch(11, 12))]
    assert letters.latest() == (letter(10, "too much", "big"),)
    # The next one that is too much begins to count anew.
    with pytest.raises(EngineFault):
        await store.store([event(12, "big")])


@pytest.mark.parametrize(
    "fault", [StaleMark("behind"), EngineFault("the disk is full"), IngestionFault("broken", "UpdatePolicy_BadRequest")]
)
async def test_what_is_neither_for_the_events_nor_for_their_number_is_raised(fault: KustoError) -> None:
    table = Table(a=fault)
    store, letters = await store_of(table)
    with pytest.raises(type(fault), match=fault.message):
        await store.store([event(10, "a"), event(11, "b")])
    assert (table.stored, table.trials, letters.latest()) == ([], [], ())


async def test_a_table_that_breaks_is_an_error_of_the_engine(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Table):
        def ingest(self, *_given: object, **_named: object) -> int:
            raise ZeroDivisionError

    store, _ = await store_of(Broken())
    with pytest.raises(EngineFault) as caught:
        await store.store([event(10, "a")])
    assert (caught.value.message, caught.value.code) == ("the Eventhouse failed: ZeroDivisionError", "TH_Internal")
    # It fails on nothing at all, too.
    assert [record.getMessage() for record in caplog.records] == [
        "the Eventhouse failed on 10 bytes of events",
        "the Eventhouse failed on 0 bytes of events",
    ]
