"""The wire seen as HTTP: paths, headers, compression, browsers, tokens."""

import gzip
import json
import zlib
from types import SimpleNamespace

import httpx
import pytest

from emulator.engine.eventhouse import Eventhouse
from emulator.result import ResultTable
from emulator.server.app import create_app
from emulator.server.exchange import ExchangePolicy
from emulator.server.v1 import render_command
from emulator.work import check_work, work_here

QUERY = "/v2/rest/query"
READ_ONLY = {"Options": {"request_readonly": True}}
TOKEN = "secret"  # noqa: S105 - a token of this test only


def page(eventhouse: Eventhouse, *, token: str | None = None, peer: str = "127.0.0.1") -> httpx.AsyncClient:
    app = create_app(eventhouse, token=token, policy=ExchangePolicy(compress_above=4000))
    transport = httpx.ASGITransport(app, client=(peer, 50000))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080")


@pytest.fixture
async def http(eventhouse: Eventhouse) -> httpx.AsyncClient:
    return page(eventhouse)


def frames(answer: httpx.Response) -> list[dict[str, object]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    read: list[dict[str, object]] = json.loads(answer.content)
    return read


async def test_a_query_needs_neither_database_nor_accept_header(http: httpx.AsyncClient) -> None:
    answer = await http.post(QUERY, content=b'{"csl": "print n = 1"}')
    assert frames(answer)[2]["Rows"] == [[1]]


async def test_the_query_of_a_url_is_answered_too(http: httpx.AsyncClient) -> None:
    properties = json.dumps({"Parameters": {"n": 5}})
    text = "declare query_parameters(n: long); print n"
    for path in (QUERY, "/v1/rest/query"):
        answer = await http.get(path, params={"db": "NetDefaultDB", "csl": text, "properties": properties})
        documents = answer.json()
        # Of the first endpoint the table is the first, of the second the third frame.
        assert (documents["Tables"][0] if isinstance(documents, dict) else documents[2])["Rows"] == [[5]]


async def test_an_answer_tells_how_long_it_took(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter((1_000.0, 1_000.25))
    monkeypatch.setattr("emulator.server.query.time", SimpleNamespace(perf_counter=lambda: next(moments)))
    answer = frames(await http.post(QUERY, json={"csl": "print n = 1"}))
    (completion,) = [frame for frame in answer if frame.get("TableName") == "QueryCompletionInformation"]
    rows = completion["Rows"]
    assert isinstance(rows, list)
    figures = json.loads(rows[-1][-1])
    assert figures == {"ExecutionTime": 0.25, "dataset_statistics": [{"table_row_count": 1, "table_size": 5}]}


async def test_ids_are_echoed_or_made_up(http: httpx.AsyncClient) -> None:
    answer = await http.post(QUERY, json={"csl": "print 1"}, headers={"x-ms-client-request-id": "KPC.execute;1"})
    assert answer.headers["x-ms-client-request-id"] == "KPC.execute;1"
    assert len(answer.headers["x-ms-activity-id"]) == 36
    answer = await http.post(QUERY, json={"csl": "print 1", "properties": {"ClientRequestId": "mine"}})
    assert answer.headers["x-ms-client-request-id"] == "mine"
    answer = await http.post(QUERY, json={"csl": "print 1"})
    assert answer.headers["x-ms-client-request-id"].startswith("unspecified;")


async def test_commands_are_refused_in_plain_words_by_the_v2_endpoint(http: httpx.AsyncClient) -> None:
    answer = await http.post(QUERY, json={"csl": ".show tables"})
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert "do not support api_version=v2" in answer.text


async def test_v1_queries_answer_show_commands_and_nothing_stronger(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/rest/query", json={"csl": ".show databases schema"})
    table = answer.json()["Tables"][0]
    assert table["TableName"] == "Table_0"
    assert list(dict.fromkeys(row[1] for row in table["Rows"])) == ["", "Readings", "Types"]
    assert [row[2:4] for row in table["Rows"] if row[1] == "Readings"] == [
        ["", ""],
        ["At", "System.DateTime"],
        ["Sensor", "System.String"],
        ["Value", "System.Double"],
    ]
    answer = await http.get("/v1/rest/query", params={"csl": ".drop table Readings"})
    assert answer.status_code == 403


async def test_a_comment_in_front_of_a_command_leaves_it_a_command(http: httpx.AsyncClient) -> None:
    drop = {"csl": "// to be sure\n.drop table Readings"}
    assert [(await http.post(path, json=drop)).status_code for path in ("/v1/rest/query", QUERY)] == [403, 400]
    shown = await http.post("/v1/rest/mgmt", json={"csl": "// all\n.show tables | count", "properties": READ_ONLY})
    assert shown.json()["Tables"][0]["Rows"] == [[2]]
    refused = await http.post("/v1/rest/mgmt", json={**drop, "properties": READ_ONLY})
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "not JSON"), (b"{", "not JSON"), (b'{"csl": ""}', "no text"), (b"\x1f\x8bnot gzip", "gzip")],
)
async def test_a_malformed_body_is_a_bad_request(http: httpx.AsyncClient, content: bytes, words: str) -> None:
    answer = await http.post(QUERY, content=content)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["@message"]


async def test_a_compressed_query_is_read(http: httpx.AsyncClient) -> None:
    answer = await http.post(QUERY, content=gzip.compress(b'{"csl": "print n = 1"}'))
    assert frames(answer)[2]["Rows"] == [[1]]


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip,deflate", "gzip"), ("deflate", "deflate"),
                                                    ("gzip;q=0, identity", None), ("", None)])  # fmt: skip
async def test_large_answers_to_other_machines_are_compressed(
    eventhouse: Eventhouse, accepted: str, encoding: str | None
) -> None:
    async with page(eventhouse, peer="192.0.2.1") as far, page(eventhouse) as near:
        headers = {"accept-encoding": accepted}
        large = {"csl": "range n from 1 to 1000 step 1"}
        request = far.build_request("POST", QUERY, json=large, headers=headers)
        answer = await far.send(request, stream=True)
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
        assert answer.headers.get("content-encoding") == encoding
        document = gzip.decompress(raw) if encoding == "gzip" else zlib.decompress(raw) if encoding else raw
        assert json.loads(document)[2]["Rows"] == [[n] for n in range(1, 1001)]
        small = await far.post(QUERY, json={"csl": "print 1"}, headers=headers)
        local = await near.post(QUERY, json=large, headers=headers)
        assert "content-encoding" not in {**small.headers, **local.headers}


async def test_the_cloud_of_the_server_is_the_sdks_default(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/rest/auth/metadata")).json() == {
        "AzureAD": {
            "LoginEndpoint": "https://login.microsoftonline.com",
            "LoginMfaRequired": False,
            "KustoClientAppId": "db662dc1-0cfe-4e1c-a843-19a68e65be58",
            "KustoClientRedirectUri": "http://localhost",
            "KustoServiceResourceId": "https://kusto.kusto.windows.net",
            "FirstPartyAuthorityUrl": "https://login.microsoftonline.com/f8cdef31-a31e-4b4a-93e4-5f571e91255a",
        }
    }
    assert (await http.get("/v1/rest/ping")).text == "Pong!"


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1", "http://[::1]:8000"])
async def test_pages_from_this_machine_may_use_the_server(http: httpx.AsyncClient, origin: str) -> None:
    preflight = await http.options(QUERY, headers={"origin": origin, "access-control-request-method": "POST"})
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == origin
    assert "x-ms-client-request-id" in preflight.headers["access-control-allow-headers"]
    answer = await http.post(QUERY, json={"csl": "print 1"}, headers={"origin": origin})
    assert answer.headers["access-control-allow-origin"] == origin
    assert "x-ms-activity-id" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize("origin", ["https://example.com", "null", "http://localhost.example.com", "http://[oops"])
async def test_pages_from_elsewhere_are_refused(http: httpx.AsyncClient, origin: str) -> None:
    for answer in (
        await http.post(QUERY, json={"csl": "print 1"}, headers={"origin": origin}),
        await http.options(QUERY, headers={"origin": origin}),
    ):
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(("host", "status"), [("localhost:8080", 200), ("10.1.2.3", 200), ("[::1]:8080", 200),
                                              ("attacker.example", 403)])  # fmt: skip
async def test_a_foreign_name_for_this_machine_is_refused(http: httpx.AsyncClient, host: str, status: int) -> None:
    answer = await http.post(QUERY, json={"csl": "print 1"}, headers={"host": host})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "secret"}, 401),
        ({"authorization": "Bearer sécret".encode()}, 401),
        ({"authorization": "Bearer secret"}, 200),
        ({"authorization": "bearer secret"}, 200),
        ({"authorization": "BEARER  secret"}, 200),
        ({"authorization": "Basic OnNlY3JldA=="}, 401),
        ({"authorization": "Bearer secret", "host": "eventhouse.example"}, 200),
    ],
)
async def test_a_token_is_demanded_where_one_is_set(
    eventhouse: Eventhouse, headers: dict[str, str], status: int
) -> None:
    async with page(eventhouse, token=TOKEN) as http:
        answer = await http.post(QUERY, json={"csl": "print 1"}, headers=headers)
        assert answer.status_code == status
        assert (await http.get("/v1/rest/ping")).status_code == 200
        assert (await http.get("/v1/rest/auth/metadata")).status_code == 200
        assert (await http.options(QUERY)).status_code == 204


@pytest.mark.parametrize("sent", ["Bearer sécret-🔑".encode(), "bearer sécret-🔑".encode()])
async def test_a_token_is_of_any_letters(eventhouse: Eventhouse, sent: bytes) -> None:
    async with page(eventhouse, token="sécret-🔑") as http:  # noqa: S106 - a token of this test only
        answer = await http.post(QUERY, json={"csl": "print 1"}, headers={b"authorization": sent})
        assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/v2/rest/query/", "/v1/rest/ping/", "//evil.example/"])
async def test_nobody_is_sent_elsewhere(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get("http://127.0.0.1:8080" + path)
    assert (answer.status_code, answer.headers.get("location")) == (404, None)


@pytest.mark.parametrize(
    ("sent", "header"),
    [
        ("a\r\nX-Evil: 1", "a%0D%0AX-Evil: 1"),
        ("a\0b", "a%00b"),
        ("\U0001f600é", "%F0%9F%98%80%C3%A9"),
        ("x" * 5000, "x" * 1024),
        ("\ud800", "?"),
    ],
)
@pytest.mark.parametrize("path", [QUERY, "/v1/rest/query", "/v1/rest/mgmt"])
@pytest.mark.parametrize("text", ["print 1", ".show tables", "nonsense |", ""])
async def test_an_id_that_no_header_carries_is_echoed_safely(
    http: httpx.AsyncClient, path: str, text: str, sent: str, header: str
) -> None:
    body = {"csl": text, "properties": json.dumps({"ClientRequestId": sent})}
    answer = await http.post(path, json=body)
    # A request without a text is refused before its properties are read.
    assert answer.headers["x-ms-client-request-id"] == header or not text
    assert answer.status_code in (200, 400)


async def test_head_is_get_without_a_body(http: httpx.AsyncClient) -> None:
    for path in ("/", "/v1/rest/ping", "/v1/rest/auth/metadata", f"{QUERY}?csl=print%201"):
        assert (await http.head(path)).status_code == 200
    assert sorted((await http.put(QUERY)).headers["allow"].split(", ")) == ["GET", "HEAD", "POST"]


@pytest.mark.parametrize(
    ("query", "content", "words"),
    [
        ("", b"x", "streamFormat"),
        ("?streamFormat=csv", b"", "no data"),
        ("?streamFormat=csv", b"PK\x03\x04...", "damaged"),
        ("?streamFormat=csv&sourceKind=uri", b'{"sourceUri": "http://127.0.0.1/x"}', "no blob of this Eventhouse"),
        ("?streamFormat=csv&sourceKind=uri", b"x", "not JSON"),
        ("?streamFormat=csv&sourceKind=uri", b"{}", "sourceUri"),
        ("?streamFormat=nonsense", b"x", "nonsense"),
    ],
)
async def test_an_unusable_ingestion_is_refused(
    http: httpx.AsyncClient, query: str, content: bytes, words: str
) -> None:
    answer = await http.post(f"/v1/rest/ingest/NetDefaultDB/Readings{query}", content=content)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["@message"]


async def test_any_spelling_of_the_format_and_any_header_are_accepted(http: httpx.AsyncClient) -> None:
    answer = await http.post(
        "/v1/rest/ingest/NetDefaultDB/Readings?streamFormat=Csv",
        content=b"2026-01-05T10:00:00Z,a,1.5\n",
        headers={"content-encoding": "gzip", "content-type": "application/octet-stream"},
    )
    assert answer.json()["Tables"][0]["Rows"][0][0] == 1


async def test_a_query_in_another_language_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.post(QUERY, json={"csl": "select 1", "properties": {"Options": {"query_language": "sql"}}})
    assert answer.status_code == 400
    assert "only kql" in answer.text


@pytest.mark.parametrize(
    ("path", "text", "renders"),
    [
        ("/v1/rest/query", "print 1", "query.render_v1"),
        ("/v2/rest/query", "print 1", "query.render_v2"),
        ("/v1/rest/query", ".show tables", "query.render"),
        ("/v1/rest/mgmt", ".show tables", "management.render_command"),
        ("/v1/rest/mgmt", ".show tables | count", "management.render_command"),
    ],
)
async def test_an_answer_that_nobody_waits_for_is_not_rendered(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, path: str, text: str, renders: str
) -> None:
    def leave(*_: object, **__: object) -> None:
        work = work_here()
        assert work is not None
        work.cancel("enough")
        check_work()

    monkeypatch.setattr(f"emulator.server.{renders}", leave)
    answer = await http.post(path, json={"csl": text})
    assert (answer.status_code, answer.json()["error"]["innererror"]["code"]) == (400, "E_QUERY_CANCELLED")


async def test_a_change_is_answered_however_late(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(table: ResultTable) -> bytes:
        assert work_here() is None
        return render_command(table)

    monkeypatch.setattr("emulator.server.management.render_command", late)
    assert (await http.post("/v1/rest/mgmt", json={"csl": ".create table Late (A: long)"})).status_code == 200
