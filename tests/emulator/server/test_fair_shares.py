"""Who waits for whom on the wire: nobody for a heavy query, which may wait itself, or for a client that has left."""

import asyncio
from collections.abc import AsyncIterator, Iterator
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
from tests.emulator.server.live import serving
from tests.emulator.server.processes import running

HEAVY = "T | join kind=inner T on S | summarize count() by S"
# More than a start's worth of work, and over in seconds: it is answered only where a core's place is free for it.
MIDDLING = "T | summarize dcount(A), dcount(S) by A % 7 | count"
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


@contextmanager
def overloaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve an Eventhouse whose threads are all taken, and where nobody may wait."""
    monkeypatch.setattr(queries, "_LIGHT_PER_CORE", 0)
    monkeypatch.setattr(lanes_module, "_WAITING", 0)
    lanes, eventhouse = Lanes(), Eventhouse.open(None)
    for places in (lanes._queries._starts, lanes._commands._places, lanes._ingestion._places):
        while places.take_free():
            pass
    with serving(create_app(eventhouse, lanes=lanes)) as url:
        yield url
    eventhouse.close()


@pytest.mark.parametrize(
    ("path", "body", "exception", "who"),
    [
        ("/v1/rest/query", b'{"csl": "print 1"}', "QueryThrottledException", "query"),
        ("/v1/rest/mgmt", b'{"csl": ".show tables | take 1"}', "QueryThrottledException", "query"),
        ("/v1/rest/mgmt", b'{"csl": ".create table T (A: long)"}', "ControlCommandThrottledException", "management"),
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
