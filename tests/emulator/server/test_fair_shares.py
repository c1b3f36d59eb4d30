"""Who waits for whom on the wire: nobody for a heavy query, which may wait itself, or for a client that has left."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from azure.kusto.data import KustoClient, KustoConnectionStringBuilder
from azure.kusto.data.exceptions import KustoThrottlingError

from emulator import Eventhouse
from emulator.errors import ThrottledFault
from emulator.lanes import lanes as lanes_module
from emulator.lanes import queries
from emulator.lanes.lanes import Lanes
from emulator.server import create_app
from kql.client.remote import RemoteEventhouse
from tests.emulator.engine.endless import ENDLESS
from tests.emulator.server.live import serving
from tests.emulator.server.processes import running

HEAVY = "T | join kind=inner T on S | summarize count() by S"
# More than a start's worth of work, and over in seconds: it is answered only where a core's place is free for it.
MIDDLING = "T | summarize dcount(A), dcount(S) by A % 7 | count"
PATIENCE = 60.0
LONG = {"Options": {"servertimeout": "00:30:00"}}


@pytest.fixture(scope="module")
def filled() -> Iterator[str]:
    with running("--port", "0") as (_, url):
        fill = ".set-or-replace T <| range A from 1 to 2000000 step 1 | extend S = tostring(A % 1000)"
        answer = httpx.post(f"{url}/v1/rest/mgmt", json={"csl": fill}, timeout=300)
        assert answer.status_code == 200, answer.text
        yield url


@pytest.fixture
async def http(filled: str) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=filled, timeout=900, limits=limits) as opened:
        yield opened


def asked(http: httpx.AsyncClient, text: str, path: str = "/v1/rest/query") -> "asyncio.Task[httpx.Response]":
    return asyncio.create_task(http.post(path, json={"csl": text, "properties": LONG}))


@pytest.mark.slow
async def test_light_queries_and_commands_are_answered_beside_heavy_queries(http: httpx.AsyncClient) -> None:
    heavy = [asked(http, HEAVY) for _ in range(6)]
    await asyncio.sleep(2)
    for _ in range(20):
        light = await asked(http, "print 1")
        shown = await asked(http, ".show tables | project TableName", "/v1/rest/mgmt")
        urgent = await asked(http, ".show tables", "/v1/rest/mgmt")
        assert (light.status_code, shown.status_code, urgent.status_code) == (200, 200, 200)
    ingested = await http.post("/v1/rest/ingest/NetDefaultDB/T?streamFormat=csv", content=b"0,zero\n")
    assert ingested.status_code == 200
    assert [task.result().text for task in heavy if task.done()] == []
    for task in heavy:
        task.cancel()
    await asyncio.gather(*heavy, return_exceptions=True)


@pytest.mark.slow
async def test_the_work_of_clients_that_have_left_ends(http: httpx.AsyncClient) -> None:
    for _ in range(3):
        leaving = [asked(http, HEAVY) for _ in range(60)]
        await asyncio.sleep(1)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
    # Each of those may take half an hour.
    answer = await asked(http, MIDDLING)
    assert answer.json()["Tables"][0]["Rows"] == [[7]]


def take_all(lanes: Lanes) -> None:
    """Leave only the places of what is urgent."""
    in_lanes = (lanes._commands, lanes._control, lanes._ingestion)
    for places in (lanes._queries._starts, *(lane._places for lane in in_lanes)):
        while places.take_free():
            pass


@contextmanager
def overloaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve an Eventhouse whose threads are all taken, and where nobody may wait."""
    monkeypatch.setattr(queries, "_LIGHT_PER_CORE", 0)
    monkeypatch.setattr(lanes_module, "_WAITING", 0)
    lanes, eventhouse = Lanes(), Eventhouse.open(None)
    take_all(lanes)
    with serving(create_app(eventhouse, lanes=lanes)) as url:
        yield url
    eventhouse.close()


@pytest.mark.parametrize(
    ("path", "body", "exception", "who"),
    [
        ("/v1/rest/query", b'{"csl": "print 1"}', "QueryThrottledException", "query"),
        ("/v1/rest/mgmt", b'{"csl": ".show tables | take 1"}', "QueryThrottledException", "query"),
        ("/v1/rest/mgmt", b'{"csl": ".create table T (A: long)"}', "ControlCommandThrottledException", "management"),
        ("/v1/rest/mgmt", b'{"csl": ".set T <| print 1"}', "ControlCommandThrottledException", "management"),
        ("/v1/rest/ingest/NetDefaultDB/T?streamFormat=csv", b"1", "ControlCommandThrottledException", "ingestion"),
    ],
)
@pytest.mark.slow
def test_overload_is_a_refusal_that_says_when_to_come_back(
    monkeypatch: pytest.MonkeyPatch, path: str, body: bytes, exception: str, who: str
) -> None:
    with overloaded(monkeypatch) as url:
        answer = httpx.post(url + path, content=body, timeout=30)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
        error = answer.json()["error"]
        assert (error["code"], error["message"], error["@type"], error["@permanent"], error["innererror"]["code"]) == (
            "Too many requests",
            "Request is denied due to throttling.",
            f"Kusto.DataNode.Exceptions.{exception}",
            False,
            "TooManyRequests",
        )
        assert error["@message"].startswith(f"Throttled: TooManyRequests: The {who} ")
        assert httpx.post(f"{url}/v1/rest/mgmt", json={"csl": ".show tables"}, timeout=30).status_code == 200


@pytest.mark.slow
async def test_clients_know_a_refusal_for_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with overloaded(monkeypatch) as url:
        with KustoClient(KustoConnectionStringBuilder(url)) as client, pytest.raises(KustoThrottlingError):
            await asyncio.to_thread(client.execute_query, "NetDefaultDB", "print 1")
        remote = RemoteEventhouse.connect(url, "NetDefaultDB")
        try:
            with pytest.raises(ThrottledFault) as asked:
                await remote.query("print 1")
            with pytest.raises(ThrottledFault) as stored:
                await remote.ingest("T", b"1", format="csv")
        finally:
            await remote.close()
        for fault in (asked.value, stored.value):
            assert (fault.code, fault.permanent) == ("TH_THROTTLED", False)


@pytest.mark.slow
def test_what_waits_in_a_lane_is_listed_and_canceled() -> None:
    lanes, eventhouse = Lanes(), Eventhouse.open(None)
    take_all(lanes)
    with serving(create_app(eventhouse, lanes=lanes)) as url, ThreadPoolExecutor(2) as pool:

        def sent(path: str, text: str, id_: str = "") -> httpx.Response:
            headers = {"x-ms-client-request-id": id_} if id_ else {}
            return httpx.post(url + path, json={"csl": text}, headers=headers, timeout=PATIENCE)

        def shown(text: str) -> list[list[object]]:
            return [row for row in sent("/v1/rest/mgmt", text).json()["Tables"][0]["Rows"] if "wait" in str(row)]

        query = pool.submit(sent, "/v2/rest/query", "print waits = 1", "wait;1")
        command = pool.submit(sent, "/v1/rest/mgmt", ".set Awaited <| print 1", "wait;2")
        while not (queries_ := shown(".show running queries")) or not (commands := shown(".show running commands")):
            assert [each.result().text for each in (query, command) if each.done()] == []
        ((client, text, *_),), ((_, kind, of_command, *_),) = queries_, commands
        assert (client, text, queries_[0][6]) == ("wait;1", "print waits = 1", "InProgress")
        assert (kind, of_command, commands[0][7]) == ("TableSet", ".set Awaited <| print 1", "Scheduled")
        (operation,) = sent("/v1/rest/mgmt", ".show operations").json()["Tables"][0]["Rows"]
        assert (operation[1], operation[6]) == ("TableSet", "Scheduled")

        sent("/v1/rest/mgmt", '.cancel query "wait;1"')
        ended = [query.result(PATIENCE)]
        sent("/v1/rest/mgmt", f".cancel operation {operation[0]}")
        ended.append(command.result(PATIENCE))
        assert [each.json()["error"]["innererror"]["code"] for each in ended] == ["E_QUERY_CANCELLED"] * 2
        (operation,) = sent("/v1/rest/mgmt", ".show operations").json()["Tables"][0]["Rows"]
        assert (operation[1], operation[6]) == ("TableSet", "Canceled")
        assert [row[6] for row in shown(".show queries")] == ["Canceled"]
    eventhouse.close()


@pytest.mark.slow
def test_a_command_that_drops_gets_in_beside_those_that_compute() -> None:
    lanes, eventhouse = Lanes(), Eventhouse.open(None)
    eventhouse.command(".create table T (A: long)")
    with serving(create_app(eventhouse, lanes=lanes)) as url, ThreadPoolExecutor(12) as pool:

        def sent(text: str) -> httpx.Response:
            return httpx.post(f"{url}/v1/rest/mgmt", json={"csl": text, "properties": LONG}, timeout=PATIENCE)

        heavy = [pool.submit(sent, f".set New{number} <| {ENDLESS}") for number in range(12)]
        while eventhouse.command(".show running commands").arrow.num_rows < 12 + 1:
            assert [each.result().text for each in heavy if each.done()] == []
        for text in (".create table Second (A: long)", ".alter-merge table T (B: long)", ".drop table T"):
            assert sent(text).status_code == 200
        for id_, kind, *_ in sent(".show operations").json()["Tables"][0]["Rows"]:
            if kind == "TableSet":
                sent(f".cancel operation {id_}")
        codes = [each.result(PATIENCE).json()["error"]["innererror"]["code"] for each in heavy]
        assert codes == ["E_QUERY_CANCELLED"] * 12
    eventhouse.close()
