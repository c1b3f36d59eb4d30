"""What of a data connection is a value: records of a body, dead letters, how far it is and whether it is well."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from emulator.engine.writing.marks import StaleMark
from emulator.errors import EngineFault, IngestionFault, KustoError, LimitFault, ThrottledFault
from emulator.eventhubs.data_connection import dead_letters as module
from emulator.eventhubs.data_connection.dead_letters import DeadLetters, dead_letter
from emulator.eventhubs.data_connection.feed import Reach, check_position, identity_of
from emulator.eventhubs.data_connection.progress import Health, Progress, Trouble, judge
from emulator.eventhubs.data_connection.records import read_records
from emulator.eventhubs.data_connection.refusals import Alone, is_heavy, is_refusal
from emulator.eventhubs.errors import PositionExpired, PositionRejected
from emulator.eventhubs.hubs.messages import Event

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
DEEP = b"[" * 300 + b"]" * 300


def event(body: bytes, sequence: int = 7, key: str | None = "k") -> Event:
    return Event(sequence, f"{sequence * 10}", NOW, key, body)


@pytest.mark.parametrize(
    ("body", "lines", "problem"),
    [
        (b"", (), "the event has no body"),
        (b" \r\n", (), "the event has no body"),
        (b'{"a": 1}', (b'{"a": 1}',), ""),
        # A record is a line, however it is laid out.
        (b'{\r\n "a": 1\n}', (b'{   "a": 1 }',), ""),
        (b'[{"a": 1}, {"b": [2]}]', (b'{"a":1}', b'{"b":[2]}'), ""),
        (b"[]", (), ""),
        (b'[{"a": 1}, 2, "x"]', (b'{"a":1}',), "2 of 3 elements are no objects"),
        (b'[{"a": 1}, {"b": ' + DEEP + b"}]", (b'{"a":1}',), "1 of 2 elements are nested too deep"),
        (
            b'[{"a": 1}, 2, {"b": ' + DEEP + b"}]",
            (b'{"a":1}',),
            "1 of 3 elements are no objects, 1 of 3 elements are nested too deep",
        ),
        (b"1", (), "a record is an object, found a number"),
        (b'"x"', (), "a record is an object, found a string"),
        (b'{"a": 1}\n\n{"b": 2}\r\n', (b'{"a": 1}', b'{"b": 2} '), ""),
        (b'{"a": 1}\nodd\n[1]\n', (b'{"a": 1}',), "2 of 3 lines are no JSON objects"),
        (b"odd", (), "not JSON: unexpected character, expected a JSON value: line 1 column 1 (char 0)"),
        (b"1\n2", (), "not JSON: unexpected content after document: line 2 column 1 (char 2)"),
    ],
)
def test_the_records_of_a_body(body: bytes, lines: tuple[bytes, ...], problem: str) -> None:
    found = read_records(event(body))
    assert (found.event.body, found.lines) == (body, lines)
    assert found.problem == problem


def test_a_dead_letter_is_an_event_with_its_reason_and_a_body_that_is_no_text_in_base64() -> None:
    text = dead_letter("Trades", "0", event("é".encode()), "odd")
    assert text == module.DeadLetter("Trades", "0", 7, "70", "2026-03-02T15:00:00+00:00", "k", "odd", "é", "utf-8")
    found = dead_letter("Trades", "0", event(b"\xff\x00", key=None), "odd")
    assert (found.body, found.encoding, found.partition_key) == ("/wA=", "base64", None)


def test_dead_letters_are_files_one_an_event_and_the_last_of_it_stays(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    first, again, other = (
        dead_letter("Trades", "0", event(b"a"), "first"),
        dead_letter("Trades", "0", event(b"a"), "again"),
        dead_letter("Trades", "1", event(b"b", 12), "other"),
    )
    letters.keep([first])
    letters.keep([again, other])
    letters.keep([])
    files = {str(path.relative_to(tmp_path)): json.loads(path.read_text()) for path in tmp_path.rglob("*.*")}
    assert {name: (each["reason"], each["body"]) for name, each in files.items()} == {
        "trades/0/00000000000000000007.json": ("again", "a"),
        "trades/1/00000000000000000012.json": ("other", "b"),
    }
    assert letters.latest() == (again, other)


def test_as_many_dead_letters_are_kept_in_memory_as_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT_IN_MEMORY", 2)
    letters = DeadLetters(None)
    for number in range(4):
        letters.keep([dead_letter("t", "0", event(b"a", number), "odd")])
    assert [each.sequence for each in letters.latest()] == [2, 3]


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("partitions", "hub", "is_running", "expected"),
    [
        ((), Trouble(), True, Health(True, 0, 0.0)),
        ((Progress("0", 5, 5), Progress("1", 7, 5)), Trouble(), True, Health(True, 0, 0.0)),
        (
            (Progress("0", 5, 8, waiting_since=ago(3)), Progress("1", 0, 2, waiting_since=ago(9))),
            Trouble(),
            True,
            Health(True, 5, 9.0),
        ),
        # Who does not wait counts nothing, and a clock that is behind makes nothing negative.
        ((Progress("0", 5, 5, waiting_since=ago(30)),), Trouble(), True, Health(True, 0, 0.0)),
        ((Progress("0", 5, 6, waiting_since=ago(-4)),), Trouble(), True, Health(True, 1, 0.0)),
        ((Progress("0", 5, 6),), Trouble(), True, Health(True, 1, 0.0)),
        # What lasts no longer than ten seconds may pass.
        ((Progress("0", failure="down", failing_since=ago(10)),), Trouble("gone", ago(10)), True, Health(True, 0, 0.0)),
        (
            (Progress("0", failure="down", failing_since=ago(10.1)), Progress("1", expired=3)),
            Trouble("gone", ago(10.1)),
            False,
            Health(
                False,
                0,
                0.0,
                (
                    "hub: gone",
                    "partition 0: down",
                    "partition 1: retention removed 3 events before they were stored",
                    "the connection does not run",
                ),
            ),
        ),
    ],
)
def test_whether_a_connection_does_its_work(
    partitions: tuple[Progress, ...], hub: Trouble, is_running: bool, expected: Health
) -> None:
    assert judge(iter(partitions), hub, NOW, is_running=is_running) == expected


def test_trouble_lasts_from_its_first_moment_until_it_is_over() -> None:
    trouble = Trouble()
    trouble.note("down", ago(5))
    trouble.note("still down", ago(1))
    assert trouble == Trouble("still down", ago(5))
    trouble.clear()
    assert trouble == Trouble()


@pytest.mark.parametrize(
    ("error", "refusal", "heavy"),
    [
        (IngestionFault("no such number"), True, False),
        (StaleMark("behind"), False, False),
        (IngestionFault("broken", "UpdatePolicy_BadRequest"), False, False),
        (EngineFault("no memory", "OutOfMemory"), False, True),
        (LimitFault("too long", "E_QUERY_TIMEOUT"), False, True),
        (EngineFault("down", "TH_NETWORK"), False, False),
        (ThrottledFault("busy"), False, False),
    ],
)
def test_what_a_fault_means_for_the_events(error: KustoError, refusal: bool, heavy: bool) -> None:
    assert (is_refusal(error), is_heavy(error)) == (refusal, heavy)


def test_an_event_alone_is_hopeless_at_the_fifth_attempt_in_a_row() -> None:
    alone = Alone()
    assert [alone.is_hopeless(7) for _ in range(6)] == [False, False, False, False, True, True]
    assert [alone.is_hopeless(number) for number in (8, 7, 8)] == [False, False, False]


def test_a_position_is_within_what_a_partition_holds() -> None:
    reach = Reach(3, 7)
    for position in (3, 5, 7):
        check_position("0", position, reach)
    with pytest.raises(PositionExpired) as gone:
        check_position("0", 2, reach)
    assert gone.value.begin == 3
    with pytest.raises(PositionRejected) as beyond:
        check_position("0", 8, reach)
    assert str(beyond.value).endswith(
        "the table has the events up to 7, but the log of partition 0 ends with 6: it is not the one that was read"
    )


def test_a_hub_is_known_by_the_moment_it_was_made() -> None:
    moment = datetime(2026, 3, 2, 16, 0, 1, 23_999, tzinfo=UTC)
    assert identity_of(moment) == identity_of(moment.astimezone()) == "2026-03-02T16:00:01.023Z"
