"""Events that cannot be stored, over a real hub and wire: each is a dead letter with its reason, others are rows."""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from emulator.backoff import Backoff
from emulator.engine.eventhouse import Eventhouse
from emulator.engine.writing.marks import Stretch
from emulator.errors import EngineFault, IngestionFault, KustoError, LimitFault
from emulator.eventhubs import EventHubs, Hub
from emulator.eventhubs.data_connection.amqp_feed import AmqpFeed
from emulator.eventhubs.data_connection.connection import DataConnection, Destination, Limits
from emulator.eventhubs.data_connection.dead_letters import DeadLetters
from emulator.eventhubs.data_connection.remote_table import RemoteTable
from emulator.server.app import create_app
from tests.emulator.eventhubs.clients import forgets_sockets, send
from tests.emulator.eventhubs.test_data_connection import CREATE, connected, failing, fill, ids, record
from tests.emulator.server.live import serving

PATIENCE = 60.0
OVERFLOW = "A value cannot be computed: {} * 2 is beyond the range of long"
POLICY = f"The update policy of table 'Doubled' failed: {OVERFLOW}"
# Twice it is too large for a long, and so is the sum of three of the second one.
TOO_LARGE, LARGE = 2**62, 2**62 - 1
DEFINITIONS = (
    ".create table T (Id: long, N: long, Text: string)",
    ".create table Doubled (Id: long, N: long, Text: string)",
    ".create table Lossy (Id: long, N: long, Text: string)",
    ".create materialized-view Sums on table T { T | summarize sum(N) by Text }",
    ".create materialized-view Counts on table T { T | summarize count() by Text }",
    '.create table T ingestion json mapping \'M\' \'[{"column": "Id", "path": "$.Id"},'
    ' {"column": "N", "path": "$.Deep.N"}, {"column": "Text", "path": "$.Text"}]\'',
)


def policy(eventhouse: Eventhouse, target: str, query: str, *, is_transactional: bool = True) -> None:
    text = json.dumps([{"Source": "T", "Query": query, "IsTransactional": is_transactional}])
    eventhouse.command(f".alter table {target} policy update ```{text}```")


def event(id_: int, n: object, text: str = "a") -> bytes:
    return json.dumps({"Id": id_, "Deep": {"N": n}, "Text": text}).encode()


def rows(eventhouse: Eventhouse, text: str) -> list[tuple[object, ...]]:
    return sorted(eventhouse.query(text)[0].rows(), key=repr)


def letters_of(folder: Path, partition: str = "0") -> list[tuple[object, ...]]:
    found = (json.loads(path.read_text()) for path in sorted((folder / "trades" / partition).glob("*.json")))
    return [(each["sequence"], each["reason"]) for each in found]


@forgets_sockets
@pytest.mark.slow
@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize("size", [1, 1000], ids=["one by one", "together"])
async def test_poison_of_many_kinds_among_good_events(hubs: EventHubs, tmp_path: Path, size: int) -> None:
    eventhouse = Eventhouse.open(None)
    for command in DEFINITIONS:
        eventhouse.command(command)
    policy(eventhouse, "Doubled", "T | extend N = N * 2 | project Id, N, Text")
    policy(eventhouse, "Lossy", "T | extend N = N + 5000000000000000000 | project Id, N, Text", is_transactional=False)
    bodies = [
        event(0, 1),
        event(1, TOO_LARGE),
        event(2, 2, "x" * 200_000),
        b"{",
        *(event(id_, LARGE, "b") for id_ in (4, 5, 6)),
        event(7, "no number"),
        b"[%b,%b,%b]" % (event(8, 8), event(9, TOO_LARGE + 1), event(10, 10)),
        b'[{"Id": 11, "Deep": %b%b}, %b]' % (b"[" * 300, b"]" * 300, event(12, 12)),
        b"\n".join([event(13, 13), event(14, -(2**63)), b"nothing", event(15, 15)]),
        event(16, 16),
    ]
    address = hubs.connection_string("trades")
    await send(address, bodies)
    await send(address, [event(20, TOO_LARGE), event(21, 21)], partition_id="1")
    with serving(create_app(eventhouse)) as url:
        table = RemoteTable(url)
        connection = DataConnection(
            AmqpFeed(address),
            table,
            Destination("T", "M"),
            dead_letters=DeadLetters(tmp_path),
            limits=Limits(events=size, backoff=Backoff(0.01, 0.2), look=0.5),
        )
        connection.start()
        async with asyncio.timeout(PATIENCE):
            await connection.drained()
        assert [(each.lag, each.stored, each.dead_letters) for each in connection.progress()] == [
            (0, 12, 5),
            (0, 1, 1),
        ]
        assert connection.health().is_healthy
        await connection.close()
        table.close()
    good = [0, 2, 4, 5, 6, 7, 8, 10, 12, 13, 15, 16, 21]
    numbers = {0: 1, 2: 2, 4: LARGE, 5: LARGE, 6: LARGE, 7: None}
    values = [(id_, numbers.get(id_, id_)) for id_ in good]
    assert rows(eventhouse, "T | project Id, N") == sorted(values, key=repr)
    doubled = [(id_, None if n is None else 2 * n) for id_, n in values]
    assert rows(eventhouse, "Doubled | project Id, N") == sorted(doubled, key=repr)
    assert rows(eventhouse, "Counts | where Text !startswith 'x'") == [("a", 9), ("b", 3)]
    assert eventhouse.command(".show materialized-views | project Name, IsHealthy").records() == [
        {"Name": "Sums", "IsHealthy": False},
        {"Name": "Counts", "IsHealthy": True},
    ]
    assert letters_of(tmp_path) == [
        (1, POLICY.format(TOO_LARGE)),
        (3, "not JSON: unexpected end of data: line 1 column 2 (char 1)"),
        (8, f"1 of 3 records are refused: {POLICY.format(TOO_LARGE + 1)}"),
        (9, "1 of 2 elements are nested too deep"),
        (10, f"1 of 4 lines are no JSON objects, 1 of 3 records are refused: {POLICY.format(-(2**63))}"),
    ]
    assert letters_of(tmp_path, "1") == [(0, POLICY.format(TOO_LARGE))]
    eventhouse.close()


class Faulty:
    """An Eventhouse that fails by what `check` raises for the lines that it gets."""

    def __init__(self, eventhouse: Eventhouse, check: Callable[[list[bytes]], None]) -> None:
        self._eventhouse = eventhouse
        self._check = check

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
        self._check(data.splitlines())
        return self._eventhouse.ingest(table, data, format=format, mapping=mapping, database=database, marks=marks)

    def mark(self, name: str) -> int | None:
        return self._eventhouse.mark(name)


def failing_at(fault: Exception, *poison: int) -> Callable[[list[bytes]], None]:
    def check(lines: list[bytes]) -> None:
        if any(json.loads(line)["Id"] in poison for line in lines):
            raise fault

    return check


@pytest.fixture
def eventhouse(empty_database: Eventhouse) -> Eventhouse:
    empty_database.command(CREATE)
    return empty_database


@pytest.fixture
def hub(hubs: EventHubs) -> Hub:
    return hubs.hub("trades")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (KustoError("nobody has foreseen it", "BadRequest_Other"), "nobody has foreseen it"),
        (IngestionFault("no such value"), "no such value"),
        (LimitFault("out of memory", "E_RUNAWAY_QUERY"), "out of memory"),
        (EngineFault("a bug", "TH0911"), "a bug"),
        (ZeroDivisionError("a bug of another kind"), "the Eventhouse failed: ZeroDivisionError"),
    ],
    ids=lambda value: getattr(value, "code", None) or type(value).__name__,
)
async def test_what_fails_for_good_is_a_dead_letter_and_the_rest_lands(
    hub: Hub, eventhouse: Eventhouse, fault: Exception, reason: str
) -> None:
    await fill(hub, *map(record, range(25)))
    async with connected(hub, Faulty(eventhouse, failing_at(fault, 3, 12, 24))) as connection:
        await asyncio.wait_for(connection.drained(), PATIENCE)
        letters = connection.dead_letters.latest()
        assert [(each.stored, each.dead_letters, each.lag) for each in connection.progress()[:1]] == [(22, 3, 0)]
    assert [(letter.sequence, letter.reason) for letter in letters] == [(n, reason) for n in (3, 12, 24)]
    assert ids(eventhouse) == [n for n in range(25) if n not in (3, 12, 24)]


async def test_a_batch_that_takes_too_much_is_stored_in_smaller_ones(hub: Hub, eventhouse: Eventhouse) -> None:
    await fill(hub, *map(record, range(10)))
    asked: list[int] = []

    def at_most_three(lines: list[bytes]) -> None:
        asked.append(len(lines))
        if len(lines) > 3:
            raise LimitFault("too much", "E_RUNAWAY_QUERY")

    async with connected(hub, Faulty(eventhouse, at_most_three)) as connection:
        await asyncio.wait_for(connection.drained(), PATIENCE)
        assert connection.dead_letters.latest() == ()
    assert [count for count in asked if count] == [10, 5, 2, 3, 5, 2, 3]
    assert ids(eventhouse) == list(range(10))


async def test_what_is_for_the_place_is_waited_for(hub: Hub, eventhouse: Eventhouse) -> None:
    await fill(hub, *map(record, range(10)))

    is_open = False

    def check(_: list[bytes]) -> None:
        if not is_open:
            raise KustoError("access is refused", "TH_AUTHENTICATION")

    async with connected(hub, Faulty(eventhouse, check)) as connection:
        await failing(connection)
        assert connection.progress()[0].failure == "access is refused"
        is_open = True
        await asyncio.wait_for(connection.drained(), PATIENCE)
        assert connection.dead_letters.latest() == ()
    assert ids(eventhouse) == list(range(10))


async def test_an_eventhouse_that_closes_amid_the_search_makes_no_dead_letters(
    hub: Hub, eventhouse: Eventhouse
) -> None:
    await fill(hub, *map(record, range(8)))
    refuse = failing_at(IngestionFault("no such value"), 5)
    calls = 0

    def check(lines: list[bytes]) -> None:
        nonlocal calls
        calls += 1
        if 4 <= calls < 9:
            raise KustoError("The Eventhouse is closed.", "TH_Closed")
        refuse(lines)

    async with connected(hub, Faulty(eventhouse, check)) as connection:
        await asyncio.wait_for(connection.drained(), PATIENCE)
        assert [(each.sequence, each.reason) for each in connection.dead_letters.latest()] == [(5, "no such value")]
    assert ids(eventhouse) == [0, 1, 2, 3, 4, 6, 7]


@pytest.mark.slow
async def test_a_policy_that_no_longer_binds_is_waited_for(hub: Hub, eventhouse: Eventhouse) -> None:
    eventhouse.command(".create table Copy (Id: long, Text: string)")
    eventhouse.command(".create function F() { T }")
    policy(eventhouse, "Copy", "F()")
    eventhouse.command(".drop function F")
    await fill(hub, *map(record, range(10)))
    async with connected(hub, eventhouse) as connection:
        await failing(connection)
        assert connection.progress()[0].failure.startswith("The update policy of table 'Copy' failed: ")
        eventhouse.command(".create function F() { T }")
        await asyncio.wait_for(connection.drained(), PATIENCE)
        assert connection.dead_letters.latest() == ()
    assert ids(eventhouse) == list(range(10))


@pytest.mark.slow
async def test_records_of_one_event_that_cannot_be_stored_together_are_one_dead_letter(
    hub: Hub, eventhouse: Eventhouse
) -> None:
    await fill(hub, b"[%b, %b, %b]" % (record(1), record(2), record(3)), record(4))

    def check(lines: list[bytes]) -> None:
        if len(lines) > 1:
            raise IngestionFault("one at a time")

    async with connected(hub, Faulty(eventhouse, check)) as connection:
        await asyncio.wait_for(connection.drained(), PATIENCE)
        assert [(each.sequence, each.reason) for each in connection.dead_letters.latest()] == [(0, "one at a time")]
        assert connection.progress()[0].dead_letters == 1
    assert ids(eventhouse) == [4]
