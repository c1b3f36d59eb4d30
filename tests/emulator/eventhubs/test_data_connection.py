"""The data connection: every event once in the table or with the dead letters, whatever happens in between."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from emulator.backoff import Backoff
from emulator.engine.eventhouse import Eventhouse
from emulator.engine.writing.marks import StaleMark, Stretch
from emulator.errors import EngineFault, KustoError
from emulator.eventhubs import EventHubs, Hub, Options
from emulator.eventhubs.data_connection.connection import DataConnection, Destination, Limits, Table
from emulator.eventhubs.data_connection.dead_letters import DeadLetters
from emulator.eventhubs.data_connection.feed import LocalFeed
from emulator.eventhubs.data_connection.storing import Source
from emulator.eventhubs.hubs.log import Retention
from tests.emulator.eventhubs.bridging import Fuse, bridge
from tests.emulator.eventhubs.events import message

ROOT = Path(__file__).resolve().parents[3]
CREATE = ".create table T (Id: long, Text: string)"
QUICK = Limits(events=10, backoff=Backoff(0.01, 0.05))


def record(number: int) -> bytes:
    return json.dumps({"Id": number, "Text": f"event {number}"}).encode()


async def fill(hub: Hub, *payloads: bytes, partition: int = 0) -> None:
    await hub.partition(partition).append([message(payload) for payload in payloads])


def ids(eventhouse: Eventhouse) -> list[int]:
    (table,) = eventhouse.query("T | project Id | order by Id asc")
    return [int(value) for value in table.arrow.column("Id").to_pylist()]


@pytest.fixture
def eventhouse(empty_database: Eventhouse) -> Eventhouse:
    empty_database.command(CREATE)
    return empty_database


@pytest.fixture
def hub(hubs: EventHubs) -> Hub:
    return hubs.hub("trades")


@asynccontextmanager
async def connected(
    hub: Hub, table: Table, *, limits: Limits = QUICK, dead_letters: DeadLetters | None = None, name: str = "test"
) -> AsyncIterator[DataConnection]:
    connection = DataConnection(
        LocalFeed(hub), table, Destination("T"), name=name, dead_letters=dead_letters, limits=limits
    )
    connection.start()
    try:
        yield connection
    finally:
        await connection.close()


async def failing(connection: DataConnection) -> None:
    """Wait until a failure stands in the way of partition 0."""
    while not any(each.failure for each in connection.progress()[:1]):  # noqa: ASYNC110 - the connection tells nobody
        await asyncio.sleep(0.005)


class Flaky:
    """An Eventhouse that fails: before it stores, or after it has stored without saying so."""

    def __init__(self, eventhouse: Eventhouse, failures: list[str]) -> None:
        self.batches: list[int] = []
        self._eventhouse = eventhouse
        self._failures = failures

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
        failure = self._failures.pop(0) if self._failures else ""
        if failure == "before":
            raise EngineFault("the disk is full")
        count = self._eventhouse.ingest(table, data, format=format, mapping=mapping, database=database, marks=marks)
        self.batches.append(count)
        if failure == "after":
            raise EngineFault("the connection broke")
        return count

    def mark(self, name: str) -> int | None:
        return self._eventhouse.mark(name)


class Slow(Flaky):
    """An Eventhouse that stores nothing before it may."""

    def __init__(self, eventhouse: Eventhouse) -> None:
        super().__init__(eventhouse, [])
        self.storing = threading.Event()
        self.may_end = threading.Event()

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
        self.storing.set()
        assert self.may_end.wait(20)
        return super().ingest(table, data, format=format, mapping=mapping, database=database, marks=marks)


async def test_events_of_all_partitions_land_as_they_come(hub: Hub, eventhouse: Eventhouse) -> None:
    await fill(hub, *map(record, range(25)), partition=0)
    async with connected(hub, eventhouse) as connection:
        await fill(hub, *map(record, range(25, 40)), partition=1)
        await asyncio.wait_for(connection.drained(), 20)
        await fill(hub, record(40))
        await asyncio.wait_for(connection.drained(), 20)
        assert ids(eventhouse) == list(range(41))
        assert [(each.position, each.stored, each.lag) for each in connection.progress()] == [(26, 26, 0), (15, 15, 0)]
        assert connection.health().is_healthy


async def test_a_new_connection_goes_on_where_the_last_one_stopped(hub: Hub, eventhouse: Eventhouse) -> None:
    for start in (0, 15, 30):
        await fill(hub, *map(record, range(start, start + 15)))
        async with connected(hub, eventhouse) as connection:
            await asyncio.wait_for(connection.drained(), 20)
    assert ids(eventhouse) == list(range(45))


async def test_connections_of_other_names_store_for_themselves(hub: Hub, eventhouse: Eventhouse) -> None:
    await fill(hub, record(1))
    for name in ("a", "b"):
        async with connected(hub, eventhouse, name=name) as connection:
            await asyncio.wait_for(connection.drained(), 20)
    assert ids(eventhouse) == [1, 1]


@pytest.mark.parametrize("failures", [["before"] * 3, ["after"] * 3, ["after", "before", "after"]])
async def test_failures_neither_lose_nor_repeat(hub: Hub, eventhouse: Eventhouse, failures: list[str]) -> None:
    await fill(hub, *map(record, range(50)))
    async with connected(hub, Flaky(eventhouse, failures)) as connection:
        await asyncio.wait_for(connection.drained(), 20)
    assert ids(eventhouse) == list(range(50))


async def test_a_batch_ends_by_events_or_bytes(hub: Hub, eventhouse: Eventhouse) -> None:
    await fill(hub, *map(record, range(25)))
    by_events = Flaky(eventhouse, [])
    async with connected(hub, by_events) as connection:
        await asyncio.wait_for(connection.drained(), 20)
    assert by_events.batches == [10, 10, 5]
    by_bytes = Flaky(eventhouse, [])
    async with connected(hub, by_bytes, limits=Limits(events=100, size=1000), name="bytes") as connection:
        await asyncio.wait_for(connection.drained(), 20)
    assert len(by_bytes.batches) > 2


async def test_what_arrives_while_a_batch_is_stored_makes_the_next_one(hub: Hub, eventhouse: Eventhouse) -> None:
    await fill(hub, record(0))
    slow = Slow(eventhouse)
    async with connected(hub, slow, limits=Limits(events=1000)) as connection:
        await asyncio.wait_for(asyncio.to_thread(slow.storing.wait), 20)
        for number in range(1, 30):
            await fill(hub, record(number))
        slow.may_end.set()
        await asyncio.wait_for(connection.drained(), 20)
    assert slow.batches == [1, 29]


async def test_an_eventhouse_that_stands_still_is_not_waited_for_at_the_end_and_the_mark_knows(
    hub: Hub, eventhouse: Eventhouse
) -> None:
    await fill(hub, *map(record, range(30)), partition=0)
    slow = Slow(eventhouse)
    left = DataConnection(LocalFeed(hub), slow, Destination("T"), name="test", limits=QUICK)
    left.start()
    await asyncio.wait_for(asyncio.to_thread(slow.storing.wait), 20)
    # It would wait for as long as the batch is held.
    await left.close(0.0)
    assert (ids(eventhouse), left.progress()[0].position) == ([], 0)
    # Who comes next meets what the one before has left.
    async with connected(hub, eventhouse) as connection:
        slow.may_end.set()
        await asyncio.wait_for(connection.drained(), 20)
    assert ids(eventhouse) == list(range(30))


async def test_what_is_no_record_goes_to_the_dead_letters_and_the_rest_lands(
    hub: Hub, eventhouse: Eventhouse, tmp_path: Path
) -> None:
    bodies = [
        record(1),
        b"not json",
        b"",
        b"\xff\xfe",
        b"[]",
        b'"text"',
        b"[%b, 7, %b]" % (record(2), record(3)),
        record(4) + b"\nbroken\n" + record(5),
        b'{\n  "Id": 6,\r\n  "Text": "two\\nlines"\n}',
        b'{"Id": "no number", "Text": 8}',
    ]
    await fill(hub, *bodies)
    async with connected(hub, eventhouse, dead_letters=DeadLetters(tmp_path)) as connection:
        await asyncio.wait_for(connection.drained(), 20)
        assert connection.progress()[0].dead_letters == 6
    (table,) = eventhouse.query("T | order by Id asc nulls last | project Id, Text")
    assert [row["Id"] for row in table.arrow.to_pylist()] == [1, 2, 3, 4, 5, 6, None]
    assert [row["Text"] for row in table.arrow.to_pylist()][-2:] == ["two\nlines", "8"]
    letters = [json.loads(path.read_text()) for path in sorted((tmp_path / "trades" / "0").glob("*.json"))]
    assert [(letter["sequence"], letter["body"], letter["encoding"]) for letter in letters] == [
        (1, "not json", "utf-8"),
        (2, "", "utf-8"),
        (3, "//4=", "base64"),
        (5, '"text"', "utf-8"),
        (6, bodies[6].decode(), "utf-8"),
        (7, bodies[7].decode(), "utf-8"),
    ]
    assert [letter["reason"].partition(":")[0] for letter in letters] == [
        "not JSON",
        "the event has no body",
        "not JSON",
        "a record is an object, found a string",
        "1 of 3 elements are no objects",
        "1 of 3 lines are no JSON objects",
    ]


async def test_a_batch_of_nothing_but_dead_letters_moves_on(hub: Hub, eventhouse: Eventhouse) -> None:
    await fill(hub, *[b"junk"] * 25)
    async with connected(hub, eventhouse) as connection:
        await asyncio.wait_for(connection.drained(), 20)
        letters = connection.dead_letters.latest()
        assert [(letter.sequence, letter.body) for letter in letters] == [(n, "junk") for n in range(25)]
    async with connected(hub, eventhouse) as connection:
        await asyncio.wait_for(connection.drained(), 20)
        assert connection.dead_letters.latest() == ()


@pytest.mark.slow
async def test_a_table_that_is_not_there_is_waited_for_and_told(hub: Hub) -> None:
    eventhouse = Eventhouse.open(None)
    await fill(hub, record(1))
    async with connected(hub, eventhouse) as connection:
        await failing(connection)
        assert connection.health().is_healthy
        later = connection.health(datetime.now(UTC) + timedelta(seconds=30))
        assert not later.is_healthy
        assert "Entity 'T' of kind 'Table' was not found" in later.problems[0]
        assert later.lag == 1
        assert 25 < later.lag_seconds < 60
        eventhouse.command(CREATE)
        await asyncio.wait_for(connection.drained(), 20)
        assert connection.health().is_healthy
    assert ids(eventhouse) == [1]
    eventhouse.close()


async def test_a_log_shorter_than_the_table_knows_is_an_error_not_silence(hub: Hub, eventhouse: Eventhouse) -> None:
    await fill(hub, record(1))
    identity = (await LocalFeed(hub).look()).identity
    mark = Source("test", "trades", identity, "0").mark(Destination("T"))
    eventhouse.ingest("T", b"", format="json", marks={mark: Stretch(None, 5)})
    async with connected(hub, eventhouse) as connection:
        await failing(connection)
        assert "it is not the one that was read" in connection.progress()[0].failure
    assert ids(eventhouse) == []


async def test_a_hub_made_anew_is_read_from_its_start(eventhouse: Eventhouse) -> None:
    for start in (0, 5):
        served = await EventHubs.start(port=0, data=None, hubs={"trades": 1})
        await fill(served.hub("trades"), *map(record, range(start, start + 5)))
        async with connected(served.hub("trades"), eventhouse) as connection:
            await asyncio.wait_for(connection.drained(), 20)
        await served.close()
    assert ids(eventhouse) == list(range(10))


async def test_events_gone_by_retention_are_counted(eventhouse: Eventhouse) -> None:
    small = Options(retention=Retention(timedelta(days=1), size=2000, segment_size=500))
    served = await EventHubs.start(port=0, data=None, hubs={"trades": 1}, options=small)
    hub = served.hub("trades")
    await fill(hub, record(0))
    async with connected(hub, eventhouse) as connection:
        await asyncio.wait_for(connection.drained(), 20)
    for number in range(1, 100):
        await fill(hub, record(number))
    begin = hub.partition(0).begin
    async with connected(hub, eventhouse) as connection:
        await asyncio.wait_for(connection.drained(), 20)
        health = connection.health()
    assert begin > 1
    assert f"retention removed {begin - 1} events" in health.problems[0]
    assert ids(eventhouse) == [0, *range(begin, 100)]
    await served.close()


def test_half_a_character_is_no_name_of_a_source(empty_database: Eventhouse) -> None:
    empty_database.command(CREATE)
    words = "A text has half a pair of surrogates in it, which is no character"
    with pytest.raises(KustoError) as caught:
        empty_database.mark("\ud800")
    assert (caught.value.message, caught.value.code) == (words, "BadRequest_InvalidEncoding")
    with pytest.raises(KustoError) as caught:
        empty_database.ingest("T", record(1), format="json", marks={"\ud800": Stretch(None, 10)})
    assert (caught.value.message, caught.value.code) == (words, "BadRequest_InvalidEncoding")


@pytest.mark.slow
def test_marks_move_forward_with_their_rows_or_not_at_all(tmp_path: Path) -> None:
    eventhouse = Eventhouse.open(tmp_path)
    eventhouse.command(CREATE)
    assert eventhouse.mark("m") is None
    eventhouse.ingest("T", record(1), format="json", marks={"m": Stretch(None, 10)})
    # What begins before the mark would store rows twice, what begins after it would leave some out.
    for since in (None, 3, 11):
        stretches = {"m": Stretch(since, 20), "other": Stretch(None, 1)}
        with pytest.raises(StaleMark, match="up to 10"):
            eventhouse.ingest("T", record(2), format="json", marks=stretches)
    with pytest.raises(KustoError, match="cannot move from 10 to 10"):
        eventhouse.ingest("T", record(2), format="json", marks={"m": Stretch(10, 10)})
    assert (ids(eventhouse), eventhouse.mark("m"), eventhouse.mark("other")) == ([1], 10, None)
    eventhouse.close()
    eventhouse = Eventhouse.open(tmp_path)
    assert eventhouse.mark("m") == 10
    eventhouse.ingest("T", record(3), format="json", marks={"m": Stretch(10, 11)})
    assert (ids(eventhouse), eventhouse.mark("m")) == ([1, 3], 11)
    eventhouse.close()


@pytest.mark.slow
async def test_killed_between_any_two_steps_every_event_counts_once(tmp_path: Path) -> None:
    eventhouse = Eventhouse.open(tmp_path / "house")
    eventhouse.command(CREATE)
    eventhouse.close()
    served = await EventHubs.start(port=0, data=tmp_path / "hubs", hubs={"trades": 1})
    await fill(served.hub("trades"), *(b"junk" if number % 9 == 0 else record(number) for number in range(80)))
    await served.close()
    for step, count in (("before", 2), ("letters", 1), ("after", 2)):
        assert await asyncio.to_thread(_bridge, tmp_path, step, count) == -signal.SIGKILL
    await bridge(tmp_path, Fuse("never", 0))
    eventhouse = Eventhouse.open(tmp_path / "house")
    assert Counter(ids(eventhouse)) == Counter(number for number in range(80) if number % 9)
    eventhouse.close()
    letters = sorted((tmp_path / "letters" / "trades" / "0").glob("*.json"))
    assert [int(path.stem) for path in letters] == [number for number in range(80) if number % 9 == 0]


def _bridge(folder: Path, step: str, count: int) -> int:
    command = [sys.executable, "-m", "tests.emulator.eventhubs.bridging", str(folder), step, str(count)]
    return subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode
