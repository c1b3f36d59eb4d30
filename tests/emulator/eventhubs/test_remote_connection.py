"""A data connection between a hub over AMQP and an Eventhouse over HTTP: each event once, whatever goes away."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import Response

from emulator.backoff import Backoff
from emulator.engine.eventhouse import Eventhouse
from emulator.engine.writing.marks import StaleMark, Stretch
from emulator.errors import KustoError, UnsupportedFault
from emulator.eventhubs import EventHubs, Options
from emulator.eventhubs.data_connection.amqp_feed import AmqpFeed
from emulator.eventhubs.data_connection.connection import DataConnection, Destination, Limits
from emulator.eventhubs.data_connection.feed import HubUnreachable, LocalFeed
from emulator.eventhubs.data_connection.remote_table import RemoteTable
from emulator.eventhubs.data_connection.storing import Source
from emulator.eventhubs.hubs.log import Retention
from emulator.server.app import create_app
from tests.emulator.eventhubs.clients import forgets_sockets, send
from tests.emulator.eventhubs.freezing import way_to
from tests.emulator.eventhubs.test_data_connection import CREATE, fill, ids, record
from tests.emulator.server.live import serving
from tests.end_to_end.platform import free_port

# Hubs die, and readers are closed while they open a connection.
pytestmark = [forgets_sockets, pytest.mark.slow, pytest.mark.usefixtures("collected")]

ROOT = Path(__file__).resolve().parents[3]
QUICK = Limits(events=100, backoff=Backoff(0.01, 0.2), look=0.5, standby=1.0)
PATIENCE = 60.0
Answer = Callable[[Request], Awaitable[Response]]


@pytest.fixture
def eventhouse() -> Iterator[Eventhouse]:
    eventhouse = Eventhouse.open(None)
    eventhouse.command(CREATE)
    yield eventhouse
    eventhouse.close()


@pytest.fixture
def table(eventhouse: Eventhouse) -> Iterator[RemoteTable]:
    with remote(create_app(eventhouse)) as table:
        yield table


@contextmanager
def remote(app: Starlette) -> Iterator[RemoteTable]:
    with serving(app) as url:
        table = RemoteTable(url)
        yield table
        table.close()


@asynccontextmanager
async def connected(
    connection_string: str, table: RemoteTable, feed: AmqpFeed | None = None
) -> AsyncIterator[DataConnection]:
    feed = feed or AmqpFeed(connection_string)
    connection = DataConnection(feed, table, Destination("T"), name="test", limits=QUICK)
    connection.start()
    try:
        yield connection
    finally:
        await connection.close()


async def until(found: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not found():  # noqa: ASYNC110 - the connection tells nobody
            await asyncio.sleep(0.02)


async def drained(connection: DataConnection) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await connection.drained()
            except HubUnreachable:
                await asyncio.sleep(0.1)
            else:
                return


async def test_events_of_all_partitions_land_once_and_a_new_connection_goes_on(
    hubs: EventHubs, eventhouse: Eventhouse, table: RemoteTable
) -> None:
    hub, address = hubs.hub("trades"), hubs.connection_string("trades")
    await fill(hub, *map(record, range(250)), partition=0)
    async with connected(address, table) as connection:
        await fill(hub, *map(record, range(250, 300)), partition=1)
        await drained(connection)
        assert [(each.stored, each.lag) for each in connection.progress()] == [(250, 0), (50, 0)]
        assert connection.health().is_healthy
    await fill(hub, *map(record, range(300, 320)))
    async with connected(address, table) as connection:
        await drained(connection)
        assert [each.stored for each in connection.progress()] == [20, 0]
    assert ids(eventhouse) == list(range(320))


async def test_a_hub_in_this_process_and_the_same_over_amqp_share_their_marks(
    hubs: EventHubs, eventhouse: Eventhouse, table: RemoteTable
) -> None:
    hub = hubs.hub("trades")
    await fill(hub, *map(record, range(10)))
    local = DataConnection(LocalFeed(hub), eventhouse, Destination("T"), name="test", limits=QUICK)
    local.start()
    await drained(local)
    await local.close()
    await fill(hub, *map(record, range(10, 20)))
    async with connected(hubs.connection_string("trades"), table) as connection:
        await drained(connection)
    assert ids(eventhouse) == list(range(20))


async def test_what_is_no_record_goes_to_the_dead_letters(
    hubs: EventHubs, eventhouse: Eventhouse, table: RemoteTable
) -> None:
    await send(hubs.connection_string("trades"), [record(1), b"not json", b"\xff", record(2)])
    async with connected(hubs.connection_string("trades"), table) as connection:
        await drained(connection)
        letters = connection.dead_letters.latest()
    assert [(letter.sequence, letter.body) for letter in letters] == [(1, "not json"), (2, "/w==")]
    assert ids(eventhouse) == [1, 2]


async def test_a_killed_hub_is_read_on_when_it_is_back(
    tmp_path: Path, eventhouse: Eventhouse, table: RemoteTable
) -> None:
    port = free_port()
    with ExitStack() as stack:
        process, address = stack.enter_context(hub_process(tmp_path, port))
        await send(address, [record(number) for number in range(10)])
        async with connected(address, table) as connection:
            await drained(connection)
            process.kill()
            process.wait()
            await until(lambda: bool(connection.health().problems or connection.progress()[0].failure))
            stack.enter_context(hub_process(tmp_path, port))
            await send(address, [record(number) for number in range(10, 20)])
            await drained(connection)
            await until(lambda: not connection.progress()[0].failure)
    assert ids(eventhouse) == list(range(20))


async def test_a_connection_waits_for_a_hub_that_is_not_there_yet(
    tmp_path: Path, eventhouse: Eventhouse, table: RemoteTable
) -> None:
    port = free_port()
    with hub_process(tmp_path, port) as (process, address):
        await send(address, [record(1)])
        process.kill()
        process.wait()
    async with connected(address, table) as connection:
        await asyncio.sleep(0.1)
        assert connection.progress() == ()
        with hub_process(tmp_path, port):
            await drained(connection)
    assert ids(eventhouse) == [1]


async def test_a_hub_made_anew_is_read_from_its_start(eventhouse: Eventhouse, table: RemoteTable) -> None:
    port = free_port()
    hubs = await EventHubs.start(port=port, data=None, hubs={"trades": 1})
    await fill(hubs.hub("trades"), *map(record, range(5)))
    async with connected(hubs.connection_string("trades"), table) as connection:
        await drained(connection)
        await hubs.close()
        # As long as the one that was read, or longer: positions alone do not tell them apart.
        hubs = await EventHubs.start(port=port, data=None, hubs={"trades": 2})
        await fill(hubs.hub("trades"), *map(record, range(5, 15)))
        await until(lambda: len(connection.progress()) == 2)
        await drained(connection)
    await hubs.close()
    assert ids(eventhouse) == list(range(15))


async def test_a_connection_that_falls_silent_is_made_anew(
    hubs: EventHubs, eventhouse: Eventhouse, table: RemoteTable
) -> None:
    hub = hubs.hub("trades")
    await fill(hub, record(0))
    async with way_to(hubs.port) as (way, port):
        address = hubs.connection_string("trades").replace(f":{hubs.port};", f":{port};")
        async with connected(address, table, AmqpFeed(address, patience=3.0)) as connection:
            await drained(connection)
            way.freeze()
            await fill(hub, *map(record, range(1, 10)))
            await drained(connection)
            await until(lambda: connection.health().is_healthy and not connection.progress()[0].failure)
    assert ids(eventhouse) == list(range(10))


async def test_events_gone_by_retention_are_counted(eventhouse: Eventhouse, table: RemoteTable) -> None:
    small = Options(retention=Retention(timedelta(days=1), size=2000, segment_size=500))
    hubs = await EventHubs.start(port=0, data=None, hubs={"trades": 1}, options=small)
    hub, address = hubs.hub("trades"), hubs.connection_string("trades")
    await fill(hub, record(0))
    async with connected(address, table) as connection:
        await drained(connection)
    for number in range(1, 100):
        await fill(hub, record(number))
    begin = hub.partition(0).begin
    async with connected(address, table) as connection:
        await drained(connection)
        problems = connection.health().problems
    await hubs.close()
    assert problems == (f"partition 0: retention removed {begin - 1} events before they were stored",)
    assert ids(eventhouse) == [0, *range(begin, 100)]


async def test_a_log_shorter_than_the_table_knows_is_an_error_not_silence(
    hubs: EventHubs, eventhouse: Eventhouse, table: RemoteTable
) -> None:
    await fill(hubs.hub("trades"), record(1))
    identity = (await LocalFeed(hubs.hub("trades")).look()).identity
    mark = Source("test", "trades", identity, "0").mark(Destination("T"))
    table.ingest("T", b"", format="json", marks={mark: Stretch(None, 5)})
    async with connected(hubs.connection_string("trades"), table) as connection:
        await until(lambda: any("not the one that was read" in each.failure for each in connection.progress()))
    assert ids(eventhouse) == []


async def test_of_two_connections_the_last_one_reads_and_the_other_takes_over(
    hubs: EventHubs, eventhouse: Eventhouse, table: RemoteTable
) -> None:
    hub, address = hubs.hub("trades"), hubs.connection_string("trades")
    await fill(hub, *map(record, range(10)))
    async with connected(address, table) as first:
        await drained(first)
        async with connected(address, table) as second:
            await until(lambda: len(first.progress()) == 2 and all(each.is_standby for each in first.progress()))
            await fill(hub, *map(record, range(10, 20)))
            await drained(second)
            assert [each.stored for each in second.progress()] == [10, 0]
            assert first.health().is_healthy
        await fill(hub, *map(record, range(20, 30)))
        await drained(first)
        assert first.progress()[0].stored == 20
    assert ids(eventhouse) == list(range(30))


@pytest.mark.parametrize("status", [429, 503, 500, 200])
async def test_an_eventhouse_that_refuses_or_whose_answer_is_lost_stores_each_event_once(
    hubs: EventHubs, eventhouse: Eventhouse, status: int
) -> None:
    seen: Counter[str] = Counter()

    async def unwilling(request: Request, answer: Answer) -> Response:
        if request.method != "POST":
            return await answer(request)
        seen["ingestions"] += 1
        match seen["ingestions"] % 3:
            case 1:
                return Response(status_code=status)
            case 2:
                # Stored, but nobody hears of it.
                await answer(request)
                return Response(status_code=502)
            case _:
                return await answer(request)

    app = create_app(eventhouse)
    app.add_middleware(BaseHTTPMiddleware, dispatch=unwilling)
    await fill(hubs.hub("trades"), *map(record, range(1000)))
    with remote(app) as table:
        async with connected(hubs.connection_string("trades"), table) as connection:
            await drained(connection)
    assert seen["ingestions"] >= 10
    assert ids(eventhouse) == list(range(1000))


async def test_an_eventhouse_that_is_down_and_a_table_that_is_missing_are_waited_for(hubs: EventHubs) -> None:
    eventhouse = Eventhouse.open(None)
    await fill(hubs.hub("trades"), record(1))
    with serving(create_app(eventhouse)) as url:
        table = RemoteTable(url)
    async with connected(hubs.connection_string("trades"), table) as connection:
        await until(lambda: any("no connection to the Eventhouse" in each.failure for each in connection.progress()))
        with serving(create_app(eventhouse), int(url.rpartition(":")[2])):
            await until(lambda: any("Entity 'T'" in each.failure for each in connection.progress()))
            eventhouse.command(CREATE)
            await drained(connection)
    table.close()
    assert ids(eventhouse) == [1]
    eventhouse.close()


def test_faults_of_the_wire_come_back_as_what_they_are(eventhouse: Eventhouse, table: RemoteTable) -> None:
    table.ingest("T", record(1), format="json", marks={"m": Stretch(None, 1)})
    with pytest.raises(StaleMark, match="stored up to 1"):
        table.ingest("T", record(1), format="json", marks={"m": Stretch(None, 1)})
    with pytest.raises(KustoError) as unreadable:
        table.ingest("T", b"{", format="json")
    assert unreadable.value.code == "BadRequest_InvalidJson"
    with pytest.raises(KustoError, match="'Nowhere'"):
        table.ingest("Nowhere", record(1), format="json")
    assert (table.mark("m"), table.mark("other"), ids(eventhouse)) == (1, None, [1])


def test_an_eventhouse_without_marks_is_refused() -> None:
    with remote(Starlette()) as table, pytest.raises(UnsupportedFault, match="keeps no marks") as refused:
        table.mark("m")
    assert "Eventstream" in refused.value.hint


def test_an_eventhouse_that_wants_a_token_gets_it(eventhouse: Eventhouse) -> None:
    with serving(create_app(eventhouse, token="secret")) as url:  # noqa: S106 - a token of this test only
        for token, refused in ((None, True), ("wrong", True), ("secret", False)):
            table = RemoteTable(url, token=token)
            if refused:
                with pytest.raises(KustoError, match="token"):
                    table.mark("m")
            else:
                assert table.mark("m") is None
            table.close()


@contextmanager
def hub_process(data: Path, port: int) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    command = [sys.executable, "-m", "tests.emulator.eventhubs.serving", str(data), str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
